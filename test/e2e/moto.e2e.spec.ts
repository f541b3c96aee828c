import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DescribeInstancesCommand, EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { CmlServer } from '../../src/simulated-lab/cml-server.js';
import type { Exchange } from '../crash/recording-proxy.js';
import { RecordingProxy } from '../crash/recording-proxy.js';
import { eventually } from '../support/eventually.js';
import { storedContracts } from '../support/stored-contracts.js';
import { buildProgram, ROOT, Running } from './compiled-program.js';

const { MOTO_URL } = process.env;
const REGION = 'eu-west-1';
const ACCOUNT = { username: 'dormouse', password: 'a-password', userId: '5f0a4f3e-1111-4222-8333-944455556666' };

const describeWithMoto = MOTO_URL ? describe : describe.skip;

describeWithMoto('the service as npm start runs it, against moto (set MOTO_URL)', () => {
  const exchanges: Exchange[] = [];
  const stops = () => exchanges.filter(({ body }) => body.includes('Action=StopInstances'));
  const proxy = new RecordingProxy(MOTO_URL ?? '', {
    arrived: (exchange) => {
      exchanges.push(exchange);
      return Promise.resolve('carry_out');
    },
    done: () => undefined,
    answered: () => undefined,
  });
  const yesterday = new Date(new Date().getTime() - 86_400_000).toISOString().slice(0, 19);
  const telemetry = [{ category: 'start_lab', timestamp: yesterday, data: { lab_id: 'x' } }];
  const cml = new CmlServer({ ...ACCOUNT, telemetry: () => telemetry });
  const admin = new EC2Client({
    region: REGION,
    endpoint: MOTO_URL ?? '',
    credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
  });
  let service: Running;
  let dataDirectory: string;
  let url: string;

  beforeAll(async () => {
    await buildProgram();
    dataDirectory = await mkdtemp(join(tmpdir(), 'dormouse-moto-'));
    const [endpoint] = await Promise.all([proxy.start(), cml.start()]);
    service = Running.node(['--max-semi-space-size=1', join(ROOT, 'dist/main.js')], {
      AWS_ENDPOINT_URL_EC2: endpoint,
      AWS_ACCESS_KEY_ID: 'testing',
      AWS_SECRET_ACCESS_KEY: 'testing',
      CML_USERNAME: ACCOUNT.username,
      CML_PASSWORD: ACCOUNT.password,
      WORKER_IDLE_TIMEOUT_MINUTES: '0.02',
      WORKER_ACTIVITY_DETECTION_INTERVAL: '0.5',
      WORKER_STATUS_SYNC_INTERVAL: '0.5',
      DATA_DIR: dataDirectory,
      PORT: '0',
    });
    url = (await service.printed(/"url":"([^"]+)"/, 20_000))[1] ?? '';
  }, 180_000);

  afterAll(async () => {
    expect((await service.end('SIGTERM')).code).toBe(0);
    expect(await storedContracts(dataDirectory)).toMatchObject({ counts: { WorkerPaused: 1 }, violations: [] });
    await Promise.all([proxy.stop(), cml.stop()]);
    await rm(dataDirectory, { recursive: true, force: true });
  });

  const get = async (path: string): Promise<Record<string, unknown>> =>
    (await (await fetch(`${url}${path}`)).json()) as Record<string, unknown>;

  it('pauses an idle worker with exactly one StopInstances, and tells why', async () => {
    const run = { ImageId: 'ami-12c6146b', MinCount: 1, MaxCount: 1 };
    const { Instances } = await admin.send(new RunInstancesCommand(run));
    const instanceId = Instances?.[0]?.InstanceId ?? '';
    const imported = await fetch(`${url}/region/${REGION}/workers/import`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ aws_instance_id: instanceId, cml_endpoint: cml.url }),
    });
    expect(imported.status).toBe(201);
    const { worker_id } = (await imported.json()) as { worker_id: string };
    const worker = `/region/${REGION}/workers/${worker_id}`;

    await eventually('the worker is paused', async () => (await get(worker))['status'] === 'stopped', 30_000);

    expect(await get(`${worker}/activity`)).toMatchObject({
      pause_reason: 'idle_timeout',
      paused_by: 'system',
      auto_pause_count: 1,
      last_activity_at: `${yesterday}.000Z`,
    });
    const described = await admin.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
    expect(described.Reservations?.[0]?.Instances?.[0]?.State?.Name).toBe('stopped');
    expect(stops().map(({ body }) => new URLSearchParams(body).get('InstanceId.1'))).toEqual([instanceId]);
    const { items } = (await get('/admin/events?type=WorkerPaused')) as { items: unknown[] };
    expect(items).toHaveLength(1);
  }, 60_000);
});
