import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import {
  append,
  carried,
  exported,
  EXPORTED_AT,
  fileOf,
  into,
  newEvent,
  ScratchStores,
  withAppend,
} from '../../../test/support/history-files.js';
import { MemoryEventStore } from '../../../test/support/memory-event-store.js';
import { EventStoreUnavailable } from '../event-store/event-store.errors.js';
import type { EventStore } from '../event-store/event-store.port.js';
import { MAX_APPEND_BYTES } from '../event-store/event-store.port.js';
import type { JsonObject } from '../json.js';
import { exportHistory } from './export-history.js';
import { historyOf } from './history-source.js';
import { importHistory } from './import-history.js';

let stores: ScratchStores;
const embedded = (at?: number): EventStore => stores.embedded(at);

beforeEach(async () => {
  stores = await ScratchStores.open();
});

afterEach(() => stores.close());

const streamName = fc.oneof(
  fc.constantFrom('note-1', 'note-2', 'cmlWorker-17', 'plain'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
);
const data = fc.dictionary(fc.string({ unit: 'binary', maxLength: 8 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 });
const appends = fc.array(
  fc.record({
    stream: streamName,
    events: fc.array(fc.record({ data, type: fc.constantFrom('Noted', 'Gelöscht', '記録') }), {
      minLength: 1,
      maxLength: 4,
    }),
  }),
  { maxLength: 12 },
);

/** What a store takes of such a value: JSON's own. */
async function fill(store: EventStore, history: { stream: string; events: { data: unknown; type: string }[] }[]) {
  for (const { stream, events } of history) {
    const all = events.map((event) => newEvent(JSON.parse(JSON.stringify(event.data)) as JsonObject, event.type));
    await store.append(stream, all, 'any');
  }
}

describe('A history', () => {
  it.each<[string, number, () => EventStore]>([
    ['one embedded store to another', 20, () => embedded(5)],
    ['one store to another', 150, () => new MemoryEventStore()],
  ])(
    'that is carried from %s is the same, whatever it holds',
    async (_, numRuns, make) => {
      const property = fc.asyncProperty(appends, fc.integer({ min: 1, max: 300 }), async (history, pieces) => {
        const [source, target] = [make(), make()];
        await fill(source, history);
        const file = await exported(source);
        const result = await importHistory(fileOf(file, pieces), into(target));
        const count = carried(file).length;
        expect(result).toMatchObject({ events: count, imported: count, present: 0, target: await target.identity() });
        expect(carried(await exported(target))).toEqual(carried(file));
      });
      await fc.assert(property, { numRuns });
    },
    60_000,
  );

  it('that was carried over anywhere in part is completed by the same import', async () => {
    const property = fc.asyncProperty(appends, fc.nat(20), fc.boolean(), async (history, after, written) => {
      const [source, target] = [new MemoryEventStore(), new MemoryEventStore()];
      await fill(source, history);
      const file = await exported(source);
      const total = carried(file).length;
      let left = after;
      const dying = withAppend(target, async (...given) => {
        if (left-- > 0) return target.append(...given);
        if (written) await target.append(...given);
        throw new EventStoreUnavailable('It died.');
      });
      const died = await importHistory(fileOf(file), into(dying)).then(
        () => false,
        (error: unknown) => expect(error).toMatchObject({ code: 'import_interrupted' }) === undefined,
      );
      const present = carried(await exported(target)).length;
      const again = await importHistory(fileOf(file), into(target));
      expect(again).toMatchObject({ events: total, present, imported: total - present });
      expect(carried(await exported(target))).toEqual(carried(file));
      if (!died) expect(again.imported).toBe(0);
    });
    await fc.assert(property, { numRuns: 150 });
  }, 60_000);

  it('is carried in as few appends as its order allows', async () => {
    const [source, target] = [embedded(), embedded()];
    await append(source, 'a-1', ...Array.from({ length: 300 }, () => newEvent()));
    await append(source, 'a-1', ...Array.from({ length: 300 }, () => newEvent()));
    await append(source, 'b-1');
    await append(source, 'a-1');
    const sizes: number[] = [];
    const counting = withAppend(target, (stream, events, expected) => {
      sizes.push(events.length);
      return target.append(stream, events, expected);
    });
    await importHistory(fileOf(await exported(source)), into(counting));
    expect(sizes).toEqual([500, 100, 1, 1]);
  });

  it('may have events as large as a store takes, one after another', async () => {
    const [source, target] = [embedded(), embedded()];
    const overhead = 2 * 'Noted'.length + JSON.stringify(newEvent().metadata).length + '{"text":""}'.length;
    const text = 'x'.repeat(MAX_APPEND_BYTES - overhead);
    await append(source, 'large-1', newEvent({ text }));
    await append(source, 'large-1', newEvent({ text: 'ü'.repeat(400_000) }));
    await append(source, 'large-1');
    const file = await exported(source);
    await importHistory(fileOf(file), into(target));
    expect(carried(await exported(target))).toEqual(carried(file));
    // One character more, and a store would not take it.
    await expect(append(source, 'large-2', newEvent({ text: `${text}x` }))).rejects.toThrow();
  });

  it('of chosen categories leaves all else out', async () => {
    const source = embedded();
    for (const stream of ['cmlWorker-1', 'other-1', 'cmlWorker-2', 'cmlWorkerX-1', 'third-1']) {
      await append(source, stream);
    }
    const streams = carried(await exported(source, ['cmlWorker', 'third'])).map(({ stream }) => stream);
    expect(streams).toEqual(['cmlWorker-1', 'cmlWorker-2', 'third-1']);
  });

  it('that grows during the export is written as it was when that began', async () => {
    const source = embedded();
    for (let n = 0; n < 120; n++) await append(source, `note-${n}`);
    const history = await historyOf(source);
    let text = '';
    await exportHistory(history, {
      exportedAt: EXPORTED_AT,
      write: async (part) => {
        text += part;
        await append(source, `late-${randomUUID()}`);
      },
    });
    expect(carried(text)).toHaveLength(120);
  });

  it('with a stream that was truncated in the source is not exported: the stream is named', async () => {
    const source = embedded();
    await append(source, 'note-1', newEvent(), newEvent(), newEvent());
    const scavenged: EventStore = new Proxy(source, {
      get: (target, name) => {
        if (name === 'readAll') {
          return async (...given: Parameters<EventStore['readAll']>) => {
            const batch = await target.readAll(...given);
            return { ...batch, events: batch.events.slice(1) };
          };
        }
        const own: unknown = Reflect.get(target, name, target);
        return typeof own === 'function' ? (own.bind(target) as unknown) : own;
      },
    });
    await expect(exported(scavenged)).rejects.toMatchObject({
      code: 'history_incomplete',
      message: expect.stringMatching(/'note-1' goes on with revision 1 where 0 .*backup/),
    });
  });
});
