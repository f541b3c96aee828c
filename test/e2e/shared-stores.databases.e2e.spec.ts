import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ManualClock } from '../../src/platform/clock.js';
import { eventually } from '../support/eventually.js';
import type { EventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import { startEventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import { describeWithMongo, TestDatabase } from '../support/mongodb.js';
import { SharedStoresLab } from '../support/shared-stores-lab.js';

const WORKERS = '/region/us-east-1/workers';
const HOUR = 3_600_000;
const NOON = Date.parse('2026-03-04T12:00:00.000Z');

let clock: ManualClock;
let lab: SharedStoresLab;

beforeEach(async () => {
  clock = new ManualClock(NOON);
  lab = await SharedStoresLab.open(clock);
});
afterEach(() => lab.close());

describeWithMongo('A MongoDB database', () => {
  let database: TestDatabase;

  beforeEach(() => {
    database = new TestDatabase();
  });
  afterEach(async () => {
    await lab.close();
    await database.drop();
  });

  /** Everything in the database, to see that nothing was touched. */
  const content = async () => {
    const { db } = await database.connect();
    const names = (await db.listCollections().toArray()).map(({ name }) => String(name)).toSorted();
    return await Promise.all(names.map(async (name) => [name, await db.collection(name).find().toArray()]));
  };

  it('with a newer format is refused and left as it is; the program says what to do, and works once that is done', async () => {
    const { db } = await database.connect();
    const meta = db.collection<{ _id: string; format: number; history: string }>('dormouse.meta');
    await meta.insertOne({ _id: 'read_models', format: 7, history: 'another' });
    const before = await content();
    const instance = await lab.start({ MONGODB_URI: database.uri }, true);
    expect(await instance.reasons()).toMatch(
      /is of format 7, this program knows 1\. Use the program that wrote it, or another database/,
    );
    expect((await instance.get('/health/live')).status).toBe(200);
    expect((await instance.get(WORKERS)).status).toBe(503);
    expect(await content()).toEqual(before);
    expect(instance.logged('service.waiting_for_stores')).toHaveLength(1);
    expect(instance.logged('service.ready')).toEqual([]);
    await meta.deleteMany({});
    await eventually('it is ready', () => instance.isReady());
  }, 20_000);

  it('with half of somebody’s read models is refused and left as it is', async () => {
    const { db } = await database.connect();
    await db.collection('dormouse.models.workers').insertOne({ status: 'running' });
    const before = await content();
    const instance = await lab.start({ MONGODB_URI: database.uri }, true);
    expect(await instance.reasons()).toMatch(
      /Restore the whole database, or drop the collections 'dormouse\.models\.\*'/,
    );
    expect(await content()).toEqual(before);
  }, 20_000);

  it('that another service works on is refused, and taken over when that service has ended', async () => {
    const first = await lab.startReady({ MONGODB_URI: database.uri });
    const worker = await lab.import(first);
    const second = await lab.start({ MONGODB_URI: database.uri });
    expect(await second.reasons()).toMatch(
      /in use for another event history .*Stop that service, or name another database/,
    );
    expect((await second.get(WORKERS)).status).toBe(503);
    expect((await first.get(WORKERS, worker.token)).body).toMatchObject({
      items: [{ worker_id: worker.body['worker_id'] }],
    });
    await first.service.stop();
    for (const { lines } of [first, second]) {
      expect(lines.filter(({ msg }) => msg.startsWith('service.single_instance: events are in DATA_DIR'))).toHaveLength(
        1,
      );
    }
    await eventually('the second one is ready', () => second.isReady());
    expect((await second.get(WORKERS)).body).toMatchObject({ items: [] });
    expect(second.logged('mongodb.history_changed')).toHaveLength(1);
  }, 20_000);
});

describe('A service with one shared store', () => {
  it('warns that there may be one instance only when the events are shared and the read models are not', async () => {
    const server = await startEventStoreDbServer();
    const instance = await lab.startReady({ EVENTSTORE_CONNECTION_STRING: server.connectionString });
    const warnings = instance.lines.filter(({ msg }) => msg.startsWith('service.single_instance'));
    expect(warnings).toMatchObject([{ advice: 'set MONGODB_URI as well to run more than one' }]);
    await lab.close();
    await server.dispose();
  }, 20_000);
});

describeWithMongo('Two instances whose clock jumps by hours', () => {
  let database: TestDatabase;
  let server: EventStoreDbServer;

  beforeEach(async () => {
    database = new TestDatabase();
    server = await startEventStoreDbServer();
  });
  afterEach(async () => {
    await lab.close();
    await server.dispose();
    await database.drop();
  });

  it.each([
    ['backwards', -5 * HOUR],
    ['forwards and back again', 7 * HOUR],
  ])(
    '%s pause nothing because of it and keep their leases',
    async (_, by) => {
      const environment = { EVENTSTORE_CONNECTION_STRING: server.connectionString, MONGODB_URI: database.uri };
      const [one, two] = [await lab.startReady(environment), await lab.startReady(environment)];
      const worker = await lab.import(one);
      const active = () => {
        const timestamp = new Date(clock.now()).toISOString().replace('Z', '');
        lab.telemetry = [...lab.telemetry, { category: 'start_lab', timestamp, data: { lab_id: 'a' } }];
      };
      active();
      expect((await one.post('/jobs/activity-detection/run')).body).toMatchObject({ outcome: 'succeeded' });
      const holds = async () => [
        (await one.get('/health/ready')).body['holds'],
        (await two.get('/health/ready')).body['holds'],
      ];
      const before = await holds();
      clock.advance(by);
      if (by > 0) active();
      expect((await two.post('/jobs/activity-detection/run')).body).toMatchObject({ outcome: 'succeeded' });
      clock.advance(by > 0 ? -by : 0);
      expect((await one.post('/jobs/activity-detection/run')).body).toMatchObject({ outcome: 'succeeded' });
      expect(lab.ec2.receivedFor(worker.instanceId, 'StopInstances')).toEqual([]);
      expect(await holds()).toEqual(before);
      expect([...one.logged('leases.lost'), ...two.logged('leases.lost')]).toEqual([]);
      expect([await one.isReady(), await two.isReady()]).toEqual([true, true]);
    },
    20_000,
  );
});
