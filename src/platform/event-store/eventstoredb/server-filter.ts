import type { Filter } from '@eventstore/db-client';
import type { EventFilter } from '../event-store.port.js';
import type { StoredEvent } from './stored-events.js';

/** What of the global order the server sends. */
export interface ServerFilter {
  /** As the client is told it. */
  readonly filter: Filter;
  /** The same, for events that were read. */
  readonly passes: (event: Pick<StoredEvent, 'streamId' | 'type'>) => boolean;
}

/** A position for each window of events that the filter has left out; the window is the server's own. */
const CHECKPOINTS = { checkpointInterval: 1 };

/**
 * The server filters by stream prefix, or by type, not by both. The prefix goes first: events of one's own category
 * arrive whatever their type, so that a subscription reaches each of their positions without further ado.
 */
export function serverFilterOf({ streamPrefixes, types }: EventFilter = {}): ServerFilter {
  if (streamPrefixes && streamPrefixes.length > 0) {
    const prefixes = [...streamPrefixes];
    const filter = { filterOn: 'streamName', prefixes, ...CHECKPOINTS } as const;
    return { filter, passes: ({ streamId }) => prefixes.some((prefix) => streamId.startsWith(prefix)) };
  }
  if (types && types.length > 0) {
    const prefixes = [...types];
    const filter = { filterOn: 'eventType', prefixes, ...CHECKPOINTS } as const;
    return { filter, passes: ({ type }) => prefixes.some((prefix) => type.startsWith(prefix)) };
  }
  const filter = { filterOn: 'eventType', regex: '^[^$].*', ...CHECKPOINTS } as const;
  return { filter, passes: ({ type }) => !type.startsWith('$') };
}
