import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import type { EventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import { startEventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import { MONGODB_TEST_URI, TestDatabase } from '../support/mongodb.js';
import type { Instance } from '../support/shared-stores-lab.js';
import { SharedStoresLab } from '../support/shared-stores-lab.js';
import type { Proxy } from '../support/toxiproxy.js';
import { createProxy } from '../support/toxiproxy.js';

const TOXIPROXY_URL = process.env['TOXIPROXY_URL'];
const describeWithBoth = MONGODB_TEST_URI && TOXIPROXY_URL ? describe : describe.skip;

const WORKERS = '/region/us-east-1/workers';
const JOBS = ['activity-detection', 'worker-status-sync'];

/** A request is never kept waiting for longer, whatever is away. */
const PATIENCE_MS = 12_000;

/** The driver's patience, shortened. */
const QUICK_MONGO =
  'directConnection=true&serverSelectionTimeoutMS=500&connectTimeoutMS=500&socketTimeoutMS=1000&heartbeatFrequencyMS=500';
const QUICK_EVENTSTORE = 'defaultDeadline=2000';

/** Somebody who registers workers at one instance, one after another, and notes what was acknowledged. */
class Load {
  readonly acknowledged: string[] = [];
  readonly refused: { readonly status: number; readonly ms: number; readonly code: unknown }[] = [];
  private stopped = false;
  private readonly ended: Promise<void>;

  constructor(
    private readonly lab: SharedStoresLab,
    private readonly instance: Instance,
  ) {
    this.ended = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.ended;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const { status, ms, body } = await this.lab.import(this.instance);
      if (status === 201) this.acknowledged.push(String(body['worker_id']));
      else this.refused.push({ status, ms, code: body['code'] });
      await delay(5);
    }
  }
}

describeWithBoth('Two instances under load', () => {
  let lab: SharedStoresLab;
  let events: EventStoreDbServer;
  let database: TestDatabase;
  let mongo: Proxy;
  let instances: Instance[];
  let loads: Load[];

  beforeEach(async () => {
    lab = await SharedStoresLab.open();
    database = new TestDatabase();
    events = await startEventStoreDbServer({ connectionOptions: QUICK_EVENTSTORE });
    mongo = await createProxy(TOXIPROXY_URL ?? '', new URL(MONGODB_TEST_URI ?? '').host);
    const environment = {
      EVENTSTORE_CONNECTION_STRING: events.connectionString,
      MONGODB_URI: `mongodb://${mongo.address}/${database.name}?${QUICK_MONGO}`,
    };
    instances = [await lab.startReady(environment, true), await lab.startReady(environment, true)];
    loads = [];
  }, 30_000);
  afterEach(async () => {
    for (const load of loads) await load.stop();
    await lab.close();
    await mongo.delete();
    await events.dispose();
    await database.drop();
  }, 30_000);

  const silent = async () => {
    await mongo.add({ type: 'timeout', attributes: { timeout: 0 } });
    await mongo.add({ type: 'timeout', stream: 'upstream', attributes: { timeout: 0 } });
  };
  const outages: [what: string, begin: () => unknown, end: () => unknown, reason: RegExp, code: string][] = [
    [
      'EventStoreDB is killed',
      () => events.kill(),
      () => events.restart(),
      /^The event store cannot be reached: EventStoreDB could not read: there is no connection/,
      'event_store_unavailable',
    ],
    [
      'EventStoreDB is frozen',
      () => events.faults.freeze(),
      () => events.faults.thaw(),
      /^The event store cannot be reached: EventStoreDB /,
      'event_store_unavailable',
    ],
    [
      'MongoDB is gone',
      () => mongo.refuse(),
      () => mongo.heal(),
      /^The read models cannot be reached: MongoDB /,
      'read_model_store_unavailable',
    ],
    [
      'MongoDB is silent',
      silent,
      () => mongo.heal(),
      /^The read models cannot be reached: MongoDB /,
      'read_model_store_unavailable',
    ],
  ];

  it.each(outages)(
    'say so while %s, lose nothing, and go on by themselves',
    async (_, begin, end, reason, code) => {
      const [one, two] = instances as [Instance, Instance];
      const worker = await lab.import(one);
      for (const instance of instances) expect((await instance.get(WORKERS, worker.token)).status).toBe(200);
      loads = instances.map((instance) => new Load(lab, instance));
      await eventually('both are at work', () => loads.every(({ acknowledged }) => acknowledged.length > 5));
      await begin();
      const seen = instances.map(async (instance) => {
        await eventually('it says why it is not ready', async () => reason.test(await instance.reasons()));
        const [live, metrics, asked, paused] = await Promise.all([
          instance.get('/health/live'),
          instance.get('/metrics'),
          instance.get(WORKERS, worker.token),
          instance.post(`${worker.path}/pause`),
        ]);
        expect([live.status, metrics.status]).toEqual([200, 200]);
        expect(asked).toMatchObject({ status: 503, body: { code } });
        expect(paused).toMatchObject({ status: 503, body: { code } });
        for (const { ms } of [live, metrics, asked, paused]) expect(ms).toBeLessThan(PATIENCE_MS);
      });
      await Promise.all(seen);
      expect(lab.ec2.receivedFor(worker.instanceId, 'StopInstances')).toEqual([]);
      await end();
      const before = loads.map(({ acknowledged }) => acknowledged.length);
      for (const instance of instances) {
        await eventually('it is ready again', () => instance.isReady(), 15_000);
      }
      await eventually('both are at work again', () =>
        loads.every(({ acknowledged }, index) => acknowledged.length > (before[index] ?? 0) + 5),
      );
      for (const load of loads) await load.stop();
      for (const { refused } of loads) {
        expect(refused.filter(({ status, ms }) => status !== 503 || ms > PATIENCE_MS)).toEqual([]);
      }
      const { token } = await lab.import(one);
      for (const instance of [one, two]) {
        const { body } = await instance.get(`${WORKERS}?limit=1000`, token);
        const shown = new Set((body['items'] as { worker_id: string }[]).map(({ worker_id }) => worker_id));
        const acknowledged = loads.flatMap((load) => load.acknowledged);
        expect(acknowledged.filter((id) => !shown.has(id))).toEqual([]);
      }
      for (const job of JOBS) {
        expect((await two.post(`/jobs/${job}/run`)).body).toMatchObject({ outcome: 'succeeded' });
      }
      expect((await two.post(`${worker.path}/pause`)).status).toBe(200);
      for (const instance of instances) expect(repeated(instance)).toEqual([]);
    },
    60_000,
  );
});

describeWithBoth('Of two instances the one that does everything and is cut off from EventStoreDB', () => {
  it('leaves it to the other one, and follows', async () => {
    const lab = await SharedStoresLab.open();
    const database = new TestDatabase();
    const events = await startEventStoreDbServer();
    const way = await createProxy(TOXIPROXY_URL ?? '', `127.0.0.1:${events.port}`);
    try {
      const MONGODB_URI = database.uri;
      const one = await lab.startReady({
        EVENTSTORE_CONNECTION_STRING: `esdb://${way.address}?tls=false`,
        MONGODB_URI,
      });
      const two = await lab.startReady({ EVENTSTORE_CONNECTION_STRING: events.connectionString, MONGODB_URI });
      const held = async (instance: Instance) => {
        const holds = (await instance.get('/health/ready')).body['holds'] as { projections: string[] };
        return holds.projections.length;
      };
      await eventually('the first one holds all projections', async () => (await held(one)) > 0);
      await way.refuse();
      const { token, body } = await lab.import(two);
      await eventually(
        'the other one moves the view on',
        async () => (await two.get(WORKERS, token)).status === 200,
        15_000,
      );
      expect(await one.reasons()).toMatch(/^The event store cannot be reached/);
      expect((await one.get(WORKERS, token)).status).toBe(503);
      await eventually('the first one shows it too', async () => {
        const shown = (await one.get(WORKERS)).body['items'] as { worker_id: unknown }[];
        return shown.some(({ worker_id }) => worker_id === body['worker_id']);
      });
      await way.heal();
      await eventually('the first one is ready', () => one.isReady(), 15_000);
      expect((await one.get(WORKERS, token)).status).toBe(200);
      for (const instance of [one, two]) expect(repeated(instance)).toEqual([]);
    } finally {
      await lab.close();
      await way.delete();
      await events.dispose();
      await database.drop();
    }
  }, 60_000);
});

/** What has been said again and again while something was waited for. */
function repeated({ lines }: Instance): unknown[] {
  const waiting = /^(projection\.waiting|job\.schedule_waiting|service\.waiting_for_stores|leases\.renewal_failed)$/;
  const said = lines
    .filter(({ msg }) => waiting.test(msg))
    .map(({ msg, projection, job, error }) => JSON.stringify([msg, projection ?? job, error]));
  return said.filter((line, index) => said.indexOf(line) !== index);
}
