/** An event on its way into the store, as the client sent it: bytes are kept as they are. */
export interface ProposedEvent {
  /** UUID, lower case. */
  readonly id: string;
  readonly type: string;
  /** `application/json` or `application/octet-stream`. */
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
}

/** An event of the store, one that was written or a link that the server makes up from one that was. */
export interface StoredEvent extends ProposedEvent {
  readonly stream: string;
  readonly revision: bigint;
  /** Commit and prepare position; they are always equal. */
  readonly position: number;
  /** Milliseconds since the epoch. */
  readonly created: number;
}

/** What an append may expect of its stream: EventStoreDB's words. */
export type ExpectedState = 'any' | 'no_stream' | 'stream_exists' | bigint;

export type Direction = 'forwards' | 'backwards';

export const JSON_CONTENT = 'application/json';
export const BINARY_CONTENT = 'application/octet-stream';

/** Largest append, by {@link sizeOf}: EventStoreDB's default. */
export const MAX_APPEND_SIZE = 1_048_576;

/** Revision of the event that marks a stream as deleted for ever, and `$tb` of one that is deleted for now. */
export const DELETED_STREAM = 2n ** 63n - 1n;

export const STREAM_DELETED = '$streamDeleted';
export const METADATA = '$metadata';
export const LINK = '$>';
export const STREAM_REFERENCE = '$@';

/** Bytes of an event as EventStoreDB counts them against {@link MAX_APPEND_SIZE}. */
export function sizeOf({ data, metadata, type }: Pick<ProposedEvent, 'data' | 'metadata' | 'type'>): number {
  return data.length + metadata.length + 2 * type.length;
}

/** The stream that holds another's metadata. */
export function metastreamOf(stream: string): string {
  return `$$${stream}`;
}

export function isMetastream(stream: string): boolean {
  return stream.startsWith('$$');
}

/** The stream whose metadata a metastream holds. */
export function originalStreamOf(metastream: string): string {
  return metastream.slice(2);
}
