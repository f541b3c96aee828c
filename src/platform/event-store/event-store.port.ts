import type { JsonObject } from '../json.js';

/**
 * The event store as the service needs it: streams with optimistic concurrency, one global order, catch-up
 * subscriptions. Adapters: `embedded/` (SQLite, the default), `eventstoredb/`. `test/conformance` holds the
 * suite that every adapter passes; where EventStoreDB has an observable behaviour, that behaviour is the contract.
 *
 * Revisions and positions are plain numbers. An adapter whose store counts further than `Number.MAX_SAFE_INTEGER`
 * refuses such a value instead of rounding it.
 */
export abstract class EventStore {
  /** `embedded` or `eventstoredb`; for logs and health. */
  abstract readonly kind: string;

  /** Identity of the stored history. It is part of consistency tokens, so that one from another store is noticed. */
  abstract identity(): Promise<string>;

  /**
   * Appends all of the events or none. Resolves once they are durable.
   *
   * Repeating an append with the same ids and the same `expected` succeeds and writes nothing, so a lost answer is
   * settled by repeating. A repeat at a *fresh* revision writes twice: whoever reloads must look for its own ids.
   *
   * @throws {WrongExpectedRevision} the stream is elsewhere
   * @throws {EventNotStorable} too large or not serialisable; nothing was sent
   * @throws {AppendOutcomeUnknown} no answer came; repeat with the same ids and the same `expected`
   * @throws {EventStoreUnavailable} nothing was written
   */
  abstract append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<AppendResult>;

  /**
   * Reads one stream, from `from` inclusive. A stream that does not exist is empty.
   * Backwards without `from` starts at the end.
   */
  abstract readStream(stream: string, options?: ReadStreamOptions): AsyncIterable<RecordedEvent>;

  /** The event with this id in this stream, or undefined. How a repeated command is recognised. */
  abstract findEvent(stream: string, eventId: string): Promise<RecordedEvent | undefined>;

  /** One page of the global order, exclusive of `after`, filtered; an empty page with `live` true is the end. */
  abstract readAll(options: ReadAllOptions): Promise<EventBatch>;

  /**
   * Follows the global order from a position, exclusive of it: first what is there, then what comes, with no gap and
   * no duplicate. Ends when `signal` aborts.
   *
   * @throws {SubscriptionDropped} (while iterating) on every other way it can end, a polite one included. Resume from
   *   the last position that was handed over.
   */
  abstract subscribe(options: SubscribeOptions): AsyncIterable<EventBatch>;

  /** Position of the last event that is visible to readers; null while the store is empty. */
  abstract head(): Promise<Position | null>;

  /** Resolves when the store answers. @throws {EventStoreUnavailable} */
  abstract ping(): Promise<void>;

  /** Waits for appends in flight, then closes. Idempotent. */
  abstract close(): Promise<void>;
}

/** Position in the global order. Grows with every event; not dense. */
export type Position = number;

/** `no_stream`: must not exist; `exists`: must; `any`: no check; a number: revision of its last event. */
export type ExpectedRevision = 'no_stream' | 'exists' | 'any' | number;

/** Metadata kept with each event. The `$` names are EventStoreDB's own, which its system projections index. */
export interface EventMetadata {
  readonly $correlationId: string;
  readonly $causationId: string;
  /** Version of the shape of `data`; the codec upcasts older ones. */
  readonly schema_version: number;
  /** When it was decided, by the clock the decision was made with. ISO 8601, UTC. */
  readonly time: string;
  /** Who caused it: a user's id, `system`, or a job. */
  readonly actor: string;
  /** The command that wrote it. */
  readonly command_id: string;
  /** Present when the command's sender chose its id (`Idempotency-Key`) and so may send it again. */
  readonly keyed?: true;
}

export interface NewEvent {
  /** UUID. */
  readonly id: string;
  readonly type: string;
  readonly data: JsonObject;
  readonly metadata: EventMetadata;
}

export interface RecordedEvent extends NewEvent {
  readonly stream: string;
  /** Index in its stream, dense from 0. */
  readonly revision: number;
  readonly position: Position;
  /** When the store took it, milliseconds since the epoch. */
  readonly recordedAt: number;
}

export interface AppendResult {
  /** Revision of the last event of this append. */
  readonly revision: number;
  /** Position of the last event of this append. */
  readonly position: Position;
}

export interface ReadStreamOptions {
  readonly direction?: 'forwards' | 'backwards';
  /** Inclusive. */
  readonly from?: number;
  readonly limit?: number;
}

/** Both given: both must hold. Absent: everything. */
export interface EventFilter {
  readonly types?: readonly string[];
  readonly streamPrefixes?: readonly string[];
}

export interface ReadAllOptions {
  /** Exclusive; null is the beginning (forwards) or the end (backwards). */
  readonly after: Position | null;
  readonly direction?: 'forwards' | 'backwards';
  readonly limit: number;
  readonly filter?: EventFilter;
}

export interface SubscribeOptions {
  /** Exclusive; null is the beginning. */
  readonly after: Position | null;
  readonly filter?: EventFilter;
  readonly signal: AbortSignal;
  /** At most so many events in one batch (default 500). */
  readonly batchSize?: number;
}

export interface EventBatch {
  /** In global order; may be empty when only filtered-out events passed. */
  readonly events: readonly RecordedEvent[];
  /** Everything up to here was delivered or filtered out; resume after it. Null: nothing has passed yet. */
  readonly position: Position | null;
  /** True when there was nothing beyond this batch at the moment it was made. */
  readonly live: boolean;
}

/** Largest append: data and metadata as UTF-8 plus two bytes a character of the type, summed; EventStoreDB's limit. */
export const MAX_APPEND_BYTES = 1_048_576;
