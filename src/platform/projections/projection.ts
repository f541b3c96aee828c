import type { DecodedEvent, DomainEvent } from '../event-store/event-codec.js';
import type { EventFilter } from '../event-store/event-store.port.js';
import type { Document, IndexDefinition } from '../read-models/read-model-store.port.js';

/**
 * A read model, as data: which events it takes and what each makes of a document. The runner owns everything else
 * (subscription, batches, checkpoints, redelivery, parking, rebuilds).
 */
export interface Projection<D extends Document = Document, E extends DomainEvent = DomainEvent> {
  /** Lower-case letters, digits, single `_`s; at most 40 characters. */
  readonly name: string;
  /** Raise it whenever `apply` or the indexes change: the new version is built beside the old one, then switched to. */
  readonly version: number;
  /** Streams it reads: `<category>-<id>`. */
  readonly category: string;
  /** Event types it takes; others of the category pass by. */
  readonly eventTypes: readonly E['type'][];
  readonly indexes?: readonly IndexDefinition[];
  /**
   * The document that this event changes. A document belongs to one stream (a stream may make several): the position
   * that guards it against redelivery, and the parking of single streams, rest on that.
   */
  documentId(event: DecodedEvent<E>): string;
  /**
   * The document after this event; null deletes it. Pure. What it throws is retried, then the stream is parked.
   * Returning the document it was given (the same object) means: no change.
   */
  apply(document: D | undefined, event: DecodedEvent<E>): D | null;
}

/** What a projection asks the event store for. */
export function filterOf(projection: Projection): EventFilter {
  return { types: projection.eventTypes, streamPrefixes: [`${projection.category}-`] };
}

/** Names the types once where a projection is written down; at run time it is the identity. */
export function defineProjection<D extends Document, E extends DomainEvent>(
  projection: Projection<D, E>,
): Projection<D, E> {
  return projection;
}

/** What stands after the first `-` of a stream's name: the aggregate's id. */
export function idOfStream(stream: string): string {
  return stream.slice(stream.indexOf('-') + 1);
}
