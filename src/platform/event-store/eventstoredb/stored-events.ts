import type { ResolvedEvent } from '@eventstore/db-client';
import type { JsonObject } from '../../json.js';
import { EventStoreUnavailable } from '../event-store.errors.js';
import type { EventFilter, EventMetadata, Position, RecordedEvent } from '../event-store.port.js';

/** Holds the identity of the history: the adapter's own, so nobody above it sees its event. */
export const IDENTITY_STREAM = 'dormouseIdentity-store';

/** An event as the client hands it over. */
export type StoredEvent = NonNullable<ResolvedEvent['event']>;

/**
 * A revision or position as a plain number.
 * @throws {EventStoreUnavailable} beyond what a number holds exactly
 */
export function exactNumber(value: bigint, what: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new EventStoreUnavailable(
    `EventStoreDB answered with ${what} ${value}, which is beyond what can be held exactly.`,
  );
}

/** Where an event is in the global order. Its commit and prepare positions are the same. */
export function positionOf(event: StoredEvent): Position {
  if (!event.position) throw new EventStoreUnavailable('EventStoreDB handed over an event without a position.');
  return exactNumber(event.position.commit, 'the position');
}

/** System events, links and the adapter's own event: no business of anybody above. */
export function isHidden({ streamId, type }: Pick<StoredEvent, 'streamId' | 'type'>): boolean {
  return type.startsWith('$') || streamId.startsWith('$') || streamId === IDENTITY_STREAM;
}

/** Whether an event is to be handed over: not hidden, and let through by the filter. */
export function passesFilter(filter: EventFilter = {}): (event: StoredEvent) => boolean {
  const types = filter.types && new Set(filter.types);
  const prefixes = filter.streamPrefixes;
  return (event) =>
    (!types || types.has(event.type)) &&
    (!prefixes || prefixes.some((prefix) => event.streamId.startsWith(prefix))) &&
    !isHidden(event);
}

/**
 * An event as the service knows it. One that others have written, with data or metadata that are not as ours, becomes
 * an event of schema version 0, which the codec refuses with the event's place and type.
 */
export function toRecordedEvent(event: StoredEvent): RecordedEvent {
  const { id, type, streamId: stream, created } = event;
  const { data, metadata } = contentsOf(event);
  const revision = exactNumber(event.revision, 'the revision');
  return { id, type, data, metadata, stream, revision, position: positionOf(event), recordedAt: created.getTime() };
}

interface Contents {
  readonly data: JsonObject;
  readonly metadata: EventMetadata;
}

function contentsOf({ isJson, data, metadata }: StoredEvent): Contents {
  if (isJson && isObject(data) && isObject(metadata) && isVersion(metadata['schema_version'])) {
    // Only this service stores a schema version; what it means is for the codec to say.
    return { data, metadata: metadata as JsonObject & EventMetadata };
  }
  return foreign(data, metadata);
}

function isVersion(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) > 0;
}

function foreign(data: unknown, metadata: unknown): Contents {
  const given = isObject(metadata) ? metadata : {};
  const text = (name: string) => {
    const value = given[name];
    return typeof value === 'string' ? value : '';
  };
  return {
    data: isObject(data) ? data : {},
    metadata: {
      $correlationId: text('$correlationId'),
      $causationId: text('$causationId'),
      time: text('time'),
      actor: text('actor'),
      command_id: text('command_id'),
      schema_version: 0,
    },
  };
}

/** A JSON object; what is not JSON comes as bytes. */
function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}
