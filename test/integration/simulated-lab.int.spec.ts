import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  DescribeInstancesCommand,
  DescribeTagsCommand,
  EC2Client,
  StartInstancesCommand,
  StopInstancesCommand,
  paginateDescribeInstances,
} from '@aws-sdk/client-ec2';
import { transformFile } from '@swc/core';
import { Agent, request as undici } from 'undici';
import { ManualClock } from '../../src/platform/clock.js';
import { CmlServer } from '../../src/simulated-lab/cml-server.js';
import { Ec2Server } from '../../src/simulated-lab/ec2-server.js';
import { SimulatedLab } from '../../src/simulated-lab/lab.js';
import type { LabAnnouncement } from '../../src/simulated-lab/lab-announcement.js';
import type { Narration } from '../../src/simulated-lab/narration.js';
import { selfSignedIdentity } from '../../src/simulated-lab/self-signed.js';

const ROOT = join(import.meta.dirname, '../..');
const NOON = Date.parse('2026-03-04T12:00:00.250Z');
const ACCOUNT = { username: 'admin', password: 'secret', userId: '00000000-0000-4000-a000-000000000000' };

/** Waits for a condition, looking again every few milliseconds. */
async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 8000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Never happened: ${what}`);
    await sleep(5);
  }
}

function ec2Client(endpoint: string, region = 'us-east-1', maxAttempts = 1): EC2Client {
  return new EC2Client({
    endpoint,
    region,
    maxAttempts,
    credentials: { accessKeyId: 'AKIDSIMULATED', secretAccessKey: 'simulated' },
  });
}

interface HttpResult {
  status: number;
  body: unknown;
  date: string | null;
}

async function call(url: string, method = 'GET', token?: string, body?: unknown): Promise<HttpResult> {
  const response = await fetch(url, {
    method,
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json(), date: response.headers.get('date') };
}

async function logIn(base: string, account = ACCOUNT): Promise<string> {
  const { username, password } = account;
  return (await call(`${base}/api/v0/authenticate`, 'POST', undefined, { username, password })).body as string;
}

describe('The simulated EC2, asked by the AWS SDK', () => {
  const id = (n: number): string => `i-${n.toString(16).padStart(17, '0')}`;
  let clock: ManualClock;
  let ec2: Ec2Server;
  let client: EC2Client;

  beforeEach(async () => {
    clock = new ManualClock(NOON);
    // Transitions take an hour, unless a test settles them.
    ec2 = new Ec2Server({ clock: () => clock.now(), stoppingMs: 3_600_000, pendingMs: 3_600_000, maxPageSize: 10 });
    for (let n = 1; n <= 12; n++) {
      ec2.instances.add({ instanceId: id(n), region: 'us-east-1', tags: { Name: `worker <${n}> & co` } });
    }
    ec2.instances.add({ instanceId: id(99), region: 'eu-west-1', tags: {}, state: 'stopped' });
    client = ec2Client(await ec2.start());
  });

  afterEach(async () => {
    client.destroy();
    await ec2.stop();
  });

  const describeOne = async (n: number) => {
    const answer = await client.send(new DescribeInstancesCommand({ InstanceIds: [id(n)] }));
    return answer.Reservations?.[0]?.Instances?.[0];
  };
  const stop = (n: number) => client.send(new StopInstancesCommand({ InstanceIds: [id(n)] }));
  const start = (n: number) => client.send(new StartInstancesCommand({ InstanceIds: [id(n)] }));

  it('describes an instance with its state, times, addresses, place and tags', async () => {
    expect(await describeOne(3)).toMatchObject({
      InstanceId: id(3),
      State: { Code: 16, Name: 'running' },
      LaunchTime: new Date(NOON),
      InstanceType: 'm5zn.metal',
      PrivateIpAddress: '10.0.0.10',
      PublicIpAddress: '203.0.113.10',
      Placement: { AvailabilityZone: 'us-east-1a' },
      Tags: [{ Key: 'Name', Value: 'worker <3> & co' }],
    });
  });

  it('hands out instances in pages, each once', async () => {
    const seen: string[][] = [];
    for await (const page of paginateDescribeInstances({ client, pageSize: 5 }, {})) {
      seen.push((page.Reservations ?? []).flatMap((r) => (r.Instances ?? []).map((i) => i.InstanceId ?? '')));
    }
    expect(seen.map((page) => page.length)).toEqual([5, 5, 2]);
    expect(seen.flat()).toEqual(Array.from({ length: 12 }, (_, n) => id(n + 1)));
  });

  it('pages also when no page size is asked for and there are more than fit', async () => {
    const first = await client.send(new DescribeInstancesCommand({}));
    expect(first.Reservations).toHaveLength(10);
    const second = await client.send(new DescribeInstancesCommand({ NextToken: first.NextToken }));
    expect(second.Reservations).toHaveLength(2);
    expect(second.NextToken).toBeUndefined();
  });

  it.each([
    ['an id', { Name: 'instance-id', Values: [id(2), 'i-gone'] }, 1],
    ['a state', { Name: 'instance-state-name', Values: ['stopping'] }, 1],
    ['a tag with a wildcard', { Name: 'tag:Name', Values: ['worker <1?>*'] }, 3],
    ['a tag that nothing has', { Name: 'tag:Owner', Values: ['*'] }, 0],
  ])('filters by %s', async (_, filter, count) => {
    ec2.instances.stop('us-east-1', [id(7)]);
    const answer = await client.send(new DescribeInstancesCommand({ Filters: [filter] }));
    expect(answer.Reservations ?? []).toHaveLength(count);
  });

  it('shows the instances of the region that the request is signed for, and no other', async () => {
    const elsewhere = ec2Client(ec2.url, 'eu-west-1');
    const answer = await elsewhere.send(new DescribeInstancesCommand({}));
    elsewhere.destroy();
    expect(answer.Reservations?.map((r) => r.Instances?.[0]?.InstanceId)).toEqual([id(99)]);
    await expect(describeOne(99)).rejects.toMatchObject({ name: 'InvalidInstanceID.NotFound' });
  });

  it('lists tags by resource', async () => {
    const command = new DescribeTagsCommand({ Filters: [{ Name: 'resource-id', Values: [id(4)] }] });
    expect((await client.send(command)).Tags).toEqual([
      { ResourceId: id(4), ResourceType: 'instance', Key: 'Name', Value: 'worker <4> & co' },
    ]);
  });

  it('stops an instance by way of stopping, says since when, and takes its public address', async () => {
    const answer = await stop(1);
    expect(answer.StoppingInstances).toEqual([
      {
        InstanceId: id(1),
        PreviousState: { Code: 16, Name: 'running' },
        CurrentState: { Code: 64, Name: 'stopping' },
      },
    ]);
    ec2.instances.settle(id(1));
    const stopped = await describeOne(1);
    expect(stopped).toMatchObject({
      State: { Code: 80, Name: 'stopped' },
      StateTransitionReason: 'User initiated (2026-03-04 12:00:00 GMT)',
      StateReason: { Code: 'Client.UserInitiatedShutdown' },
    });
    expect(stopped?.PublicIpAddress).toBeUndefined();
  });

  it('starts a stopped instance by way of pending, with a new launch time', async () => {
    await stop(1);
    ec2.instances.settle(id(1));
    clock.advance(60_000);
    const answer = await start(1);
    expect(answer.StartingInstances?.[0]?.CurrentState).toEqual({ Code: 0, Name: 'pending' });
    ec2.instances.settle(id(1));
    expect(await describeOne(1)).toMatchObject({
      State: { Name: 'running' },
      LaunchTime: new Date(NOON + 60_000),
      StateTransitionReason: '',
    });
  });

  it('makes its transitions by itself after the time it was given', async () => {
    const quick = new Ec2Server({ clock: () => clock.now(), stoppingMs: 5, pendingMs: 5 });
    quick.instances.add({ instanceId: id(1), region: 'us-east-1', tags: {} });
    quick.instances.stop('us-east-1', [id(1)]);
    await until(() => quick.instances.get(id(1)).state === 'stopped', 'stopped');
    quick.instances.start('us-east-1', [id(1)]);
    await until(() => quick.instances.get(id(1)).state === 'running', 'running');
    await quick.stop();
  });

  it('succeeds without a change when the instance is where it should go already', async () => {
    await stop(1);
    expect((await stop(1)).StoppingInstances?.[0]).toMatchObject({
      PreviousState: { Name: 'stopping' },
      CurrentState: { Name: 'stopping' },
    });
    expect((await start(2)).StartingInstances?.[0]?.CurrentState?.Name).toBe('running');
  });

  it('refuses to start what is stopping, and to stop or start what is terminated', async () => {
    await stop(1);
    await expect(start(1)).rejects.toMatchObject({
      name: 'IncorrectInstanceState',
      $metadata: { httpStatusCode: 400 },
    });
    ec2.instances.terminate(id(2));
    ec2.instances.settle(id(2));
    await expect(stop(2)).rejects.toMatchObject({ name: 'IncorrectInstanceState' });
    await expect(start(2)).rejects.toMatchObject({ name: 'IncorrectInstanceState' });
  });

  it('stops all instances of a request or none', async () => {
    ec2.instances.terminate(id(2));
    const both = new StopInstancesCommand({ InstanceIds: [id(1), id(2)] });
    await expect(client.send(both)).rejects.toMatchObject({ name: 'IncorrectInstanceState' });
    expect(ec2.instances.get(id(1)).state).toBe('running');
  });

  it('tells unknown ids from malformed ones', async () => {
    await expect(describeOne(500)).rejects.toMatchObject({
      name: 'InvalidInstanceID.NotFound',
      message: `The instance ID '${id(500)}' does not exist`,
      $metadata: { httpStatusCode: 400 },
    });
    const malformed = client.send(new DescribeInstancesCommand({ InstanceIds: ['worker-1'] }));
    await expect(malformed).rejects.toMatchObject({ name: 'InvalidInstanceID.Malformed' });
  });

  it('refuses what is not signed', async () => {
    const body = 'Action=DescribeInstances&Version=2016-11-15';
    const response = await fetch(ec2.url, { method: 'POST', body });
    expect(response.status).toBe(401);
    expect(await response.text()).toContain('<Code>AuthFailure</Code>');
  });

  it('refuses the next request with any code, once, and does nothing for it', async () => {
    ec2.faultNext({ kind: 'refuse', code: 'UnauthorizedOperation' }, { target: 'StopInstances' });
    await expect(describeOne(1)).resolves.toBeDefined();
    await expect(stop(1)).rejects.toMatchObject({
      name: 'UnauthorizedOperation',
      $metadata: { httpStatusCode: 403 },
    });
    expect(ec2.instances.get(id(1)).state).toBe('running');
    await expect(stop(1)).resolves.toBeDefined();
    expect(ec2.receivedFor(id(1), 'StopInstances').map((r) => r.outcome)).toEqual([
      'UnauthorizedOperation',
      'accepted',
    ]);
  });

  it('throttles so many requests that a client which retries gets through', async () => {
    ec2.throttleNext(2);
    await expect(stop(1)).rejects.toMatchObject({ name: 'RequestLimitExceeded' });
    const patient = ec2Client(ec2.url, 'us-east-1', 3);
    await patient.send(new StopInstancesCommand({ InstanceIds: [id(1)] }));
    patient.destroy();
    expect(ec2.received.map((r) => r.outcome)).toEqual(['RequestLimitExceeded', 'RequestLimitExceeded', 'accepted']);
  });

  it('can do a thing and lose the answer', async () => {
    ec2.faultNext({ kind: 'lose_answer' });
    await expect(stop(1)).rejects.toThrow();
    expect(ec2.instances.get(id(1)).state).toBe('stopping');
    expect(ec2.received).toEqual([
      { action: 'StopInstances', region: 'us-east-1', instanceIds: [id(1)], at: NOON, outcome: 'accepted' },
    ]);
  });

  it('can take a request, do nothing and never answer', async () => {
    ec2.faultNext({ kind: 'never_answer' });
    const command = new StopInstancesCommand({ InstanceIds: [id(1)] });
    const patience = new AbortController();
    ec2.onRequest(() => void setImmediate(() => patience.abort()));
    const sent = client.send(command, { abortSignal: patience.signal });
    await expect(sent).rejects.toMatchObject({ name: 'AbortError' });
    expect(ec2.instances.get(id(1)).state).toBe('running');
    expect(ec2.received.map((r) => r.outcome)).toEqual(['not_done']);
  });

  it('can hold an answer back until it is out of date', async () => {
    ec2.faultNext({ kind: 'late_answer', ms: 50 }, { target: 'DescribeInstances' });
    const read = new Promise<void>((resolve) => void ec2.onDone(() => resolve()));
    const early = describeOne(1);
    await read;
    ec2.instances.stop('us-east-1', [id(1)]);
    expect((await early)?.State?.Name).toBe('running');
    expect((await describeOne(1))?.State?.Name).toBe('stopping');
  });

  it('calls hooks before anything is done, and when it is done and not answered yet', async () => {
    const told: string[] = [];
    ec2.onRequest(({ action }) => void told.push(`${action} arrived: ${ec2.instances.get(id(1)).state}`));
    ec2.onDone(({ action }) => void told.push(`${action} done: ${ec2.instances.get(id(1)).state}`));
    await stop(1);
    expect(told).toEqual(['StopInstances arrived: running', 'StopInstances done: stopping']);
  });

  it('lets a proxy answer in its stead', async () => {
    ec2.faultNext({ kind: 'raw', status: 502, body: '<html>Bad Gateway</html>' });
    await expect(describeOne(1)).rejects.toMatchObject({ $metadata: { httpStatusCode: 502 } });
  });
});

describe('The simulated CML server', () => {
  const history = [{ category: 'start_lab', timestamp: '2026-03-04T11:00:00', data: {} }];
  let clock: ManualClock;
  let telemetry: readonly unknown[] | string;
  let cml: CmlServer;
  let api: string;

  beforeEach(async () => {
    clock = new ManualClock(NOON);
    telemetry = history;
    cml = new CmlServer({ ...ACCOUNT, telemetry: () => telemetry, clock: () => clock.now() });
    api = `${await cml.start()}/api/v0`;
  });

  afterEach(() => cml.stop());

  const readTelemetry = (token?: string) => call(`${api}/telemetry/events`, 'GET', token);

  it('answers a login with the token as a bare JSON string, a JWT for a day', async () => {
    const token = await logIn(cml.url);
    const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      iat: number;
      exp: number;
    };
    expect(payload.exp - payload.iat).toBe(86_400);
    expect(cml.logins).toBe(1);
  });

  it('answers the extended login with the caller and its own id', async () => {
    const { username, password, userId } = ACCOUNT;
    const { body } = await call(`${api}/auth_extended`, 'POST', undefined, { username, password });
    expect(body).toEqual({ username, id: userId, token: expect.any(String), admin: true, error: null });
    expect((await readTelemetry((body as { token: string }).token)).status).toBe(200);
  });

  it.each([
    ['a wrong password', { username: 'admin', password: 'wrong' }, 403],
    ['no password', { username: 'admin' }, 400],
    ['a user name of 33 characters', { username: 'a'.repeat(33), password: 'secret' }, 400],
  ])('refuses a login with %s', async (_, credentials, status) => {
    const answer = await call(`${api}/authenticate`, 'POST', undefined, credentials);
    expect(answer).toMatchObject({ status, body: { code: status, description: expect.any(String) } });
    expect(cml.logins).toBe(0);
  });

  it('shows the telemetry to a token, and 401 to anybody else', async () => {
    expect(await readTelemetry()).toMatchObject({ status: 401, body: { code: 401 } });
    expect(await readTelemetry('made-up')).toMatchObject({ status: 401 });
    expect(await readTelemetry(await logIn(cml.url))).toMatchObject({ status: 200, body: history });
    expect(cml.telemetryReads).toBe(3);
  });

  it('sends a string of telemetry as it is', async () => {
    telemetry = '[{"category": "start';
    const headers = { authorization: `Bearer ${await logIn(cml.url)}` };
    expect(await (await fetch(`${api}/telemetry/events`, { headers })).text()).toBe(telemetry);
  });

  it('ends a session at logout, after a day, and when told to forget them all', async () => {
    const [first, second] = [await logIn(cml.url), await logIn(cml.url)];
    expect((await call(`${api}/logout`, 'DELETE', first)).body).toBe(true);
    expect((await call(`${api}/authok`, 'GET', first)).status).toBe(401);
    expect((await call(`${api}/authok`, 'GET', second)).status).toBe(200);
    clock.advance(86_400_000);
    expect((await call(`${api}/authok`, 'GET', second)).status).toBe(401);
    const third = await logIn(cml.url);
    cml.expireTokens();
    expect((await call(`${api}/authok`, 'GET', third)).status).toBe(401);
  });

  it('says who it is without a login, and its labs with one', async () => {
    expect((await call(`${api}/system_information`)).body).toMatchObject({ ready: true, version: expect.any(String) });
    expect((await call(`${api}/labs`)).status).toBe(401);
    expect((await call(`${api}/labs`, 'GET', await logIn(cml.url))).body).toEqual([]);
  });

  it('dates its answers by its own clock', async () => {
    clock.advance(-600_000);
    expect((await call(`${api}/system_information`)).date).toBe('Wed, 04 Mar 2026 11:50:00 GMT');
  });

  it('can answer anything, to one path and so many times', async () => {
    const token = await logIn(cml.url);
    cml.faultNext({ kind: 'answer', status: 503, body: '"busy"' }, { target: '/telemetry/events', times: 2 });
    expect((await call(`${api}/authok`, 'GET', token)).status).toBe(200);
    expect(await readTelemetry(token)).toMatchObject({ status: 503, body: 'busy' });
    expect((await readTelemetry(token)).status).toBe(503);
    expect((await readTelemetry(token)).status).toBe(200);
  });

  it('can drop the connection, cut an answer short, and never answer', async () => {
    const token = await logIn(cml.url);
    cml.faultNext({ kind: 'drop' });
    await expect(readTelemetry(token)).rejects.toThrow();
    cml.faultNext({ kind: 'cut', afterBytes: 10 });
    await expect(readTelemetry(token)).rejects.toThrow();
    cml.faultNext({ kind: 'never_answer' });
    const silence = fetch(`${api}/system_information`, { signal: AbortSignal.timeout(100) });
    await expect(silence).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('can answer late', async () => {
    cml.faultNext({ kind: 'delay', ms: 60 });
    const before = performance.now();
    expect((await call(`${api}/system_information`)).status).toBe(200);
    expect(performance.now() - before).toBeGreaterThan(55);
  });

  it('calls hooks when a request arrives', async () => {
    const told: string[] = [];
    const off = cml.onRequest(({ method, path }) => void told.push(`${method} ${path}`));
    await call(`${api}/system_information`);
    off();
    await call(`${api}/system_information`);
    expect(told).toEqual(['GET /system_information']);
  });

  it('refuses connections while stopped and comes back on its port without its old sessions', async () => {
    const token = await logIn(cml.url);
    const before = cml.url;
    cml.faultNext({ kind: 'never_answer' });
    const arrived = new Promise<void>((resolve) => void cml.onRequest(() => resolve()));
    const hanging = expect(fetch(`${api}/system_information`)).rejects.toThrow();
    await arrived;
    await cml.stop();
    await hanging;
    await expect(fetch(`${api}/system_information`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    expect(await cml.start()).toBe(before);
    expect((await readTelemetry(token)).status).toBe(401);
  });

  it('serves HTTPS with a certificate that only clients who know it accept', async () => {
    const tls = selfSignedIdentity(Date.now());
    const secure = new CmlServer({ ...ACCOUNT, telemetry: () => [], tls });
    const url = `${await secure.start()}/api/v0/system_information`;
    expect(url).toMatch(/^https:/);
    await expect(fetch(url)).rejects.toMatchObject({ cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } });
    const dispatcher = new Agent({ connect: { ca: tls.cert } });
    expect((await undici(url, { dispatcher })).statusCode).toBe(200);
    await dispatcher.close();
    await secure.stop();
  });
});

/** Everything as quick as it can be, and nobody at the console unless a test says so. */
const QUICK = {
  stoppingMs: 5,
  pendingMs: 5,
  cmlBootMs: 5,
  useEveryMs: 10,
  noiseEveryMs: 20,
  forgottenAfterMs: 50,
  consoleStopAfterMs: 3_600_000,
  consoleStartAfterMs: 3_600_000,
};

interface Telemetry {
  category: string;
  timestamp: string;
  data: { user_id?: string };
}

describe('The simulated lab', () => {
  let lab: SimulatedLab;
  let narrated: Narration[];

  const open = async (timings: Partial<typeof QUICK> = {}): Promise<LabAnnouncement> => {
    lab = new SimulatedLab({ timings: { ...QUICK, ...timings }, narrate: (line) => narrated.push(line) });
    return lab.start();
  };
  const history = (name: string): Telemetry[] => [...lab.worker(name).telemetry.all()];
  const byPeople = (events: Telemetry[]): Telemetry[] =>
    events.filter(({ data, category }) =>
      category === 'user_activity' ? !data.user_id?.startsWith('00000000-0000-') : /_(lab|node)$/.test(category),
    );

  beforeEach(() => {
    narrated = [];
  });

  afterEach(() => lab.stop());

  it('announces at least five workers that differ, each with an instance that EC2 knows and a CML that answers', async () => {
    const announced = await open();
    expect(new Set(announced.workers.map((w) => w.behaviour)).size).toBeGreaterThanOrEqual(5);
    const client = ec2Client(announced.ec2_endpoint, announced.region);
    const answer = await client.send(
      new DescribeInstancesCommand({ InstanceIds: announced.workers.map((w) => w.aws_instance_id) }),
    );
    client.destroy();
    const tags = answer.Reservations?.flatMap((r) => r.Instances ?? []).map((i) => i.Tags);
    expect(tags).toEqual(
      announced.workers.map(({ name }) => [
        { Key: 'Name', Value: name },
        { Key: 'dormouse:simulated', Value: 'true' },
      ]),
    );
    for (const worker of announced.workers) {
      expect((await call(`${worker.cml_endpoint}/api/v0/system_information`)).status).toBe(200);
    }
  });

  it('gives a used worker some hundred events, few of them by people, with times as CML writes them', async () => {
    await open();
    const events = history('lab-idle');
    expect(events.length).toBeGreaterThan(200);
    expect(byPeople(events).length).toBeGreaterThan(20);
    expect(byPeople(events).length).toBeLessThan(events.length / 2);
    for (const { timestamp } of events) expect(timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?$/);
    const fractions = new Set(events.map(({ timestamp }) => timestamp.split('.')[1]?.length ?? 0));
    expect(fractions.size).toBeGreaterThanOrEqual(4);
  });

  it('shows nobody on the never used worker, and nobody for two hours on the idle one', async () => {
    await open();
    expect(byPeople(history('lab-never-used'))).toEqual([]);
    expect(history('lab-never-used').length).toBeGreaterThan(100);
    const newest = Math.max(...byPeople(history('lab-idle')).map((e) => Date.parse(`${e.timestamp}Z`)));
    expect(Date.now() - newest).toBeGreaterThan(7_190_000);
  });

  it('makes the same lab of the same seed, and another of another', () => {
    const clock = (): number => NOON;
    const facts = (seed: string) =>
      new SimulatedLab({ seed, clock }).workers.map(({ instanceId, telemetry }) => [instanceId, telemetry.all()]);
    expect(facts('a')).toEqual(facts('a'));
    expect(facts('a')).not.toEqual(facts('b'));
    lab = new SimulatedLab();
  });

  it('keeps a busy worker busy, and lets a forgotten one be until its user leaves', async () => {
    await open();
    const people = (name: string): number => byPeople(history(name)).length;
    const before = people('lab-busy');
    await until(() => people('lab-busy') >= before + 3, 'three uses of the busy worker');
    await until(() => narrated.some(({ text }) => text.endsWith('leaves and forgets to stop it')), 'leaving');
    const afterLeaving = people('lab-forgotten');
    const busyThen = people('lab-busy');
    await until(() => people('lab-busy') >= busyThen + 3, 'three more uses of the busy worker');
    expect(people('lab-forgotten')).toBe(afterLeaving);
  });

  it('answers the broken telemetry with an error, HTML and half a document in turn', async () => {
    const announced = await open();
    const { url } = lab.worker('lab-broken-telemetry').cml;
    const token = await logIn(url, { ...ACCOUNT, ...announced });
    const answers: string[] = [];
    for (let n = 0; n < 3; n++) {
      const response = await fetch(`${url}/api/v0/telemetry/events`, { headers: { authorization: `Bearer ${token}` } });
      answers.push(`${response.status} ${(await response.text()).slice(0, 6)}`);
    }
    expect(answers).toEqual(['500 {"code', '200 <html>', '200 [{"cat']);
  });

  it('writes down the reading of its telemetry as automation, not as a person', async () => {
    const announced = await open({ noiseEveryMs: 3_600_000 });
    const { url } = lab.worker('lab-idle').cml;
    const before = history('lab-idle').length;
    const token = await logIn(url, { ...ACCOUNT, ...announced });
    const { body } = await call(`${url}/api/v0/telemetry/events`, 'GET', token);
    const added = (body as Telemetry[]).slice(before);
    expect(added).toHaveLength(2);
    expect(byPeople(added)).toEqual([]);
  });

  it('takes CML away with its instance and brings it back at the same address', async () => {
    const announced = await open();
    const worker = lab.worker('lab-idle');
    const client = ec2Client(announced.ec2_endpoint);
    const url = `${worker.cml.url}/api/v0/system_information`;
    await client.send(new StopInstancesCommand({ InstanceIds: [worker.instanceId] }));
    await until(() => worker.state === 'stopped' && !worker.cml.running, 'stopped');
    await expect(fetch(url)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    await client.send(new StartInstancesCommand({ InstanceIds: [worker.instanceId] }));
    client.destroy();
    await until(() => worker.cml.running, 'CML is back');
    expect((await call(url)).status).toBe(200);
    const lines = narrated.filter((line) => line.worker === 'lab-idle').map((line) => line.text);
    expect(lines).toEqual([
      expect.stringMatching(/^running -> stopping: User initiated/),
      'CML does not answer any more',
      expect.stringMatching(/^stopping -> stopped/),
      'stopped -> pending',
      'pending -> running',
      'CML answers',
    ]);
  });

  it('lets somebody stop a worker in the EC2 console and start it again, which is no request to EC2', async () => {
    await open({ consoleStopAfterMs: 20, consoleStartAfterMs: 20 });
    await until(() => narrated.some(({ text }) => text === 'CML answers'), 'CML is back');
    expect(lab.ec2.received).toEqual([]);
    const told = narrated.filter(({ worker, kind }) => worker === 'lab-console' && /console|instance/.test(kind));
    expect(told.map(({ kind, text }) => `${kind}: ${text.split(':')[0]}`)).toEqual([
      'console: somebody stops it in the EC2 console',
      'instance: running -> stopping',
      'instance: stopping -> stopped',
      'console: somebody starts it in the EC2 console',
      'instance: stopped -> pending',
      'instance: pending -> running',
    ]);
  });

  it('shows its state, and lets people use, stop and start a worker, under a path of its own', async () => {
    const { ec2_endpoint: base } = await open();
    expect((await call(`${base}/_lab/workers/lab-idle/use`, 'POST')).status).toBe(200);
    expect(lab.worker('lab-idle').lastUseAt).not.toBeNull();
    const stopped = await call(`${base}/_lab/workers/lab-idle/stop`, 'POST');
    expect(stopped.body).toEqual({ simulated: true, worker: 'lab-idle', state: 'stopping' });
    await until(() => !lab.worker('lab-idle').cml.running, 'CML is gone');
    expect((await call(`${base}/_lab/workers/lab-idle/use`, 'POST')).status).toBe(409);
    expect((await call(`${base}/_lab/workers/nobody/use`, 'POST')).status).toBe(404);
    const { body } = await call(`${base}/_lab`);
    expect(body).toMatchObject({ simulated: true, received: [] });
    expect((body as { workers: unknown[] }).workers).toHaveLength(lab.workers.length);
  });
});

describe('The simulated lab as a program', () => {
  let folder: string;
  let child: ChildProcessByStdio<Writable, Readable, null>;
  let lines: AsyncIterator<string>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'simulated-lab-'));
    await writeFile(join(folder, 'package.json'), '{"type": "module"}');
    const names = (await readdir(join(ROOT, 'src/simulated-lab'))).filter((name) => /^[^.]+\.ts$/.test(name));
    const sources = ['platform/clock.ts', ...names.map((name) => `simulated-lab/${name}`)];
    for (const source of sources) {
      const { code } = await transformFile(join(ROOT, 'src', source), {
        jsc: { target: 'es2024', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
      });
      const target = join(folder, source.replace(/\.ts$/, '.js'));
      await mkdir(join(target, '..'), { recursive: true });
      await writeFile(target, code);
    }
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  const begin = async (env: Record<string, string> = {}): Promise<LabAnnouncement> => {
    child = spawn(process.execPath, [join(folder, 'simulated-lab/main.js')], {
      env: { ...process.env, NODE_OPTIONS: '', LAB_PACE: '0.01', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return (await nextLine()) as LabAnnouncement;
  };
  const nextLine = async (): Promise<unknown> => JSON.parse(String((await lines.next()).value));
  const exitCode = async (): Promise<number | null> => {
    if (child.exitCode === null) await once(child, 'exit');
    return child.exitCode;
  };

  afterEach(() => {
    child.kill('SIGKILL');
  });

  it('announces itself on its first line, then tells what happens', async () => {
    const announced = await begin();
    expect(announced).toMatchObject({ simulated: true, region: 'us-east-1', username: 'admin' });
    expect((await call(`${announced.ec2_endpoint}/_lab`)).status).toBe(200);
    expect(await nextLine()).toEqual({
      at: expect.stringMatching(/Z$/),
      kind: expect.stringMatching(/^(user|console|instance|cml)$/),
      worker: expect.stringMatching(/^lab-/),
      text: expect.any(String),
    });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends on %s with exit code 0', async (signal) => {
    await begin();
    child.kill(signal);
    expect(await exitCode()).toBe(0);
  });

  it('ends when the program that started it goes away', async () => {
    await begin();
    child.stdin.end();
    expect(await exitCode()).toBe(0);
  });
});
