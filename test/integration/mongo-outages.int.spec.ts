import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { MongoLeases } from '../../src/platform/leases/mongo-leases.js';
import { MongoConnection } from '../../src/platform/mongodb/mongo-connection.js';
import { MongoReadModelStore } from '../../src/platform/read-models/mongo/mongo-read-model-store.js';
import { eventually } from '../support/eventually.js';
import { TestDatabase } from '../support/mongodb.js';
import { describeWithMongoControl, MongoServer } from '../support/mongodb-server.js';

const log = pino({ level: 'silent' });
const UNAVAILABLE = { code: 'read_model_store_unavailable', status: 503 };

interface Counter {
  readonly count: number;
}

describeWithMongoControl('A MongoDB server that comes and goes', () => {
  let server: MongoServer;
  let database: TestDatabase;
  let store: MongoReadModelStore;

  beforeAll(async () => {
    server = await MongoServer.start();
  }, 60_000);
  afterAll(() => server.remove(), 60_000);
  beforeEach(async () => {
    database = new TestDatabase(server.uri);
    store = new MongoReadModelStore(await database.connect());
  });
  afterEach(async () => {
    await store.close();
    await database.drop();
  });

  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const begin = performance.now();
    await work();
    return performance.now() - begin;
  };

  it('that is frozen makes operations fail in seconds, and they work again once it goes on', async () => {
    const counters = await store.collection<Counter>({ name: 'counters' });
    await counters.put('a', { count: 1 });
    await server.freeze();
    try {
      const ms = await timed(async () => {
        const asked = [counters.get('a'), counters.put('a', { count: 2 }), store.ping()];
        for (const outcome of await Promise.allSettled(asked)) {
          expect(outcome).toMatchObject({ status: 'rejected', reason: UNAVAILABLE });
        }
      });
      expect(ms).toBeLessThan(8_000);
    } finally {
      await server.thaw();
    }
    await counters.put('a', { count: 3 });
    expect((await counters.get('a'))?.document).toEqual({ count: 3 });
  }, 30_000);

  it('that is killed and comes back has everything that was acknowledged, and is found again by itself', async () => {
    const counters = await store.collection<Counter>({ name: 'counters' });
    let acknowledged = -1;
    let stop = false;
    const writing = (async () => {
      for (let count = 0; !stop; count++) {
        try {
          await store.commit({
            collection: 'counters',
            writes: [{ id: 'a', document: { count }, position: count }],
            beside: [],
          });
          acknowledged = count;
        } catch (error) {
          expect(error).toMatchObject(UNAVAILABLE);
        }
      }
    })();
    await eventually('some are written', () => acknowledged > 20);
    await server.kill();
    const before = acknowledged;
    await server.restart();
    await eventually('writing goes on', () => acknowledged > before + 20, 20_000);
    stop = true;
    await writing;
    expect((await counters.get('a'))?.document.count).toBeGreaterThanOrEqual(acknowledged);
  }, 60_000);

  it('need not be there when the service starts', async () => {
    await server.kill();
    const connection = await MongoConnection.open(database.uri, { log });
    const late = new MongoReadModelStore(connection);
    try {
      expect(await timed(() => expect(late.ping()).rejects.toMatchObject(UNAVAILABLE))).toBeLessThan(8_000);
    } finally {
      await server.restart();
    }
    await late.ping();
    await late.close();
  }, 60_000);

  it('that is frozen for longer than a lease lasts makes its holder give up in time', async () => {
    const ttlMs = 1_500;
    const leases = MongoLeases.on(await database.connect(), { log, ttlMs });
    const lease = await leases.acquire('projection/workers');
    const lost = new Promise<number>((resolve) => {
      lease.lost.addEventListener('abort', () => resolve(performance.now()));
    });
    await server.freeze();
    const frozenAt = performance.now();
    try {
      expect((await lost) - frozenAt).toBeLessThan(ttlMs);
      expect(() => lease.assertHeld()).toThrow('ran out');
    } finally {
      await server.thaw();
    }
    await lease.release();
    await eventually('it can be had again', async () => {
      try {
        return (await leases.tryAcquire('projection/workers')) !== undefined;
      } catch (error) {
        expect(error).toMatchObject(UNAVAILABLE);
        await delay(50);
        return false;
      }
    });
    await leases.close();
  }, 30_000);

  it('that is frozen for less does not cost the holder its lease', async () => {
    const ttlMs = 4_000;
    const leases = MongoLeases.on(await database.connect(), { log, ttlMs });
    const lease = await leases.acquire('projection/workers');
    await delay(ttlMs / 3);
    await server.freeze();
    await delay(ttlMs / 4);
    await server.thaw();
    for (const end = performance.now() + ttlMs; performance.now() < end; await delay(50)) lease.assertHeld();
    await leases.close();
  }, 30_000);
});
