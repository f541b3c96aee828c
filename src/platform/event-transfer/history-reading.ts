import { createHash } from 'node:crypto';
import { EventNotStorable } from '../event-store/event-store.errors.js';
import { serialiseAppend } from '../event-store/event-serialisation.js';
import { MAX_APPEND_BYTES } from '../event-store/event-store.port.js';
import type { HistoryEvent, HistoryHeader, HistorySummary } from './history-format.js';
import { FORMAT, FORMAT_VERSION, HistoryFileRefused } from './history-format.js';

/** A line may be longer than what its event stores, but not endlessly: what is no history must not fill the memory. */
const LONGEST_LINE = 8 * MAX_APPEND_BYTES;

const LINE_FEED = 0x0a;

/** An event of a file, found to be storable. */
export interface ReadEvent {
  readonly event: HistoryEvent;
  /** Its size as {@link MAX_APPEND_BYTES} counts it. */
  readonly bytes: number;
}

/** The bytes of a file, from the beginning each time they are asked for. */
export type HistoryFile = () => AsyncIterable<Uint8Array>;

/**
 * Reads a file once, from its first line to its last, and checks all that can be checked on the way. Whether it is whole
 * and unaltered is known when `events` has come to its end: then, and only then, there is a `summary`.
 */
export class HistoryReading {
  private readonly hash = createHash('sha256');
  private readonly text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private readonly revisions = new Map<string, number>();
  private header: HistoryHeader | undefined;
  private finished: HistorySummary | undefined;
  private line = 0;
  private count = 0;

  /** Of each stream that was met so far, the revision that comes next. */
  get streams(): ReadonlyMap<string, number> {
    return this.revisions;
  }

  /** @throws {Error} when the file was not read to its end (a defect) */
  get summary(): HistorySummary {
    if (!this.finished) throw new Error('The history has not been read to its end.');
    return this.finished;
  }

  /**
   * The events, some at a time.
   *
   * @throws {HistoryFileRefused} naming the line
   */
  async *events(file: HistoryFile): AsyncGenerator<readonly ReadEvent[]> {
    let rest: Uint8Array = new Uint8Array(0);
    for await (const chunk of file()) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const found: ReadEvent[] = [];
      let start = 0;
      for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
        this.take(bytes.subarray(start, end + 1), found);
        start = end + 1;
      }
      rest = bytes.subarray(start);
      if (rest.length > LONGEST_LINE) throw this.noEvent('it is too long');
      if (found.length > 0) yield found;
    }
    this.end(rest);
  }

  private end(rest: Uint8Array): void {
    // Some editors and transfers take the last line feed away; nothing is lost with it.
    if (rest.length > 0 && !this.finished && this.header) this.takeCutLine(rest);
    else if (rest.length > 0) this.take(rest, []);
    if (this.line === 0) throw new HistoryFileRefused('empty', 'The file is empty: it holds no history.');
    if (!this.finished) throw this.truncated();
  }

  /** The last line, without its line feed: the trailer, or the rest of a file that was cut off. */
  private takeCutLine(bytes: Uint8Array): void {
    const value = this.parse(bytes);
    if (!isObject(value) || !('end' in value)) throw this.truncated();
    this.take(bytes, []);
  }

  private take(bytes: Uint8Array, found: ReadEvent[]): void {
    this.line++;
    if (this.finished) throw this.altered('something follows the line that should be the last');
    const value = this.parse(bytes);
    if (!this.header) {
      this.header = headerIn(value);
    } else if (isObject(value) && 'end' in value) {
      this.finished = this.summaryOf(this.header, value);
      return;
    } else {
      found.push(this.eventIn(value));
      this.count++;
    }
    this.hash.update(bytes);
  }

  /** Undefined for what is no JSON. */
  private parse(bytes: Uint8Array): unknown {
    try {
      return JSON.parse(this.text.decode(bytes)) as unknown;
    } catch {
      // Not UTF-8 or not JSON; who asked says which line, and what it should be.
      return undefined;
    }
  }

  private summaryOf(header: HistoryHeader, { end, events, sha256 }: Record<string, unknown>): HistorySummary {
    if (end !== FORMAT || events !== this.count) {
      throw this.altered(`it holds ${this.count} events, its last line says ${String(events)}`);
    }
    const actual = this.hash.digest('hex');
    if (sha256 !== actual) throw this.altered('its checksum is not that of its last line');
    return { history: header.history, events: this.count, streams: this.revisions.size, sha256: actual };
  }

  private eventIn(value: unknown): ReadEvent {
    if (!isObject(value) || Object.keys(value).length !== 7) throw this.noEvent('it has not the fields of one');
    const { stream, revision, id, type, data, metadata, recorded_at } = value;
    if (typeof recorded_at !== 'string' || Number.isNaN(Date.parse(recorded_at))) {
      throw this.noEvent('recorded_at is no time');
    }
    // What a store takes is checked right below, in the words of the stores.
    const given = { stream, revision, id, type, data, metadata, recorded_at } as HistoryEvent;
    const bytes = this.storableBytes(given);
    this.expectNext(given);
    return { event: { ...given, id: given.id.toLowerCase() }, bytes };
  }

  private storableBytes(event: HistoryEvent): number {
    try {
      return serialiseAppend(event.stream, [event], 'any').bytes;
    } catch (error) {
      if (error instanceof EventNotStorable) throw this.noEvent(error.message, error);
      throw error;
    }
  }

  private expectNext({ stream, revision }: HistoryEvent): void {
    const expected = this.revisions.get(stream) ?? 0;
    if (revision !== expected) {
      throw this.noEvent(`stream '${stream}' goes on with revision ${String(revision)}, ${expected} was expected`);
    }
    this.revisions.set(stream, expected + 1);
  }

  private noEvent(why: string, cause?: unknown): HistoryFileRefused {
    return new HistoryFileRefused(
      'altered',
      `Line ${this.line} of the file is not an event of a history: ${why}. Export it anew.`,
      { cause },
    );
  }

  private altered(why: string): HistoryFileRefused {
    return new HistoryFileRefused('altered', `The file was altered: ${why}. Export it anew.`);
  }

  private truncated(): HistoryFileRefused {
    return new HistoryFileRefused(
      'truncated',
      `The file is truncated: it ends after ${this.count} events without its last line. Export it anew.`,
    );
  }
}

/**
 * Reads a whole file and keeps nothing of it but what it is.
 *
 * @returns the summary, and of each stream the number of its events
 * @throws {HistoryFileRefused}
 */
export async function checkHistory(
  file: HistoryFile,
  onProgress?: (events: number) => void,
): Promise<HistorySummary & { readonly lengths: ReadonlyMap<string, number> }> {
  const reading = new HistoryReading();
  let events = 0;
  for await (const found of reading.events(file)) onProgress?.((events += found.length));
  return { ...reading.summary, lengths: reading.streams };
}

function headerIn(value: unknown): HistoryHeader {
  if (!isObject(value) || value['format'] !== FORMAT) {
    throw new HistoryFileRefused(
      'foreign',
      "The file is no exported history: its first line is not the one that 'dormouse events export' writes.",
    );
  }
  const { version, history, exported_at } = value;
  if (typeof version === 'number' && version > FORMAT_VERSION) {
    throw new HistoryFileRefused(
      'newer',
      `The file has format version ${version}, this program knows 1 to ${FORMAT_VERSION}: use a newer program.`,
    );
  }
  if (version !== FORMAT_VERSION || typeof history !== 'string' || typeof exported_at !== 'string') {
    throw new HistoryFileRefused('altered', 'The first line of the file is not as it was written. Export it anew.');
  }
  return { format: FORMAT, version, history, exported_at };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
