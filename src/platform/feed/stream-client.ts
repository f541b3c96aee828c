import type { EventSelection } from '../contracts/public-events.js';
import type { Position, RecordedEvent } from '../event-store/event-store.port.js';
import type { EventNotReadable } from '../event-store/event-codec.js';
import type { RingEntry } from './frame-ring.js';
import type { Reached } from './reached.js';

/** Where the bytes go: what the feed needs of the response of a request. */
export interface Sink {
  /** Bytes written that the operating system has not taken. */
  readonly writableLength: number;
  /** There will be a `drain` when it has. */
  readonly writableNeedDrain: boolean;
  write(chunk: string | Uint8Array): unknown;
  end(chunk?: string): unknown;
  destroy(): unknown;
  once(event: 'drain' | 'close', listener: () => void): unknown;
}

/** What somebody wants, prepared to be asked of many events. Those who want the same share one. */
export interface PreparedSelection {
  /** Equal for equal selections. */
  readonly key: string;
  readonly selection: EventSelection;
  readonly selects: (event: Pick<RecordedEvent, 'type' | 'stream'>) => boolean;
}

/**
 * What is going on with a client:
 * - `behind`: it is given what lies between it and the live end, from the ring or from the store
 * - `ahead`: it was given events by another instance that this one has not seen yet; it waits for them to pass
 * - `live`: it is given what comes, together with all others
 * - `choked`: it has not taken what it was given; nothing is added until it has
 * - `gone`
 */
export type ClientState = 'behind' | 'ahead' | 'live' | 'choked' | 'gone';

/** What became of events that were to be written: the next one may be one that cannot be read. */
export type Written = 'all' | 'full' | EventNotReadable;

/** So many bytes are put together before they are written: one call of the system for many events. */
const WRITE_BYTES = 64 * 1024;

/** One open event stream, and how far its client has come. Knows nothing of the others. */
export class StreamClient {
  state: ClientState = 'behind';
  /** It was given everything up to here that it wants. Of a live one: up to what the ring has handed on. */
  reached: Reached;
  /** The position that it would resume from. */
  idSent: Reached;
  /** When it was found to take nothing, by the hub's monotonic clock; for `choked`. */
  chokedAt = 0;
  /** Events written to it. */
  sent = 0;

  /**
   * @param openedAt by the hub's monotonic clock
   * @param phase which of the ticks between two heartbeats is its own, so that not all are written to at once
   */
  constructor(
    readonly sink: Sink,
    readonly wants: PreparedSelection,
    after: Reached,
    readonly correlationId: string,
    readonly openedAt: number,
    readonly phase: number,
  ) {
    this.reached = after;
    this.idSent = after;
  }

  /** Bytes written that the operating system has not taken. */
  get unsent(): number {
    return this.sink.writableLength;
  }

  /** @param last position of the last of them */
  writeEvents(frames: Buffer, count: number, last: Position): void {
    this.sink.write(frames);
    this.sent += count;
    this.idSent = last;
  }

  /**
   * Writes events one after another while there is room; `reached` tells how far it came.
   *
   * @param mostUnsent bytes; beyond that nothing is added
   */
  writeWhileRoom(entries: Iterable<Pick<RingEntry, 'position' | 'frame'>>, mostUnsent: number): Written {
    let frames: Buffer[] = [];
    let bytes = 0;
    const flush = () => {
      if (frames.length > 0) this.writeEvents(Buffer.concat(frames, bytes), frames.length, this.reached);
      frames = [];
      bytes = 0;
    };
    for (const { position, frame } of entries) {
      if (!Buffer.isBuffer(frame) || this.unsent + bytes > mostUnsent) {
        flush();
        return Buffer.isBuffer(frame) ? 'full' : frame;
      }
      frames.push(frame);
      bytes += frame.length;
      this.reached = position;
      if (bytes >= WRITE_BYTES) flush();
    }
    flush();
    return 'all';
  }
}
