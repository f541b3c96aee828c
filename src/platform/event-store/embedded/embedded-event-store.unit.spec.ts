import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StatementSync } from 'node:sqlite';
import { ManualClock } from '../../clock.js';
import { AppendOutcomeUnknown, EventStoreUnavailable } from '../event-store.errors.js';
import type { EventStore, NewEvent } from '../event-store.port.js';
import { EmbeddedEventStore } from './embedded-event-store.js';

let directory: string;
let store: EmbeddedEventStore;
const clock = new ManualClock(1_750_000_000_000);
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dormouse-embedded-'));
  store = EmbeddedEventStore.open(join(directory, 'events.sqlite'), { clock });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await store.close();
  rmSync(directory, { recursive: true });
});

function event(data: NewEvent['data'] = {}): NewEvent {
  const metadata = {
    $correlationId: randomUUID(),
    $causationId: randomUUID(),
    schema_version: 1,
    time: '2026-01-02T03:04:05.678Z',
    actor: 'test',
    command_id: randomUUID(),
  };
  return { id: randomUUID(), type: 'Happened', data, metadata };
}

async function idsIn(of: EventStore, stream: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of of.readStream(stream)) ids.push(id);
  return ids;
}

/** Sees every statement that the store runs; what `interfere` throws, the statement throws. */
function watchStatements(interfere: (sql: string) => void = () => undefined): string[] {
  const seen: string[] = [];
  const original = Reflect.get(StatementSync.prototype, 'run');
  jest.spyOn(StatementSync.prototype, 'run').mockImplementation(function (this: StatementSync, ...parameters) {
    seen.push(this.sourceSQL);
    interfere(this.sourceSQL);
    return original.apply(this, parameters);
  });
  return seen;
}

/** An error as node:sqlite throws it. */
function sqliteError(errcode: number, message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', errcode });
}

describe('writers that arrive together', () => {
  it('share one commit', async () => {
    const statements = watchStatements();

    await Promise.all(Array.from({ length: 64 }, (_, i) => store.append(`s-${i}`, [event()], 'no_stream')));

    expect(statements.filter((sql) => sql === 'COMMIT')).toHaveLength(1);
    expect(statements.filter((sql) => sql.startsWith('INSERT INTO events'))).toHaveLength(64);
  });

  it('are judged one after another: each sees what those before it wrote', async () => {
    const statements = watchStatements();

    const results = await Promise.all([
      store.append('s-1', [event()], 'no_stream'),
      store.append('s-1', [event(), event()], 0),
      store.append('s-1', [event()], 2),
    ]);

    expect(results.map(({ revision }) => revision)).toEqual([0, 2, 3]);
    expect(statements.filter((sql) => sql === 'COMMIT')).toHaveLength(1);
  });

  it('do not wait for the disk when there is nothing to write', async () => {
    const events = [event()];
    await store.append('s-1', events, 'no_stream');
    const statements = watchStatements();

    await store.append('s-1', events, 'no_stream');
    await expect(store.append('s-1', [event()], 7)).rejects.toMatchObject({ actual: 0 });

    expect(statements).not.toContain('COMMIT');
  });

  it('are written in several groups when they bring much', async () => {
    const statements = watchStatements();
    const large = { text: 'x'.repeat(900_000) };

    await Promise.all(Array.from({ length: 20 }, () => store.append('s-1', [event(large)], 'any')));

    expect(statements.filter((sql) => sql === 'COMMIT')).toHaveLength(3);
    expect(await idsIn(store, 's-1')).toHaveLength(20);
  });
});

describe('a disk that fails', () => {
  /** Two appends that share a commit which fails; gives their errors. */
  async function failTogether(fails: (sql: string) => boolean, error: Error): Promise<unknown[]> {
    watchStatements((sql) => {
      if (fails(sql)) throw error;
    });
    const outcomes = await Promise.allSettled([
      store.append('s-1', [event()], 1),
      store.append('s-2', [event()], 'no_stream'),
    ]);
    jest.restoreAllMocks();
    return outcomes.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as unknown) : outcome));
  }

  const before = [event(), event()];
  beforeEach(() => store.append('s-1', before, 'no_stream'));

  /** Nothing of the failed appends is there, and the store goes on as if they had never been. */
  async function expectNothingHappened(): Promise<void> {
    expect(await idsIn(store, 's-1')).toEqual(before.map(({ id }) => id));
    expect(await idsIn(store, 's-2')).toEqual([]);
    expect(await store.head()).toBe(2);
    const retried = event();
    await expect(store.append('s-1', [retried], 1)).resolves.toEqual({ revision: 2, position: 3 });
    await expect(store.append('s-1', [retried], 'any')).resolves.toEqual({ revision: 2, position: 3 });
  }

  it.each([
    { when: 'an event is written', fails: (sql: string) => sql.startsWith('INSERT') },
    { when: 'the group is committed', fails: (sql: string) => sql === 'COMMIT' },
  ])('because it is full when $when: all are told so, nothing is visible, and it goes on later', async ({ fails }) => {
    const errors = await failTogether(fails, sqliteError(13, 'database or disk is full'));

    for (const error of errors) {
      expect(error).toBeInstanceOf(EventStoreUnavailable);
      expect((error as Error).message).toMatch(/could not write.*disk is full; free some space/);
    }
    await expectNothingHappened();
  });

  it('while flushing leaves the outcome unknown, and repeating settles it', async () => {
    const errors = await failTogether((sql) => sql === 'COMMIT', sqliteError(10, 'disk I/O error'));

    for (const error of errors) expect(error).toBeInstanceOf(AppendOutcomeUnknown);
    await expectNothingHappened();
  });

  it('wakes no subscriber for what was not written', async () => {
    const stop = new AbortController();
    const batches = store.subscribe({ after: 2, signal: stop.signal });
    await batches.next();
    const next = batches.next();

    await failTogether((sql) => sql === 'COMMIT', sqliteError(13, 'database or disk is full'));
    await store.append('s-3', [event()], 'no_stream');

    expect((await next).value).toMatchObject({ events: [{ stream: 's-3', position: 3 }], position: 3 });
    stop.abort();
  });
});

describe('the embedded event store', () => {
  it('records the time of its clock', async () => {
    clock.set(1_800_000_000_000);
    await store.append('s-1', [event()], 'no_stream');

    await expect(store.readStream('s-1')[Symbol.asyncIterator]().next()).resolves.toMatchObject({
      value: { recordedAt: 1_800_000_000_000 },
    });
  });

  it('numbers positions from 1 without gaps', async () => {
    expect(await store.head()).toBeNull();
    await store.append('s-1', [event(), event()], 'no_stream');
    await store.append('s-2', [event()], 'no_stream');

    const batch = await store.readAll({ after: null, limit: 10 });

    expect(batch.events.map(({ position }) => position)).toEqual([1, 2, 3]);
    expect(batch).toMatchObject({ position: 3, live: true });
  });

  it('has an identity of its own', async () => {
    const other = EmbeddedEventStore.open(join(directory, 'other.sqlite'), { clock });

    expect(await other.identity()).toMatch(/^[0-9a-f-]{36}$/);
    expect(await other.identity()).not.toBe(await store.identity());
    await other.close();
  });

  it('says of an empty history that there is nothing and that it is live', async () => {
    const nothing = { events: [], position: null, live: true };

    expect(await store.readAll({ after: null, limit: 1 })).toEqual(nothing);
    expect(await store.readAll({ after: null, limit: 1, direction: 'backwards' })).toEqual(nothing);
    const stop = new AbortController();
    expect((await store.subscribe({ after: null, signal: stop.signal }).next()).value).toEqual(nothing);
    stop.abort();
  });

  it('goes through a long log that a filter leaves out in bounded steps, both ways', async () => {
    const noise = Array.from({ length: 2_000 }, () => event());
    for (let i = 0; i < 6; i++)
      await store.append(
        'noise',
        noise.map((e) => ({ ...e, id: randomUUID() })),
        'any',
      );
    const filter = { streamPrefixes: ['signal'] };

    for (const direction of ['forwards', 'backwards'] as const) {
      const pages = [];
      for (let after: number | null = null; ;) {
        const page = await store.readAll({ after, limit: 10, filter, direction });
        pages.push(page);
        if (page.live) break;
        after = page.position;
      }
      expect(pages.map(({ events }) => events.length)).toEqual([0, 0, 0]);
    }
  });

  it('hands over less than asked when events are large, and nothing is left out', async () => {
    const large = { text: 'x'.repeat(900_000) };
    for (let i = 0; i < 200; i++) await store.append('s-1', [event(i % 20 ? {} : large)], 'any');

    const sizes: number[] = [];
    const stop = new AbortController();
    for await (const batch of store.subscribe({ after: null, signal: stop.signal, batchSize: 500 })) {
      sizes.push(batch.events.length);
      if (batch.live) stop.abort();
    }

    expect(sizes.length).toBeGreaterThan(1);
    expect(sizes.reduce((a, b) => a + b)).toBe(200);
  });

  it('refuses counts that make no sense', async () => {
    expect(() => store.readStream('s', { limit: 0 })).toThrow(RangeError);
    await expect(store.readAll({ after: null, limit: 0 })).rejects.toThrow(RangeError);
  });
});
