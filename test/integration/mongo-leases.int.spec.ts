import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { LeaseLost } from '../../src/platform/leases/leases.port.js';
import type { Lease } from '../../src/platform/leases/leases.port.js';
import { MongoLeases } from '../../src/platform/leases/mongo-leases.js';
import type { MongoConnection } from '../../src/platform/mongodb/mongo-connection.js';
import { describeWithMongo, TestDatabase } from '../support/mongodb.js';

const log = pino({ level: 'silent' });
const TTL_MS = 1_500;

interface Instance {
  readonly leases: MongoLeases;
  readonly connection: MongoConnection;
}

describeWithMongo('Leases that instances share', () => {
  let database: TestDatabase;
  let instances: Instance[];

  beforeEach(() => {
    database = new TestDatabase();
    instances = [];
  });
  afterEach(async () => {
    for (const { leases } of instances) await leases.close();
    await database.drop();
  });

  const start = async (ttlMs = TTL_MS): Promise<Instance> => {
    const connection = await database.connect();
    const instance = { connection, leases: MongoLeases.on(connection, { log, ttlMs }) };
    instances.push(instance);
    return instance;
  };
  /** As a power cut would: nothing is given back, nothing more is sent. */
  const vanish = ({ connection }: Instance) => connection.close();
  const tokenOf = (lease: Lease) => lease.fence?.token ?? Number.NaN;

  it('carry a token that grows with every change of hands, releases and restarts included', async () => {
    const tokens: number[] = [];
    for (let i = 0; i < 3; i++) {
      const { leases } = await start();
      const turn = () => leases.hold('job/a', (lease) => Promise.resolve(tokens.push(tokenOf(lease))));
      await turn();
      await turn();
      await leases.close();
    }
    expect(tokens).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('have exactly one of twenty rivals as holder at any time, each with a higher token than the one before', async () => {
    const rivals = await Promise.all(Array.from({ length: 20 }, () => start(20_000)));
    let holders = 0;
    const tokens: number[] = [];
    await Promise.all(
      rivals.map(({ leases }) =>
        leases.hold('projection/workers', async (lease) => {
          expect(++holders).toBe(1);
          tokens.push(tokenOf(lease));
          await delay(1);
          lease.assertHeld();
          holders--;
        }),
      ),
    );
    expect(tokens).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  it('are renewed while they are held, for longer than they would last', async () => {
    const [holder, rival] = [await start(), await start()];
    const lease = await holder.leases.acquire('projection/workers');
    const others = await Promise.all([1, 2, 3].map((i) => holder.leases.acquire(`worker/${i}`)));
    for (const end = performance.now() + 2 * TTL_MS; performance.now() < end; await delay(100)) {
      for (const held of [lease, ...others]) held.assertHeld();
      expect(await rival.leases.tryAcquire('projection/workers')).toBeUndefined();
    }
  });

  it('change hands within one lease time when their holder vanishes', async () => {
    const [holder, rival] = [await start(), await start()];
    await holder.leases.acquire('projection/workers');
    const waiting = rival.leases.acquire('projection/workers');
    await delay(TTL_MS);
    await vanish(holder);
    const vanishedAt = performance.now();
    const lease = await waiting;
    expect(performance.now() - vanishedAt).toBeLessThan(TTL_MS + 100);
    expect(tokenOf(lease)).toBe(2);
  });

  it('change hands at once when their holder closes', async () => {
    const [holder, rival] = [await start(20_000), await start(20_000)];
    const lost = await holder.leases.acquire('projection/workers');
    const waiting = rival.leases.acquire('projection/workers');
    await holder.leases.close();
    expect(lost.lost.reason).toBeInstanceOf(LeaseLost);
    expect(tokenOf(await waiting)).toBe(2);
    await expect(holder.leases.acquire('other')).rejects.toMatchObject({ code: 'shutting_down' });
    await expect(holder.leases.tryAcquire('other')).rejects.toMatchObject({ code: 'shutting_down' });
  });

  it('are lost to their holder before anybody else can have them', async () => {
    const [holder, rival] = [await start(), await start()];
    const lease = await holder.leases.acquire('projection/workers');
    await vanish(holder);
    const waiting = rival.leases.acquire('projection/workers').then((next) => {
      // The old holder's own clock has said so already.
      expect(() => lease.assertHeld()).toThrow(LeaseLost);
      expect(lease.lost.aborted).toBe(true);
      return next;
    });
    expect(tokenOf(await waiting)).toBe(2);
  });

  it('are known to be lost with the next renewal when somebody has taken them away', async () => {
    const { leases, connection } = await start();
    const [taken, kept] = [await leases.acquire('a'), await leases.acquire('b')];
    await connection.db
      .collection<{ _id: string }>('dormouse.leases')
      .updateOne({ _id: 'a' }, { $set: { holder: 'x', token: 9 } });
    await new Promise((resolve) => taken.lost.addEventListener('abort', resolve));
    kept.assertHeld();
    await taken.release();
    const stored = await connection.db.collection<{ _id: string }>('dormouse.leases').findOne({ _id: 'a' });
    expect(stored).toMatchObject({ holder: 'x', token: 9 });
  });
});
