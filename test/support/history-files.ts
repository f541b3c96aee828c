import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '../../src/platform/clock.js';
import { EmbeddedEventStore } from '../../src/platform/event-store/embedded/embedded-event-store.js';
import type { EventStore, NewEvent } from '../../src/platform/event-store/event-store.port.js';
import { exportHistory } from '../../src/platform/event-transfer/export-history.js';
import type { HistoryEvent, HistoryTrailer } from '../../src/platform/event-transfer/history-format.js';
import type { HistoryFile } from '../../src/platform/event-transfer/history-reading.js';
import { historyOf } from '../../src/platform/event-transfer/history-source.js';
import type { JsonObject } from '../../src/platform/json.js';

/** Histories on their way from store to store, for tests. */
export const EXPORTED_AT = '2026-03-04T12:00:00.000Z';

/** Embedded stores that are gone with the test. */
export class ScratchStores {
  private readonly opened: EventStore[] = [];

  private constructor(private readonly directory: string) {}

  static async open(): Promise<ScratchStores> {
    return new ScratchStores(await mkdtemp(join(tmpdir(), 'dormouse-transfer-')));
  }

  /** A new and empty one. @param at when it takes all its events, epoch ms */
  embedded(at = 0): EventStore {
    const path = join(this.directory, `${randomUUID()}.sqlite`);
    const store = EmbeddedEventStore.open(path, { clock: new ManualClock(at) });
    this.opened.push(store);
    return store;
  }

  async close(): Promise<void> {
    await Promise.all(this.opened.map((store) => store.close()));
    await rm(this.directory, { recursive: true });
  }
}

/** With an id, correlation and command of its own. */
export function newEvent(data: JsonObject = {}, type = 'Noted'): NewEvent {
  const id = randomUUID();
  const time = EXPORTED_AT;
  const metadata = { $correlationId: id, $causationId: id, schema_version: 1, time, actor: 'ada', command_id: id };
  return { id, type, data, metadata };
}

/** Appends without a look at where the stream is; an event of no interest when none is given. */
export async function append(store: EventStore, stream: string, ...events: NewEvent[]): Promise<void> {
  await store.append(stream, events.length === 0 ? [newEvent()] : events, 'any');
}

/** The file that an export of a store makes. */
export async function exported(store: EventStore, categories: readonly string[] = []): Promise<string> {
  let text = '';
  const write = (part: string): Promise<void> => Promise.resolve(void (text += part));
  await exportHistory(await historyOf(store, categories), { exportedAt: EXPORTED_AT, write });
  return text;
}

/** A file in memory, read in pieces of some bytes. */
export function fileOf(text: string | Buffer, pieces = 1 << 16): HistoryFile {
  const bytes = Buffer.from(text as string);
  return async function* () {
    for (let start = 0; start < bytes.length; start += pieces) {
      yield await Promise.resolve(bytes.subarray(start, start + pieces));
    }
  };
}

/** A target that is open already. */
export const into = (store: EventStore) => (): Promise<EventStore> => Promise.resolve(store);

/** The events as a file says them, without what every store has its own of. */
export function carried(file: string): Omit<HistoryEvent, 'recorded_at'>[] {
  const lines = file.trimEnd().split('\n').slice(1, -1);
  return lines.map((line) => {
    const { recorded_at: _, ...event } = JSON.parse(line) as HistoryEvent;
    return event;
  });
}

/** A file with these lines and the trailer that belongs to them. */
export function sealed(lines: readonly string[]): string {
  const body = lines.map((line) => `${line}\n`).join('');
  const sha256 = createHash('sha256').update(body).digest('hex');
  const trailer: HistoryTrailer = { end: 'dormouse-events', events: lines.length - 1, sha256 };
  return `${body}${JSON.stringify(trailer)}\n`;
}

/** The store, with something else in place of its `append`. */
export function withAppend(store: EventStore, replaced: EventStore['append']): EventStore {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'append') return replaced;
      const own: unknown = Reflect.get(target, name, target);
      return typeof own === 'function' ? (own.bind(target) as unknown) : own;
    },
  });
}
