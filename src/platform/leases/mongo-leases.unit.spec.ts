import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { pino } from 'pino';
import { LeaseLost } from './leases.port.js';
import type { TakenLease } from './mongo-lease-table.js';
import { MongoLeases } from './mongo-leases.js';
import type { LeaseTable } from './mongo-leases.js';
import { MonotonicClock } from './monotonic-clock.js';

const log = pino({ level: 'silent' });
const TTL_MS = 9_000;

/** The fake timers' time, which may run on while the timers stand still: as in a process that was stopped. */
class TestClock extends MonotonicClock {
  stoppedFor = 0;

  now(): number {
    return performance.now() + this.stoppedFor;
  }
}

/** A table that answers at once, unless told otherwise, and remembers what it was asked. */
class TestTable implements LeaseTable {
  readonly log: string[] = [];
  /** Names of leases that are somebody else's. */
  readonly elsewhere = new Set<string>();
  /** While set, every answer waits for it. */
  answer: Promise<void> | undefined;
  private tokens = 0;

  async take(name: string): Promise<TakenLease | undefined> {
    await this.asked(`take ${name}`);
    return this.elsewhere.has(name) ? undefined : { name, token: ++this.tokens };
  }

  async remainingMs(name: string): Promise<number> {
    await this.asked(`remaining ${name}`);
    return this.elsewhere.has(name) ? TTL_MS : 0;
  }

  async renew(leases: readonly TakenLease[]): Promise<ReadonlySet<string>> {
    await this.asked(`renew ${leases.map(({ name }) => name).join(' ')}`);
    return new Set(leases.map(({ name }) => name).filter((name) => this.elsewhere.has(name)));
  }

  async release(leases: readonly TakenLease[]): Promise<void> {
    await this.asked(`release ${leases.map(({ name }) => name).join(' ')}`);
  }

  renewals(): string[] {
    return this.log.filter((line) => line.startsWith('renew'));
  }

  private async asked(line: string): Promise<void> {
    this.log.push(line);
    await this.answer;
  }
}

describe('Leases in MongoDB, as their holder sees them', () => {
  let table: TestTable;
  let clock: TestClock;
  let leases: MongoLeases;

  beforeEach(() => {
    jest.useFakeTimers();
    table = new TestTable();
    clock = new TestClock();
    leases = new MongoLeases(table, () => Promise.resolve(), { log, ttlMs: TTL_MS, clock, instance: 'me' });
  });
  afterEach(() => void jest.useRealTimers());

  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

  it('are renewed together, in one call, well before they end', async () => {
    const held = [await leases.acquire('a'), await leases.acquire('b')];
    await pass(10 * TTL_MS);
    for (const lease of held) lease.assertHeld();
    expect(table.renewals().length).toBeGreaterThanOrEqual(29);
    expect(new Set(table.renewals())).toEqual(new Set(['renew a b']));
  });

  it('that are given back before that are never renewed: two calls each', async () => {
    for (let i = 0; i < 100; i++) {
      await leases.hold('worker/1', () => pass(10));
    }
    expect(table.log).toEqual(Array.from({ length: 100 }, () => ['take worker/1', 'release worker/1']).flat());
    await pass(TTL_MS);
    expect(table.renewals()).toEqual([]);
  });

  it('are lost, and say so, when renewals get no answer for nearly as long as they last', async () => {
    const lease = await leases.acquire('a');
    table.answer = new Promise(() => undefined);
    await pass(TTL_MS * 0.9 - 1);
    lease.assertHeld();
    expect(lease.lost.aborted).toBe(false);
    await pass(1);
    expect(lease.lost.reason).toBeInstanceOf(LeaseLost);
    expect(() => lease.assertHeld()).toThrow(LeaseLost);
  });

  it('are lost when renewals fail for as long, each being tried again soon; and held when one succeeds in time', async () => {
    const lease = await leases.acquire('a');
    table.answer = Promise.reject(new Error('away'));
    table.answer.catch(() => undefined);
    await pass(TTL_MS * 0.8);
    expect(table.renewals().length).toBeGreaterThan(3);
    table.answer = undefined;
    await pass(TTL_MS);
    lease.assertHeld();
    table.answer = Promise.reject(new Error('away'));
    table.answer.catch(() => undefined);
    await pass(TTL_MS);
    expect(lease.lost.aborted).toBe(true);
  });

  it('of a process that was stopped are lost at the first look, before any timer has run', async () => {
    const lease = await leases.acquire('a');
    clock.stoppedFor = TTL_MS;
    expect(lease.lost.aborted).toBe(false);
    expect(() => lease.assertHeld()).toThrow(LeaseLost);
    expect(lease.lost.aborted).toBe(true);
  });

  it('that are lost stay so, although a late answer says they were renewed', async () => {
    const lease = await leases.acquire('a');
    const late = Promise.withResolvers<void>();
    table.answer = late.promise;
    await pass(TTL_MS);
    expect(lease.lost.aborted).toBe(true);
    late.resolve();
    await pass(10);
    expect(() => lease.assertHeld()).toThrow(LeaseLost);
  });

  it('are counted from before they were asked for: an answer that comes late leaves less', async () => {
    const late = Promise.withResolvers<void>();
    table.answer = late.promise;
    const asked = leases.acquire('a');
    await pass(TTL_MS / 2);
    table.answer = new Promise(() => undefined);
    late.resolve();
    const lease = await asked;
    await pass(TTL_MS * 0.4);
    expect(lease.lost.aborted).toBe(true);
  });

  it('whose answer comes too late are given back and asked for again', async () => {
    const late = Promise.withResolvers<void>();
    table.answer = late.promise;
    const asked = leases.acquire('a');
    await pass(TTL_MS);
    table.answer = undefined;
    late.resolve();
    await pass(100);
    (await asked).assertHeld();
    expect(table.log).toEqual(['take a', 'release a', 'remaining a', 'take a']);
  });

  it('that somebody else has taken are lost with the next renewal; the others are not', async () => {
    const [a, b] = [await leases.acquire('a'), await leases.acquire('b')];
    table.elsewhere.add('a');
    await pass(TTL_MS / 3);
    expect([a.lost.aborted, b.lost.aborted]).toEqual([true, false]);
  });

  it('are looked at more and more rarely while another instance holds them, and taken when they are free', async () => {
    table.elsewhere.add('a');
    const asked = leases.acquire('a');
    await pass(60_000);
    const looks = table.log.length;
    expect(looks).toBeLessThan(200);
    table.elsewhere.delete('a');
    await pass(1_000);
    expect((await asked).fence).toEqual({ lease: 'a', token: 1 });
  });

  it('within the instance pass on at once, in order, and only one asks the table', async () => {
    const first = await leases.acquire('a');
    const second = leases.acquire('a');
    expect(await leases.tryAcquire('a')).toBeUndefined();
    expect(table.log).toEqual(['take a']);
    await first.release();
    await second;
    expect(table.log).toEqual(['take a', 'release a', 'take a']);
  });

  it('are all given back in one call at the end, and none is given out afterwards', async () => {
    const held = [await leases.acquire('a'), await leases.acquire('b')];
    table.elsewhere.add('c');
    const waiting = leases.acquire('c');
    const refused = expect(waiting).rejects.toMatchObject({ code: 'shutting_down' });
    await leases.close();
    await leases.close();
    await refused;
    expect(table.log.filter((line) => line.startsWith('release'))).toEqual(['release a b']);
    for (const lease of held) expect(() => lease.assertHeld()).toThrow(LeaseLost);
    for (const lease of held) await lease.release();
    await pass(TTL_MS);
    expect(table.renewals()).toEqual([]);
  });

  it('that are given out while the instance closes are given back at once', async () => {
    const late = Promise.withResolvers<void>();
    table.answer = late.promise;
    const asked = leases.tryAcquire('a');
    const refused = expect(asked).rejects.toMatchObject({ code: 'shutting_down' });
    await pass(1);
    const closed = leases.close();
    late.resolve();
    await refused;
    await closed;
    expect(table.log).toContain('release a');
  });

  it('are not asked for before the database may be used', async () => {
    const notReady = new MongoLeases(table, () => Promise.reject(new Error('not yet')), { log, clock });
    await expect(notReady.acquire('a')).rejects.toThrow('not yet');
    await expect(notReady.tryAcquire('a')).rejects.toThrow('not yet');
    expect(table.log).toEqual([]);
  });

  it('that cannot be given back do not make the work fail; they run out', async () => {
    const lease = await leases.acquire('a');
    table.answer = Promise.reject(new Error('away'));
    table.answer.catch(() => undefined);
    await lease.release();
    expect(() => lease.assertHeld()).toThrow(LeaseLost);
  });
});
