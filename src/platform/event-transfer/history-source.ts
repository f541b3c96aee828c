import type { EventFilter, EventStore, Position, RecordedEvent } from '../event-store/event-store.port.js';
import type { StoredHistoryEvent } from './history-format.js';

/** Some events in global order. */
export interface HistoryPage {
  readonly events: readonly StoredHistoryEvent[];
  /** Go on after it; null: nothing has passed yet. */
  readonly position: Position | null;
  /** There was nothing beyond this page. */
  readonly live: boolean;
}

/** A history that can be read from its beginning: an event store, or a service in front of one. */
export interface HistorySource {
  readonly identity: string;
  /** Position of its last event when it was opened; null: it was empty. */
  readonly end: Position | null;
  /** @param after exclusive; null: the beginning @param limit at most so many events */
  page(after: Position | null, limit: number): Promise<HistoryPage>;
}

/**
 * An event store as a source.
 *
 * @param categories only streams named `<category>-...`; empty: all
 */
export async function historyOf(store: EventStore, categories: readonly string[] = []): Promise<HistorySource> {
  const filter: EventFilter =
    categories.length === 0 ? {} : { streamPrefixes: categories.map((category) => `${category}-`) };
  return {
    identity: await store.identity(),
    end: await store.head(),
    async page(after, limit) {
      const { events, position, live } = await store.readAll({ after, limit, filter });
      return { events: events.map(storedHistoryEvent), position, live };
    },
  };
}

function storedHistoryEvent({ recordedAt, ...event }: RecordedEvent): StoredHistoryEvent {
  return { ...event, recorded_at: new Date(recordedAt).toISOString() };
}
