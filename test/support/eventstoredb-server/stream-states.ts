import type { EventLog, WrittenEvent } from './event-log.js';
import { isMetastream, METADATA, originalStreamOf, STREAM_DELETED } from './records.js';

/** What a stream's metadata says about which of its events are to be seen. */
export interface StreamMetadata {
  readonly maxCount: number | undefined;
  /** Seconds. */
  readonly maxAge: number | undefined;
  readonly truncateBefore: number;
  /** Deleted for now: not to be read, and begun again by the next append. */
  readonly isSoftDeleted: boolean;
  /** All of it as it was written, `$tb` included. */
  readonly json: Readonly<Record<string, unknown>>;
}

const NONE: StreamMetadata = {
  maxCount: undefined,
  maxAge: undefined,
  truncateBefore: 0,
  isSoftDeleted: false,
  json: {},
};

/** Only the newest metadata counts, so only it is to be seen. */
const OF_METASTREAMS: StreamMetadata = { ...NONE, maxCount: 1 };

/** `$tb` of a stream that is deleted for now: 2^63 - 1, which a double cannot tell from 2^63. */
const SOFT_DELETED = 2 ** 63;

/** So many events are looked at in one go when the server starts. */
const SCAN_EVENTS = 5_000;

/** Metadata and tombstones of all streams, in memory; read from the log when the server starts. */
export class StreamStates {
  private readonly metadata = new Map<string, StreamMetadata>();
  private readonly tombstones = new Set<string>();

  constructor(log: EventLog) {
    for (let from = 1; from <= log.head;) {
      const { events, end } = log.page(from, 'forwards', SCAN_EVENTS, [METADATA, STREAM_DELETED]);
      this.note(events);
      from = end + 1;
    }
  }

  /** Takes in what was just written. */
  note(events: readonly Pick<WrittenEvent, 'stream' | 'type' | 'data'>[]): void {
    for (const { stream, type, data } of events) {
      if (type === METADATA && isMetastream(stream)) this.metadata.set(originalStreamOf(stream), parse(data));
      else if (type === STREAM_DELETED) this.tombstones.add(stream);
    }
  }

  isTombstoned(stream: string): boolean {
    return this.tombstones.has(stream) || (isMetastream(stream) && this.tombstones.has(originalStreamOf(stream)));
  }

  metadataOf(stream: string): StreamMetadata {
    return this.metadata.get(stream) ?? (isMetastream(stream) ? OF_METASTREAMS : NONE);
  }
}

/** Metadata that is not a JSON object says nothing. */
function parse(data: Uint8Array): StreamMetadata {
  let json: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
    if (typeof parsed === 'object' && parsed !== null) json = { ...parsed };
  } catch {
    return NONE;
  }
  const truncateBefore = numberIn(json, '$tb') ?? 0;
  return {
    maxCount: numberIn(json, '$maxCount'),
    maxAge: numberIn(json, '$maxAge'),
    truncateBefore,
    isSoftDeleted: truncateBefore === SOFT_DELETED,
    json,
  };
}

function numberIn(json: Record<string, unknown>, key: string): number | undefined {
  const value = json[key];
  return typeof value === 'number' && value >= 0 ? value : undefined;
}
