import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  append,
  carried,
  exported,
  fileOf,
  into,
  newEvent,
  ScratchStores,
  sealed,
  withAppend,
} from '../../../test/support/history-files.js';
import { AppendOutcomeUnknown } from '../event-store/event-store.errors.js';
import type { EventStore, NewEvent } from '../event-store/event-store.port.js';
import type { HistoryEvent } from './history-format.js';
import { HistoryFileRefused } from './history-format.js';
import type { HistoryFile } from './history-reading.js';
import { checkHistory } from './history-reading.js';
import { importHistory } from './import-history.js';

let stores: ScratchStores;
const embedded = (at?: number): EventStore => stores.embedded(at);

beforeEach(async () => {
  stores = await ScratchStores.open();
});

afterEach(() => stores.close());

describe('An import', () => {
  let file: string;
  let source: EventStore;

  beforeEach(async () => {
    source = embedded();
    await append(source, 'note-1', newEvent({ n: 1 }), newEvent({ n: 2 }));
    await append(source, 'note-2', newEvent({ n: 3 }));
    await append(source, 'note-1', newEvent({ n: 4 }));
    file = await exported(source);
  });

  /** @returns what is wrong with a file; undefined when it is good */
  async function problemWith(text: string | Buffer): Promise<string | undefined> {
    try {
      await importHistory(fileOf(text), () => Promise.reject(new Error('The target was opened.')));
    } catch (error) {
      if (error instanceof HistoryFileRefused) return error.problem;
      if (!(error instanceof Error && error.message === 'The target was opened.')) throw error;
    }
    return undefined;
  }

  it('opens no target for a file that was cut off anywhere', async () => {
    const bytes = Buffer.from(file);
    const endOfHeader = bytes.indexOf('\n');
    for (let length = 0; length < bytes.length - 1; length++) {
      const expected = length === 0 ? 'empty' : length < endOfHeader ? 'foreign' : 'truncated';
      expect([length, await problemWith(bytes.subarray(0, length))]).toEqual([length, expected]);
    }
    expect(await problemWith(bytes.subarray(0, -1))).toBeUndefined();
    expect(await problemWith(bytes)).toBeUndefined();
  });

  it('opens no target for a file of which any bit was changed', async () => {
    const property = fc.asyncProperty(fc.nat(Buffer.byteLength(file) - 2), fc.nat(7), async (at, bit) => {
      const bytes = Buffer.from(file);
      bytes[at] = bytes[at]! ^ (1 << bit);
      expect(await problemWith(bytes)).toBeDefined();
    });
    await fc.assert(property, { numRuns: 500 });
  });

  it.each([
    ['no history', 'foreign', () => '{"some":"JSON"}\n'],
    ['no JSON', 'foreign', () => 'PK\u0003\u0004 surely not\n'],
    ['of a newer format', 'newer', () => file.replace('"version":1', '"version":2')],
    ['with lines in another order', 'altered', () => sealed([0, 2, 1, 3, 4].map((n) => lines()[n]!))],
    ['without one of its events', 'altered', () => sealed([0, 1, 3, 4].map((n) => lines()[n]!))],
    ['with a line of its own', 'altered', () => sealed([...lines().slice(0, 5), '{"a":1}'])],
    ['with something behind its end', 'altered', () => `${file}\n`],
    ['with other line ends', 'altered', () => file.replaceAll('\n', '\r\n')],
    [
      'with an id that is none',
      'altered',
      () =>
        sealed(
          lines()
            .slice(0, 5)
            .map((l) => l.replace(/"id":"/, '"id":"x')),
        ),
    ],
  ])('opens no target for a file that is %s', async (_, problem, text) => {
    expect(await problemWith(text())).toBe(problem);
  });

  function lines(): string[] {
    return file.trimEnd().split('\n');
  }

  it('names the line that is no event', async () => {
    const altered = sealed([...lines().slice(0, 3), '{"stream":', ...lines().slice(4, 5)]);
    await expect(checkHistory(fileOf(altered))).rejects.toThrow(/^Line 4 of the file is not an event/);
  });

  it('leaves other streams of the target alone, and its own where they belong', async () => {
    const target = embedded();
    await append(target, 'other-1');
    await append(target, 'note-99');
    await importHistory(fileOf(file), into(target));
    const streams = carried(await exported(target)).map(({ stream }) => stream);
    expect(streams).toEqual(['other-1', 'note-99', 'note-1', 'note-1', 'note-2', 'note-1']);
    expect(await importHistory(fileOf(file), into(target))).toMatchObject({ imported: 0, present: 4 });
  });

  it('of a later export of the same history adds what has come since', async () => {
    const target = embedded();
    await importHistory(fileOf(file), into(target));
    await append(source, 'note-2');
    await append(source, 'note-3');
    const later = await exported(source);
    expect(await importHistory(fileOf(later), into(target))).toMatchObject({ present: 4, imported: 2 });
    expect(carried(await exported(target))).toEqual(carried(later));
  });

  it.each<[string, string, (target: EventStore) => Promise<void>]>([
    ['holds another event', 'note-2', (target) => append(target, 'note-2')],
    [
      'holds a later event of the file without those before it',
      'note-2',
      async (target) => append(target, 'note-2', carried(file)[2] as NewEvent),
    ],
    [
      'has gone on since',
      'note-1',
      async (target) => {
        await importHistory(fileOf(file), into(target));
        await append(target, 'note-1');
      },
    ],
  ])('refuses a target where a stream %s, and writes nothing', async (_, stream, prepare) => {
    const target = embedded();
    await prepare(target);
    const before = await exported(target);
    await expect(importHistory(fileOf(file), into(target))).rejects.toMatchObject({
      code: 'target_holds_other_events',
      stream,
    });
    expect(await exported(target)).toBe(before);
  });

  it('settles an append without an answer by repeating it', async () => {
    const target = embedded();
    const losing = withAppend(target, async (stream, events, expected) => {
      if (lost++ % 2 === 1) return target.append(stream, events, expected);
      await target.append(stream, events, expected);
      throw new AppendOutcomeUnknown(stream);
    });
    let lost = 0;
    expect(await importHistory(fileOf(file), into(losing))).toMatchObject({ imported: 4 });
    expect(carried(await exported(target))).toEqual(carried(file));
  });

  it('ends when somebody else writes to its streams meanwhile, saying how far it came', async () => {
    const target = embedded();
    const rivalled = withAppend(target, async (stream, events, expected) => {
      if (stream === 'note-2') await append(target, stream);
      return target.append(stream, events, expected);
    });
    await expect(importHistory(fileOf(file), into(rivalled))).rejects.toMatchObject({
      code: 'import_interrupted',
      done: 2,
      message: expect.stringMatching(/^2 of 4 events .*'note-2'/),
    });
  });

  it('ends when the target counts a stream on that was deleted there', async () => {
    const target = embedded();
    const renumbering = withAppend(target, async (stream, events, expected) => {
      const { revision, position } = await target.append(stream, events, expected);
      return { revision: revision + 7, position };
    });
    await expect(importHistory(fileOf(file), into(renumbering))).rejects.toThrow(/'note-1' was deleted in the target/);
  });

  it('notices a file that changes while it is read', async () => {
    let readings = 0;
    const last = JSON.parse(lines()[4]!) as HistoryEvent;
    const other = sealed([...lines().slice(0, 4), JSON.stringify({ ...last, data: { n: 5 } })]);
    const changing: HistoryFile = () => fileOf(++readings === 1 ? file : other)();
    await expect(importHistory(changing, into(embedded()))).rejects.toThrow(/the file changed meanwhile/);
  });

  it('can be stopped, and says how far it is', async () => {
    const stop = new AbortController();
    const target = embedded();
    const seen: string[] = [];
    const stopped = importHistory(fileOf(file), into(target), {
      signal: stop.signal,
      onProgress: (phase, done, total) => {
        seen.push(`${phase} ${done} of ${total}`);
        if (phase === 'importing') stop.abort(new Error('Enough.'));
      },
    });
    await expect(stopped).rejects.toThrow('Enough.');
    expect(seen).toEqual(['checking 4 of 0', 'importing 2 of 4']);
    expect(await importHistory(fileOf(file), into(target))).toMatchObject({ present: 2, imported: 2 });
  });
});
