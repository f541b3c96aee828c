import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from './clock.js';
import { SystemClock } from './clock.js';
import type { PlatformSettings } from './config/platform-settings.js';
import { DataDirectory } from './data-directory/data-directory.js';
import { messageOf } from './errors.js';
import { EmbeddedEventStore } from './event-store/embedded/embedded-event-store.js';
import type { EventStore } from './event-store/event-store.port.js';
import type { Leases } from './leases/leases.port.js';
import { SoloLeases } from './leases/solo-leases.js';
import { EmbeddedReadModelStore } from './read-models/embedded/embedded-read-model-store.js';
import type { ReadModelStore } from './read-models/read-model-store.port.js';

/** What the modules stand on: the stores, opened, and what goes with them. */
export interface Platform {
  readonly settings: PlatformSettings;
  /** The environment that each context reads its own settings from. */
  readonly environment: NodeJS.ProcessEnv;
  readonly log: Logger;
  readonly clock: Clock;
  readonly dataDirectory: DataDirectory;
  readonly events: EventStore;
  readonly readModels: ReadModelStore;
  readonly leases: Leases;
}

type Closable = { close(): Promise<void> };

/**
 * Claims the data directory and opens the stores that the settings name. Shared stores need not be reachable yet: the
 * service starts, says in its health what it is waiting for, and works as soon as they answer.
 *
 * @throws {SettingsError} a connection string that cannot be used
 * @throws {StoreFileRefused} in use by another process, newer, damaged, not ours; nothing was changed
 */
export async function openPlatform(
  settings: PlatformSettings,
  environment: NodeJS.ProcessEnv,
  log: Logger,
  clock: Clock = new SystemClock(),
): Promise<Platform> {
  const dataDirectory = DataDirectory.claim(settings.DATA_DIR);
  const opened: Closable[] = [];
  try {
    const events = await openEventStore(settings, log, clock);
    opened.push(events);
    const { readModels, leases } = await openReadModels(settings, log, events);
    opened.push(leases, readModels);
    return { settings, environment, log, clock, dataDirectory, events, readModels, leases };
  } catch (error) {
    await closeAll(opened, log);
    dataDirectory.release();
    throw error;
  }
}

/** Closes what {@link openPlatform} opened: whoever waits for our leases gets them at once. */
export async function closePlatform({ events, leases, readModels, dataDirectory, log }: Platform): Promise<void> {
  await closeAll([leases, events, readModels], log);
  dataDirectory.release();
}

/** One store that cannot be closed in order (it is away, say) does not keep the others open. */
async function closeAll(stores: readonly Closable[], log: Logger): Promise<void> {
  for (const store of stores) {
    try {
      await store.close();
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'store.close_failed');
    }
  }
}

/** The clients of the shared stores are large: they are loaded when they are asked for, never beside the embedded ones. */
async function openEventStore(settings: PlatformSettings, log: Logger, clock: Clock): Promise<EventStore> {
  const { EVENTSTORE_CONNECTION_STRING: connectionString, DATA_DIR } = settings;
  if (connectionString === null) return EmbeddedEventStore.open(join(DATA_DIR, 'events.sqlite'), { clock });
  const { EventStoreDbEventStore } = await import('./event-store/eventstoredb/eventstoredb-event-store.js');
  return await EventStoreDbEventStore.open(connectionString, { log, clock });
}

/** Leases live where all instances see them: with the read models, when those are shared. */
async function openReadModels(
  settings: PlatformSettings,
  log: Logger,
  events: EventStore,
): Promise<Pick<Platform, 'readModels' | 'leases'>> {
  const { MONGODB_URI, EVENTSTORE_CONNECTION_STRING, DATA_DIR } = settings;
  if (MONGODB_URI !== null) {
    if (EVENTSTORE_CONNECTION_STRING === null) {
      log.warn(
        { advice: 'set EVENTSTORE_CONNECTION_STRING as well to run more than one' },
        'service.single_instance: events are in DATA_DIR, so only one instance may use this MongoDB database',
      );
    }
    const { openMongo } = await import('./mongodb/open-mongo.js');
    return await openMongo(MONGODB_URI, { events, leaseSeconds: settings.LEASE_SECONDS, log });
  }
  if (EVENTSTORE_CONNECTION_STRING !== null) {
    log.warn(
      { advice: 'set MONGODB_URI as well to run more than one' },
      'service.single_instance: read models and leases are in DATA_DIR, so only one instance may use this event store',
    );
  }
  const readModels = EmbeddedReadModelStore.open(join(DATA_DIR, 'read-models.sqlite'));
  return { readModels, leases: new SoloLeases() };
}
