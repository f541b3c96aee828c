import type { EventNotReadable } from '../event-store/event-codec.js';
import type { Position } from '../event-store/event-store.port.js';
import type { Reached } from './reached.js';

/** A published event as it goes to every client that wants it: made once. */
export interface RingEntry {
  readonly position: Position;
  /** As stored; what selections look at. */
  readonly type: string;
  readonly stream: string;
  /** The event, or why there is none: then whoever wants it cannot go on here. */
  readonly frame: Buffer | EventNotReadable;
}

export interface RingLimits {
  readonly entries: number;
  readonly bytes: number;
}

/**
 * The latest events, ready to be sent: everything after {@link start} up to {@link end}, of which clients at the live end
 * have been given what is up to {@link handedOn}. What has not been handed on is never dropped.
 */
export class FrameRing {
  private entries: RingEntry[] = [];
  private bytes = 0;
  private waitingBytes = 0;
  private from: Reached;
  private to: Reached;
  private handed: Reached;

  constructor(
    at: Reached,
    private readonly limits: RingLimits,
  ) {
    this.from = at;
    this.to = at;
    this.handed = at;
  }

  get start(): Reached {
    return this.from;
  }

  get end(): Reached {
    return this.to;
  }

  get handedOn(): Reached {
    return this.handed;
  }

  /** Adds what comes next. @param end everything up to here is in `entries`, or is not published */
  push(entries: readonly RingEntry[], end: Reached): void {
    for (const entry of entries) {
      this.entries.push(entry);
      this.bytes += sizeOf(entry);
      this.waitingBytes += sizeOf(entry);
    }
    this.to = Math.max(this.to, end);
  }

  /** Size of what has not been handed on. */
  get pendingBytes(): number {
    return this.waitingBytes;
  }

  /** What has not been handed on. */
  pending(): readonly RingEntry[] {
    return this.entries.slice(this.indexAfter(this.handed));
  }

  /** What was handed on, after a position that is not before {@link start}. */
  handedOnAfter(reached: Reached): readonly RingEntry[] {
    return this.entries.slice(this.indexAfter(reached), this.indexAfter(this.handed));
  }

  /** Everything there is has been handed on; drops the oldest of it beyond the limits. */
  markHandedOn(): void {
    this.handed = this.to;
    this.waitingBytes = 0;
    let drop = 0;
    let { bytes } = this;
    while (this.entries.length - drop > this.limits.entries || bytes > this.limits.bytes) {
      const oldest = this.entries[drop];
      if (!oldest) break;
      bytes -= sizeOf(oldest);
      this.from = oldest.position;
      drop++;
    }
    if (drop === 0) return;
    this.entries = this.entries.slice(drop);
    this.bytes = bytes;
  }

  private indexAfter(reached: Reached): number {
    let low = 0;
    for (let high = this.entries.length; low < high;) {
      const middle = (low + high) >>> 1;
      if ((this.entries[middle]?.position ?? Infinity) <= reached) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** What an entry weighs beside its frame is about as much as a short one. */
const ENTRY_BYTES = 200;

function sizeOf({ frame }: RingEntry): number {
  return ENTRY_BYTES + (Buffer.isBuffer(frame) ? frame.length : 0);
}
