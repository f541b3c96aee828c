import { randomUUID } from 'node:crypto';
import { SystemClock } from '../../platform/clock.js';
import { PlatformSettings } from '../../platform/config/platform-settings.js';
import { loadSettings } from '../../platform/config/settings.js';
import { messageOf } from '../../platform/errors.js';
import { WrongExpectedRevision } from '../../platform/event-store/event-store.errors.js';
import type { EventStore, NewEvent } from '../../platform/event-store/event-store.port.js';
import { createLogger } from '../../platform/observability/logger.js';
import { CliError } from '../service-api.js';

/** Stands in a shared event store that a demo has written to, so that an invented history is never taken for a real one. */
const MARK_STREAM = 'simulatedLab-demo';
const MARK_TYPE = 'SimulatedLabUsed';
/** Categories of the service's streams: what is in them was written by a service, real or simulated. */
const OWN_STREAMS = ['cmlWorker-', 'coachingSession-', 'coachingTopic-'];

/**
 * Makes sure that the event store which the environment names holds no history but a demo's, and marks it as a demo's.
 * Does nothing when events are embedded (the data directory is marked then).
 *
 * @throws {CliError} not_a_demo_store, event_store_unreachable @throws {SettingsError}
 */
export async function claimHistory(environment: NodeJS.ProcessEnv): Promise<void> {
  const { EVENTSTORE_CONNECTION_STRING: connectionString } = loadSettings(PlatformSettings, environment);
  if (connectionString === null) return;
  const { EventStoreDbEventStore } =
    await import('../../platform/event-store/eventstoredb/eventstoredb-event-store.js');
  const clock = new SystemClock();
  const events = await EventStoreDbEventStore.open(connectionString, {
    log: await createLogger('silent', false),
    clock,
  });
  try {
    await reach(events);
    await claim(events, clock.now());
  } finally {
    await events.close();
  }
}

/** The same on a store that is open. @throws {CliError} not_a_demo_store */
export async function claim(events: EventStore, now: number): Promise<void> {
  for await (const _marked of events.readStream(MARK_STREAM, { limit: 1 })) return;
  const { events: found } = await events.readAll({ after: null, limit: 1, filter: { streamPrefixes: OWN_STREAMS } });
  if (found.length > 0) {
    throw new CliError(
      'not_a_demo_store',
      'The event store that EVENTSTORE_CONNECTION_STRING names holds a history that no demo made. The demo would mix ' +
        'invented workers into it: name another store, or none at all.',
    );
  }
  try {
    await events.append(MARK_STREAM, [mark(now)], 'no_stream');
  } catch (error) {
    // Two demos that start together: the other one has marked it.
    if (!(error instanceof WrongExpectedRevision)) throw error;
  }
}

async function reach(events: EventStore): Promise<void> {
  try {
    await events.ping();
  } catch (error) {
    throw new CliError('event_store_unreachable', messageOf(error));
  }
}

function mark(now: number): NewEvent {
  const id = randomUUID();
  return {
    id,
    type: MARK_TYPE,
    data: { simulated: true },
    metadata: {
      $correlationId: id,
      $causationId: id,
      schema_version: 1,
      time: new Date(now).toISOString(),
      actor: 'demo',
      command_id: id,
    },
  };
}
