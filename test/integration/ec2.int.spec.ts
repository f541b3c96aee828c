import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { RunInstancesCommand, EC2Client, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { LeaseLost } from '../../src/platform/leases/leases.port.js';
import { AwsEc2 } from '../../src/workers/gateways/ec2.aws.js';
import type { AwsEc2Options } from '../../src/workers/gateways/ec2.aws.js';
import { Ec2Refused, Ec2Unavailable } from '../../src/workers/gateways/ec2.port.js';

const MOTO = process.env['MOTO_URL'];
const REGION = 'eu-central-1';
const UNKNOWN = 'i-0123456789abcdef0';
const VARIABLES = ['AWS_ENDPOINT_URL_EC2', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_EC2_METADATA_DISABLED'];

const opened: (() => void)[] = [];
const before = new Map(VARIABLES.map((name) => [name, process.env[name]]));
beforeEach(() => {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
});
afterEach(() => {
  for (const close of opened.splice(0)) close();
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

function ec2At(endpoint: string, options: AwsEc2Options = {}): AwsEc2 {
  process.env['AWS_ENDPOINT_URL_EC2'] = endpoint;
  const ec2 = new AwsEc2({ random: () => 0, ...options });
  opened.push(() => ec2.close());
  return ec2;
}

type Respond = (response: ServerResponse, action: string, call: number) => void;

/** An EC2 of the test's own, which answers as it is told and notes the actions. */
async function scriptedEc2(respond: Respond): Promise<{ url: string; calls: URLSearchParams[] }> {
  const calls: URLSearchParams[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      const call = new URLSearchParams(body);
      calls.push(call);
      respond(response, call.get('Action') ?? '', calls.length);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls };
}

function refuse(response: ServerResponse, status: number, code: string): void {
  const error = `<Errors><Error><Code>${code}</Code><Message>said EC2</Message></Error></Errors>`;
  response.writeHead(status, { 'content-type': 'text/xml' });
  response.end(`<?xml version="1.0"?><Response>${error}<RequestID>r</RequestID></Response>`);
}

/** EC2's answer to a stop or start of an instance that was running. */
function changed(response: ServerResponse, action: string, state: string, instanceId = UNKNOWN): void {
  const named = (element: string, name: string): string => `<${element}><name>${name}</name></${element}>`;
  const states = `${named('currentState', state)}${named('previousState', 'running')}`;
  const item = `<item><instanceId>${instanceId}</instanceId>${states}</item>`;
  response.writeHead(200, { 'content-type': 'text/xml' });
  response.end(`<${action}Response><instancesSet>${item}</instancesSet></${action}Response>`);
}

function portal(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>Please log in.</body></html>');
}

async function errorOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => new Error('It did not fail.'),
    (error: unknown) => error,
  );
}

describe('EC2 when it does not do what it is asked', () => {
  it.each([
    [403, 'UnauthorizedOperation'],
    [400, 'IncorrectInstanceState'],
    [400, 'InvalidInstanceID.NotFound'],
    [500, 'InsufficientInstanceCapacity'],
  ])('a %i %s is a refusal with its code, and is not asked again', async (status, code) => {
    const { url, calls } = await scriptedEc2((response) => refuse(response, status, code));
    const error = await errorOf(ec2At(url).stopInstance(REGION, UNKNOWN));
    expect(error).toBeInstanceOf(Ec2Refused);
    expect(error).toMatchObject({ ec2Code: code, details: { ec2_code: code }, status: 502 });
    expect((error as Error).message).toContain('said EC2');
    expect(calls).toHaveLength(1);
  });

  it('a throttled stop is asked again until it is done', async () => {
    const { url, calls } = await scriptedEc2((response, _, call) =>
      call < 3 ? refuse(response, 503, 'RequestLimitExceeded') : changed(response, 'StopInstances', 'stopping'),
    );
    const done = { status: 'stopping', previousStatus: 'running' };
    expect(await ec2At(url).stopInstance(REGION, UNKNOWN)).toEqual(done);
    expect(calls).toHaveLength(3);
  });

  it('a throttled stop is not asked again once it is not allowed any more', async () => {
    const { url, calls } = await scriptedEc2((response) => refuse(response, 503, 'RequestLimitExceeded'));
    let asked = 0;
    const lost = new LeaseLost('worker/1');
    const stop = ec2At(url).stopInstance(REGION, UNKNOWN, () => {
      if (++asked === 2) throw lost;
    });
    await expect(stop).rejects.toBe(lost);
    expect(calls).toHaveLength(1);
  });

  it('a stop that is throttled for ever is given up', async () => {
    const { url, calls } = await scriptedEc2((response) => refuse(response, 503, 'RequestLimitExceeded'));
    const error = await errorOf(ec2At(url, { maxAttempts: 3 }).stopInstance(REGION, UNKNOWN));
    expect(error).toBeInstanceOf(Ec2Unavailable);
    expect(error).toMatchObject({ ec2Code: 'RequestLimitExceeded' });
    expect(calls).toHaveLength(3);
  });

  it.each<[string, Respond]>([
    ['a 500', (response) => refuse(response, 500, 'InternalError')],
    ['a 503 of something in between', (response) => void response.writeHead(503).end('<html>')],
    ['a lost connection', (response) => void response.destroy()],
    ['silence', () => undefined],
    ['an answer that stops', (response) => void response.writeHead(200, { 'content-length': 100 }).write('<')],
  ])('after %s nobody knows whether the instance stopped, and it is not asked again', async (_, respond) => {
    const { url, calls } = await scriptedEc2(respond);
    const options = { requestTimeoutMs: 200, callTimeoutMs: 600 };
    const error = await errorOf(ec2At(url, options).stopInstance(REGION, UNKNOWN));
    expect(error).toBeInstanceOf(Ec2Unavailable);
    expect(calls).toHaveLength(1);
  });

  it('a question is asked again after a 500', async () => {
    const empty = '<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>';
    const { url, calls } = await scriptedEc2((response, _, call) =>
      call < 2 ? refuse(response, 500, 'InternalError') : void response.end(empty),
    );
    expect(await ec2At(url).describeInstances(REGION, [UNKNOWN])).toEqual(new Map());
    expect(calls).toHaveLength(2);
  });

  it('nobody listening is not a refusal', async () => {
    const { url } = await scriptedEc2(() => undefined);
    opened.pop()?.();
    const error = await errorOf(ec2At(url).stopInstance(REGION, UNKNOWN));
    expect(error).toBeInstanceOf(Ec2Unavailable);
    expect((error as Error).message).toContain('ECONNREFUSED');
  });

  it('without credentials it is certain that nothing was done', async () => {
    const { url, calls } = await scriptedEc2((response, action) => changed(response, action, 'stopping'));
    delete process.env['AWS_ACCESS_KEY_ID'];
    delete process.env['AWS_SECRET_ACCESS_KEY'];
    const error = await errorOf(ec2At(url).stopInstance(REGION, UNKNOWN));
    expect(error).toBeInstanceOf(Ec2Refused);
    expect(error).toMatchObject({ ec2Code: 'CredentialsUnavailable' });
    expect(calls).toHaveLength(0);
  });

  it.each<[string, Respond]>([
    ['a captive portal’s page', portal],
    ['an empty body', (response) => void response.end()],
    [
      'another call’s answer',
      (response) => void response.end('<DescribeTagsResponse><tagSet/></DescribeTagsResponse>'),
    ],
    ['no instances', (response, action) => void response.end(`<${action}Response><instancesSet/></${action}Response>`)],
    ['another instance', (response, action) => changed(response, action, 'stopping', 'i-0fedcba9876543210')],
    ['a state that nobody knows', (response, action) => changed(response, action, 'dreaming')],
    ['no state', (response, action) => changed(response, action, '')],
    ['an instance on its way out', (response, action) => changed(response, action, 'shutting-down')],
    [
      'the opposite',
      (response, action) => changed(response, action, action === 'StopInstances' ? 'running' : 'stopped'),
    ],
  ])('a 200 with %s does not count as a stop or start, and is not asked again', async (_, respond) => {
    const { url, calls } = await scriptedEc2(respond);
    const ec2 = ec2At(url);
    for (const error of [
      await errorOf(ec2.stopInstance(REGION, UNKNOWN)),
      await errorOf(ec2.startInstance(REGION, UNKNOWN)),
    ]) {
      expect(error).toBeInstanceOf(Ec2Unavailable);
      expect(error).toMatchObject({ ec2Code: 'UnexpectedAnswer' });
    }
    expect(calls).toHaveLength(2);
  });

  it.each<[string, Respond]>([
    ['a captive portal’s page', portal],
    ['an empty body', (response) => void response.end()],
    ['another call’s answer', (response) => changed(response, 'StopInstances', 'stopping')],
  ])('a 200 with %s does not say that an instance does not exist', async (_, respond) => {
    const { url } = await scriptedEc2(respond);
    const error = await errorOf(ec2At(url).describeInstances(REGION, [UNKNOWN]));
    expect(error).toBeInstanceOf(Ec2Unavailable);
    expect(error).toMatchObject({ ec2Code: 'UnexpectedAnswer' });
  });

  it('many instances are found page by page without a filter', async () => {
    const asked = Array.from({ length: 201 }, (_, i) => `i-${i}`);
    const instance = (id: string): string =>
      `<item><instancesSet><item><instanceId>${id}</instanceId></item></instancesSet></item>`;
    const { url, calls } = await scriptedEc2((response, _, call) => {
      const ids = call === 1 ? ['i-0', 'i-foreign'] : ['i-200'];
      const next = call === 1 ? '<nextToken>more</nextToken>' : '';
      const found = `<reservationSet>${ids.map(instance).join('')}</reservationSet>`;
      response.end(`<DescribeInstancesResponse>${found}${next}</DescribeInstancesResponse>`);
    });
    const found = await ec2At(url).describeInstances(REGION, asked);
    expect([...found.keys()]).toEqual(['i-0', 'i-200']);
    expect(calls.map((call) => [call.get('NextToken'), call.has('Filter.1.Name'), call.get('MaxResults')])).toEqual([
      [null, false, '1000'],
      ['more', false, '1000'],
    ]);
  });

  it('no instances are asked for without a call', async () => {
    const { url, calls } = await scriptedEc2((response) => response.end());
    expect(await ec2At(url).describeInstances(REGION, [])).toEqual(new Map());
    expect(calls).toHaveLength(0);
  });
});

const title = 'EC2 as moto plays it';
const describeWithMoto = MOTO ? describe : describe.skip;
describeWithMoto(MOTO ? title : `${title} (skipped: MOTO_URL does not name a moto server)`, () => {
  let instanceId = '';
  let admin: EC2Client;

  beforeAll(async () => {
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    admin = new EC2Client({ region: REGION, credentials, ...(MOTO ? { endpoint: MOTO } : {}) });
    const TagSpecifications = [{ ResourceType: 'instance' as const, Tags: [{ Key: 'Name', Value: 'cml-1' }] }];
    const run = {
      ImageId: 'ami-12c6146b',
      InstanceType: 't3.micro' as const,
      MinCount: 1,
      MaxCount: 1,
      TagSpecifications,
    };
    const { Instances } = await admin.send(new RunInstancesCommand(run));
    instanceId = Instances?.[0]?.InstanceId ?? '';
  });
  afterAll(async () => {
    await admin.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }));
    admin.destroy();
  });

  it('describes the instances that it knows and leaves out the others', async () => {
    const found = await ec2At(MOTO ?? '').describeInstances(REGION, [instanceId, UNKNOWN]);
    expect([...found.keys()]).toEqual([instanceId]);
    expect(found.get(instanceId)).toMatchObject({
      instanceId,
      state: 'running',
      status: 'running',
      instanceType: 't3.micro',
      launchTime: expect.any(Number),
      tags: { Name: 'cml-1' },
      availabilityZone: expect.stringContaining(REGION),
    });
  });

  it('knows an instance in its own region only', async () => {
    expect(await ec2At(MOTO ?? '').describeInstances('us-east-1', [instanceId])).toEqual(new Map());
  });

  it('stops and starts an instance, and does both again without an error', async () => {
    const ec2 = ec2At(MOTO ?? '');
    const state = async (): Promise<string | undefined> =>
      (await ec2.describeInstances(REGION, [instanceId])).get(instanceId)?.status;
    for (let round = 0; round < 2; round += 1) {
      const { status, previousStatus } = await ec2.stopInstance(REGION, instanceId);
      expect(['stopping', 'stopped']).toContain(status);
      expect(previousStatus).toBe(round === 0 ? 'running' : 'stopped');
      expect(await state()).toBe('stopped');
    }
    for (let round = 0; round < 2; round += 1) {
      const { status, previousStatus } = await ec2.startInstance(REGION, instanceId);
      expect(['pending', 'running']).toContain(status);
      expect(previousStatus).toBe(round === 0 ? 'stopped' : 'running');
      expect(await state()).toBe('running');
    }
  });

  it("refuses to stop an instance that does not exist, with EC2's code", async () => {
    const error = await errorOf(ec2At(MOTO ?? '').stopInstance(REGION, UNKNOWN));
    expect(error).toBeInstanceOf(Ec2Refused);
    expect(error).toMatchObject({ ec2Code: 'InvalidInstanceID.NotFound' });
  });
});
