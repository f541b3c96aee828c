import { messageOf } from '../errors.js';
import { AppendOutcomeUnknown } from '../event-store/event-store.errors.js';
import type { EventStore, NewEvent, Position, RecordedEvent } from '../event-store/event-store.port.js';
import { MAX_APPEND_BYTES } from '../event-store/event-store.port.js';
import type { HistoryEvent } from './history-format.js';
import { HistoryFileRefused, ImportInterrupted, TargetHoldsOthers } from './history-format.js';
import type { HistoryFile, ReadEvent } from './history-reading.js';
import { checkHistory, HistoryReading } from './history-reading.js';

/** Events of one append; the bytes are bounded by {@link MAX_APPEND_BYTES}. */
const LARGEST_APPEND = 500;

/** How often an append without an answer is repeated, ids and expected revision unchanged. */
const APPEND_REPEATS = 5;

const PAGE = 500;

/** With more categories than this the whole target is looked through instead. */
const MOST_PREFIXES = 20;

export type ImportPhase = 'checking' | 'comparing' | 'importing';

export interface ImportOptions {
  /** Told now and then how far a phase is. `total` is 0 while it is not known. */
  readonly onProgress?: (phase: ImportPhase, done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface ImportResult {
  /** Identity of the history that the file was made of. */
  readonly history: string;
  /** Identity of the history that holds the events now. */
  readonly target: string;
  readonly events: number;
  readonly streams: number;
  /** Written by this import. */
  readonly imported: number;
  /** Found in the target: an earlier import of this file had written them. */
  readonly present: number;
}

/**
 * Carries a history from a file into an event store: ids, types, data, metadata, revisions, and the order of all events.
 *
 * The file is read three times: to see that it is whole and unaltered, to compare it with what the target holds of its
 * streams, and to write. What the target holds must be the beginning of the file, so an import that was interrupted
 * anywhere is continued by the same call, and no other history is mixed with this one. Nothing else may write to these
 * streams meanwhile. Appends follow one another, because the order across streams is part of the history.
 *
 * @param target opened when the file has been found to be good
 * @throws {HistoryFileRefused} @throws {TargetHoldsOthers} nothing was written
 * @throws {ImportInterrupted} the same import again goes on @throws the signal's reason, likewise
 */
export async function importHistory(
  file: HistoryFile,
  target: () => Promise<EventStore>,
  { onProgress, signal }: ImportOptions = {},
): Promise<ImportResult> {
  const checked = await checkHistory(file, (done) => {
    signal?.throwIfAborted();
    onProgress?.('checking', done, 0);
  });
  const store = await target();
  const { history, events, streams, lengths, sha256 } = checked;
  const present = await countPresent(file, lengths, store, (done) => {
    signal?.throwIfAborted();
    onProgress?.('comparing', done, events);
  });
  const reading = new HistoryReading();
  let done = present;
  try {
    for await (const append of appendsOf(flatten(reading.events(file)), present)) {
      signal?.throwIfAborted();
      await write(store, append);
      done += append.events.length;
      onProgress?.('importing', done, events);
    }
    if (reading.summary.sha256 !== sha256) throw new HistoryFileRefused('changed', 'the file changed meanwhile.');
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ImportInterrupted(done, events, messageOf(error), { cause: error });
  }
  return { history, target: await store.identity(), events, streams, imported: done - present, present };
}

/**
 * How many events of the file the target holds already. They must be its first ones, in its order, and there must be
 * nothing else in these streams.
 *
 * @throws {TargetHoldsOthers}
 */
async function countPresent(
  file: HistoryFile,
  lengths: ReadonlyMap<string, number>,
  store: EventStore,
  onProgress: (done: number) => void,
): Promise<number> {
  const expected = flatten(new HistoryReading().events(file));
  let present = 0;
  try {
    for await (const held of heldBy(store, lengths)) {
      const next = await expected.next();
      if (next.done) throw new TargetHoldsOthers(held.stream, 'goes on beyond the file');
      expectSame(held, next.value.event);
      if (++present % PAGE === 0) onProgress(present);
    }
  } finally {
    await expected.return(undefined);
  }
  return present;
}

function expectSame(held: RecordedEvent, { stream, revision, id }: HistoryEvent): void {
  const { stream: heldStream, revision: heldRevision, id: heldId } = held;
  if (heldStream === stream && heldRevision === revision && heldId === id) return;
  throw new TargetHoldsOthers(
    heldStream,
    `holds event ${heldId} at revision ${heldRevision}, where the file goes on with event ${id}, revision ${revision} of stream '${stream}'`,
  );
}

/** What a store holds of these streams, in global order. */
async function* heldBy(store: EventStore, streams: ReadonlyMap<string, unknown>): AsyncGenerator<RecordedEvent> {
  const prefixes = [...new Set([...streams.keys()].map(prefixOf))];
  const filter = prefixes.length > MOST_PREFIXES ? {} : { streamPrefixes: prefixes };
  if (prefixes.length === 0) return;
  for (let after: Position | null = null; ;) {
    const { events, position, live } = await store.readAll({ after, limit: PAGE, filter });
    for (const event of events) if (streams.has(event.stream)) yield event;
    if (live) return;
    after = position;
  }
}

/** `cmlWorker-` of `cmlWorker-17`. */
function prefixOf(stream: string): string {
  return stream.slice(0, stream.indexOf('-') + 1) || stream;
}

/** Consecutive events of one stream. */
interface Append {
  readonly stream: string;
  /** Of the first event. */
  readonly revision: number;
  readonly events: NewEvent[];
  bytes: number;
}

/** What is to be written, in order, in as few appends as the order allows. @param skip so many events are there */
async function* appendsOf(events: AsyncIterable<ReadEvent>, skip: number): AsyncGenerator<Append> {
  let open: Append | undefined;
  let index = 0;
  for await (const { event, bytes } of events) {
    if (index++ < skip) continue;
    const { stream, revision, id, type, data, metadata } = event;
    const fits =
      open?.stream === stream && open.events.length < LARGEST_APPEND && open.bytes + bytes <= MAX_APPEND_BYTES;
    if (open && fits) {
      open.events.push({ id, type, data, metadata });
      open.bytes += bytes;
      continue;
    }
    if (open) yield open;
    open = { stream, revision, events: [{ id, type, data, metadata }], bytes };
  }
  if (open) yield open;
}

/** Appends where the stream must be; an unknown outcome is settled by repeating. */
async function write(store: EventStore, { stream, revision, events }: Append): Promise<void> {
  const expected = revision === 0 ? 'no_stream' : revision - 1;
  for (let repeat = 0; ; repeat++) {
    try {
      const { revision: last } = await store.append(stream, events, expected);
      if (last === revision + events.length - 1) return;
      // A stream of EventStoreDB that was deleted goes on counting where it was.
      throw new TargetRenumbers(stream, last);
    } catch (error) {
      if (!(error instanceof AppendOutcomeUnknown) || repeat >= APPEND_REPEATS) throw error;
    }
  }
}

class TargetRenumbers extends Error {
  constructor(stream: string, revision: number) {
    super(
      `stream '${stream}' was deleted in the target before and goes on counting there: its last event has revision ` +
        `${revision}. Its revisions cannot be kept; import into another store.`,
    );
    this.name = 'TargetRenumbers';
  }
}

async function* flatten<T>(pages: AsyncIterable<readonly T[]>): AsyncGenerator<T> {
  for await (const page of pages) yield* page;
}
