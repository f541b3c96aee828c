import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.js';
import { isUuid } from '../event-serialisation.js';
import { AppendOutcomeUnknown, EventStoreUnavailable, WrongExpectedRevision } from '../event-store.errors.js';
import type { NewEvent } from '../event-store.port.js';

/** What finding the identity takes of a store. */
export interface IdentityStream {
  /** Identity in the first event of the stream, if there is one. */
  read(): Promise<unknown>;
  /** Begins the stream. @throws {WrongExpectedRevision} somebody else has */
  begin(event: NewEvent): Promise<void>;
}

/** Tries at finding or storing the identity, each after an append whose answer was lost or that somebody else won. */
const ATTEMPTS = 3;

/**
 * The identity of the stored history: the first who looks gives it one, as the only event of a stream of its own.
 * @throws {EventStoreUnavailable}
 */
export async function findIdentity(stream: IdentityStream, clock: Clock): Promise<string> {
  const event = identityEvent(randomUUID(), clock);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const found = await stream.read();
    if (isUuid(found)) return found;
    if (found !== undefined) break;
    try {
      await stream.begin(event);
      return event.id;
    } catch (error) {
      if (!(error instanceof WrongExpectedRevision || error instanceof AppendOutcomeUnknown)) throw error;
    }
  }
  throw new EventStoreUnavailable('The identity of the stored history could neither be read nor stored.');
}

function identityEvent(id: string, clock: Clock): NewEvent {
  return {
    id,
    type: 'HistoryIdentified',
    data: { identity: id },
    metadata: {
      $correlationId: id,
      $causationId: id,
      schema_version: 1,
      time: new Date(clock.now()).toISOString(),
      actor: 'system',
      command_id: id,
    },
  };
}
