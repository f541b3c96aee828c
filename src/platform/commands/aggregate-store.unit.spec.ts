import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { ManualClock } from '../clock.js';
import { EmbeddedEventStore } from '../event-store/embedded/embedded-event-store.js';
import { EventCodec } from '../event-store/event-codec.js';
import { AppendOutcomeUnknown } from '../event-store/event-store.errors.js';
import type { EventStore, NewEvent } from '../event-store/event-store.port.js';
import { EmbeddedReadModelStore } from '../read-models/embedded/embedded-read-model-store.js';
import type { Aggregate, Decision } from './aggregate.js';
import { AggregateStore } from './aggregate-store.js';
import type { AggregateStoreOptions, Transacted } from './aggregate-store.js';
import { eventIdOf, keyedCommandContext, newCommandContext } from './command-context.js';
import type { CommandContext } from './command-context.js';
import { SnapshotStore } from './snapshot-store.js';
import { collect } from '../../../test/support/collect.js';

interface Added {
  readonly type: 'Added';
  readonly data: { readonly amount: number };
}
interface Sum {
  readonly total: number;
  readonly count: number;
}

const counter: Aggregate<Sum, Added> = {
  category: 'counter',
  stateVersion: 1,
  initialState: { total: 0, count: 0 },
  evolve: (state, { data }) => ({ total: state.total + data.amount, count: state.count + 1 }),
};

const STREAM = 'counter-1';
const NOON = Date.parse('2026-03-04T12:00:00.000Z');
const log = pino({ level: 'silent' });
const clock = new ManualClock(NOON);
const codec = new EventCodec();
codec.register({ Added: { version: 1 } });

const added = (amount: number): Added => ({ type: 'Added', data: { amount } });

let directory: string;
let events: EmbeddedEventStore;
let readModels: EmbeddedReadModelStore;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dormouse-aggregates-'));
  events = EmbeddedEventStore.open(join(directory, 'events.sqlite'), { clock });
  readModels = EmbeddedReadModelStore.open(join(directory, 'read-models.sqlite'));
});

afterEach(async () => {
  await events.close();
  await readModels.close();
  await rm(directory, { recursive: true, force: true });
});

/** As a process of its own has it: nothing cached. */
function open(options: Partial<AggregateStoreOptions> = {}, store: EventStore = events): AggregateStore {
  return new AggregateStore(store, codec, new SnapshotStore(readModels, log), clock, options);
}

/** Adds while the total is below a limit, else changes nothing. */
const addBelow =
  (limit: number, amount = 1) =>
  (state: Sum): readonly Added[] =>
    state.total < limit ? [added(amount)] : [];

async function transact(
  store: AggregateStore,
  decide: (state: Sum) => Decision<Added>,
  context: CommandContext = newCommandContext('ada'),
): Promise<Transacted<Sum, Added>> {
  const result = await store.transact(counter, '1', context, decide);
  if ('refused' in result) throw new Error(`Refused: ${result.refused}`);
  return result;
}

/** The store with some of its verbs replaced. */
function storeWith(overrides: Partial<EventStore>): EventStore {
  return new Proxy<EventStore>(events, {
    get: (target, name) => {
      const replaced: unknown = Reflect.get(overrides, name);
      if (replaced !== undefined) return replaced;
      const own: unknown = Reflect.get(target, name, target);
      return typeof own === 'function' ? (own.bind(target) as unknown) : own;
    },
  });
}

describe('A command', () => {
  it('loads, decides, appends, and answers with the new state', async () => {
    const store = open();
    const context = newCommandContext('ada');
    const result = await transact(store, () => [added(2), added(3)], context);
    expect(result).toMatchObject({ state: { total: 5, count: 2 }, revision: 1, repeated: false });
    const recorded = await collect(events.readStream(STREAM));
    expect(recorded.map(({ id }) => id)).toEqual([eventIdOf(context.commandId, 0), eventIdOf(context.commandId, 1)]);
    expect(recorded[0]?.metadata).toEqual({
      $correlationId: context.correlationId,
      $causationId: context.causationId,
      schema_version: 1,
      time: '2026-03-04T12:00:00.000Z',
      actor: 'ada',
      command_id: context.commandId,
    });
    expect(result.position).toBe(recorded[1]?.position);
  });

  it('that changes nothing writes nothing', async () => {
    const store = open();
    await transact(store, () => [added(1)]);
    expect(await transact(store, () => [])).toMatchObject({ events: [], revision: 0, state: { total: 1 } });
    expect(await collect(events.readStream(STREAM))).toHaveLength(1);
  });

  it('on a stream that does not exist and that changes nothing leaves it so', async () => {
    expect(await transact(open(), () => [])).toMatchObject({ revision: -1, position: null });
  });

  it('that is refused writes nothing', async () => {
    const refusal = { refused: 'too_much', message: 'No.' };
    expect(await open().transact(counter, '1', newCommandContext('ada'), () => refusal)).toEqual(refusal);
    expect(await collect(events.readStream(STREAM))).toEqual([]);
  });
});

describe('Two processes on one stream', () => {
  it('meet at the expected revision: the later one decides again on what the other wrote', async () => {
    const [one, other] = [open(), open()];
    await transact(one, addBelow(10));
    await transact(other, addBelow(10));
    const seen: number[] = [];
    const result = await transact(one, (state) => {
      seen.push(state.total);
      return addBelow(10)(state);
    });
    expect(seen).toEqual([1, 2]);
    expect(result).toMatchObject({ state: { total: 3 }, revision: 2 });
  });

  it('never have a "no change" decided on a cached state that is stale', async () => {
    const [one, other] = [open(), open()];
    await transact(one, () => [added(10)]);
    await transact(other, () => [added(-10)]);
    expect(await transact(one, addBelow(5))).toMatchObject({ state: { total: 1 }, events: [added(1)] });
  });

  it('never have a refusal decided on a cached state that is stale', async () => {
    const [one, other] = [open(), open()];
    await transact(one, () => [added(10)]);
    await transact(other, () => [added(-10)]);
    const refuseHigh = (state: Sum): Decision<Added> =>
      state.total > 5 ? { refused: 'too_high', message: 'No.' } : [added(1)];
    expect(await transact(one, refuseHigh)).toMatchObject({ state: { total: 1 } });
  });

  it('that disturb each other every time end in concurrency_conflict, nothing written', async () => {
    const store = open({ attempts: 3 });
    let disturbed = 0;
    const decide = async (): Promise<unknown> => {
      const stubborn = storeWith({
        append: async (stream, newEvents, expected) => {
          disturbed++;
          await transact(open(), () => [added(100)]);
          return events.append(stream, newEvents, expected);
        },
      });
      return transact(open({ attempts: 3 }, stubborn), () => [added(1)]);
    };
    await transact(store, () => [added(0)]);
    await expect(decide()).rejects.toMatchObject({ code: 'concurrency_conflict', status: 409 });
    expect(disturbed).toBe(3);
    expect((await store.load(counter, '1')).state).toEqual({ total: 300, count: 4 });
  });
});

describe('Fifty commands at once on one stream', () => {
  it('are all carried out, in one process without a single conflict', async () => {
    let appends = 0;
    const counting = storeWith({
      append: (stream, newEvents, expected) => {
        appends++;
        return events.append(stream, newEvents, expected);
      },
    });
    const store = open({}, counting);
    await Promise.all(Array.from({ length: 50 }, () => transact(store, () => [added(1)])));
    expect((await open().load(counter, '1')).state).toEqual({ total: 50, count: 50 });
    expect(appends).toBe(50);
  });

  it('stop exactly at the limit that each of them keeps, over several processes', async () => {
    const stores = Array.from({ length: 5 }, () => open({ attempts: 100 }));
    const commands = stores.flatMap((store) => Array.from({ length: 10 }, () => transact(store, addBelow(30))));
    const results = await Promise.all(commands);
    expect((await open().load(counter, '1')).state.total).toBe(30);
    expect(results.filter((result) => result.events.length === 1)).toHaveLength(30);
  });

  it('let a failing one fail alone', async () => {
    const store = open();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, n) =>
        transact(store, () => {
          if (n === 4) throw new Error('defect');
          return [added(1)];
        }),
      ),
    );
    expect(outcomes.map(({ status }) => status).filter((status) => status === 'rejected')).toHaveLength(1);
    expect((await store.load(counter, '1')).state.total).toBe(9);
  });
});

describe('A command that its sender names', () => {
  const context = keyedCommandContext('Add/1', 'key', 'ada');

  it('writes once, whenever it comes again, and answers with what it wrote', async () => {
    const store = open();
    const first = await transact(store, () => [added(2), added(3)], context);
    await transact(store, () => [added(10)]);
    for (const later of [store, open()]) {
      const again = await transact(later, () => [added(99)], keyedCommandContext('Add/1', 'key', 'ada'));
      expect(again).toMatchObject({ events: first.events, repeated: true, state: { total: 15 }, revision: 2 });
    }
    expect(await store.wasCarriedOut(counter, '1', context)).toBe(true);
  });

  it('writes once when it comes several times at once, to several processes', async () => {
    const stores = [open(), open(), open()];
    const results = await Promise.all(stores.map((store) => transact(store, () => [added(1)], context)));
    for (const result of results)
      expect(result).toMatchObject({ events: [added(1)], state: { total: 1 }, revision: 0 });
    expect(await collect(events.readStream(STREAM))).toHaveLength(1);
  });

  it.each(
    (['readStream', 'append'] as const).flatMap((call) => [
      { call, cached: false },
      { call, cached: true },
    ]),
  )('writes once when another process carries it out just before $call (cached: $cached)', async ({ call, cached }) => {
    await transact(open(), () => [added(100)]);
    let twin: Promise<Transacted<Sum, Added>> | undefined;
    let armed = false;
    const meanwhile = async (): Promise<void> => {
      if (armed) await (twin ??= transact(open(), () => [added(7)], context));
    };
    const store = open(
      {},
      storeWith({
        readStream: async function* (stream, options) {
          if (call === 'readStream') await meanwhile();
          yield* events.readStream(stream, options);
        },
        append: async (stream, newEvents, expected) => {
          if (call === 'append') await meanwhile();
          return events.append(stream, newEvents, expected);
        },
      }),
    );
    if (cached) await store.load(counter, '1');
    armed = true;
    const result = await transact(store, () => [added(1)], context);
    expect(twin).toBeDefined();
    const stored = await collect(events.readStream(STREAM));
    expect(stored).toHaveLength(2);
    // Whichever of the two has written, both answer with that, and so does the cache afterwards.
    expect(result.events).toEqual([{ type: 'Added', data: stored[1]?.data }]);
    expect((await store.load(counter, '1')).state).toEqual((await open().load(counter, '1')).state);
    expect(result).toMatchObject({ state: (await open().load(counter, '1')).state, revision: 1 });
  });

  it('is recognised in an old stream without reading it again', async () => {
    const store = open({ snapshotEvery: 50 });
    const first = await transact(store, () => [added(2), added(3)], context);
    for (let i = 0; i < 120; i++) await transact(store, () => [added(1)]);
    let read = 0;
    const counting = storeWith({
      readStream: async function* (stream, options) {
        for await (const event of events.readStream(stream, options)) {
          read++;
          yield event;
        }
      },
    });
    const again = await transact(open({}, counting), () => [added(99)], context);
    expect(again).toMatchObject({ events: first.events, repeated: true, state: { total: 125 }, revision: 121 });
    expect(read).toBeLessThan(60);
  });

  it('is another command for another operation or another key', async () => {
    const store = open();
    for (const [scope, key] of [
      ['Add/1', 'key'],
      ['Add/1', 'other'],
      ['Subtract/1', 'key'],
    ] as const) {
      await transact(store, () => [added(1)], keyedCommandContext(scope, key, 'ada'));
    }
    expect((await store.load(counter, '1')).state.total).toBe(3);
  });

  it('that changed nothing at first is carried out when it comes again and there is something to do', async () => {
    const store = open();
    await transact(store, () => [], context);
    expect(await store.wasCarriedOut(counter, '1', context)).toBe(false);
    expect(await transact(store, () => [added(1)], context)).toMatchObject({ repeated: false });
  });
});

describe('An append without an answer', () => {
  interface Sent {
    readonly ids: string[];
    readonly expected: unknown;
  }

  /** Loses the next answers; `written` says whether the append itself arrived. */
  function losing(answers: number, written: boolean, sent: Sent[], between?: () => Promise<unknown>): EventStore {
    let left = answers;
    return storeWith({
      append: async (stream, newEvents: readonly NewEvent[], expected) => {
        sent.push({ ids: newEvents.map(({ id }) => id), expected });
        if (left === 0) return events.append(stream, newEvents, expected);
        left--;
        if (written) await events.append(stream, newEvents, expected);
        await between?.();
        throw new AppendOutcomeUnknown(stream);
      },
    });
  }

  it.each([true, false])(
    'is repeated with the same ids and the same expected revision (written: %s)',
    async (written) => {
      await transact(open(), () => [added(1)]);
      const sent: Sent[] = [];
      const result = await transact(open({}, losing(2, written, sent)), () => [added(1)]);
      expect(result).toMatchObject({ state: { total: 2 }, revision: 1 });
      expect(sent).toHaveLength(3);
      expect(new Set(sent.map((one) => JSON.stringify(one))).size).toBe(1);
      expect(sent[0]?.expected).toBe(0);
      expect((await open().load(counter, '1')).state).toEqual({ total: 2, count: 2 });
    },
  );

  it('that was written is recognised as its own when somebody else wrote after it', async () => {
    const sent: Sent[] = [];
    const between = () => transact(open(), () => [added(100)]);
    const result = await transact(open({}, losing(1, true, sent, between)), () => [added(1)]);
    expect(result).toMatchObject({ events: [added(1)] });
    expect((await open().load(counter, '1')).state).toEqual({ total: 101, count: 2 });
  });

  it('that was not written is decided anew when somebody else wrote meanwhile', async () => {
    const between = () => transact(open(), () => [added(100)]);
    const result = await transact(open({}, losing(1, false, [], between)), addBelow(50));
    expect(result).toMatchObject({ events: [], state: { total: 100 } });
  });

  it('is given up after some repeats, as unknown; repeating the command settles it', async () => {
    const context = keyedCommandContext('Add/1', 'key', 'ada');
    const lost = open({ appendRepeats: 2 }, losing(Infinity, true, []));
    await expect(transact(lost, () => [added(1)], context)).rejects.toMatchObject({ code: 'append_outcome_unknown' });
    expect(await transact(open(), () => [added(1)], context)).toMatchObject({ repeated: true, state: { total: 1 } });
  });
});

describe('Loading', () => {
  /** Counts the events that are read. */
  function counting(): { store: EventStore; read: () => number } {
    let read = 0;
    const store = storeWith({
      readStream: async function* (stream, options) {
        for await (const event of events.readStream(stream, options)) {
          read++;
          yield event;
        }
      },
    });
    return { store, read: () => read };
  }

  async function fill(count: number, options: Partial<AggregateStoreOptions> = {}): Promise<void> {
    const store = open(options);
    for (let n = 0; n < count; n += 10) await transact(store, () => Array.from({ length: 10 }, () => added(1)));
  }

  it('reads a stream that is used again and again only once', async () => {
    await fill(50, { snapshotEvery: 1_000 });
    const { store: counted, read } = counting();
    const store = open({}, counted);
    for (let n = 0; n < 5; n++) await store.load(counter, '1');
    await transact(store, () => [added(1)]);
    expect(read()).toBe(50);
  });

  it('of an old stream goes on from its snapshot', async () => {
    await fill(500, { snapshotEvery: 100 });
    const { store: counted, read } = counting();
    expect(await open({}, counted).load(counter, '1')).toMatchObject({ state: { total: 500 }, revision: 499 });
    expect(read()).toBeLessThanOrEqual(101);
  });

  it('ignores a snapshot of another state version', async () => {
    await fill(200, { snapshotEvery: 100 });
    const newer = {
      ...counter,
      stateVersion: 2,
      evolve: (s: Sum, e: Added) => ({ ...counter.evolve(s, e), total: -1 }),
    };
    expect((await open().load(newer, '1')).state).toEqual({ total: -1, count: 200 });
  });

  it('ignores a snapshot of another history', async () => {
    await fill(200, { snapshotEvery: 100 });
    await events.close();
    events = EmbeddedEventStore.open(join(directory, 'restored.sqlite'), { clock });
    await transact(open({ snapshotEvery: 1_000 }), () => Array.from({ length: 300 }, () => added(2)));
    expect((await open().load(counter, '1')).state).toEqual({ total: 600, count: 300 });
  });

  it('and deciding do without snapshots that cannot be read or written', async () => {
    await fill(200, { snapshotEvery: 100 });
    await readModels.close();
    const store = open({ snapshotEvery: 10 });
    expect((await store.load(counter, '1')).state.total).toBe(200);
    await transact(store, () => [added(1)]);
    readModels = EmbeddedReadModelStore.open(join(directory, 'read-models.sqlite'));
  });

  it('gives the same state with and without cache and snapshots', async () => {
    const hasty = open({ snapshotEvery: 1, cacheSize: 1 });
    for (let n = 1; n <= 30; n++) {
      await transact(hasty, () => [added(n)]);
      await hasty.load(counter, `other-${randomUUID()}`);
    }
    expect((await hasty.load(counter, '1')).state).toEqual((await open().load(counter, '1')).state);
  });
});
