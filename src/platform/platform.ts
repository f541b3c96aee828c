import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from './clock.js';
import { SystemClock } from './clock.js';
import type { PlatformSettings } from './config/platform-settings.js';
import { DataDirectory } from './data-directory/data-directory.js';
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

/**
 * Claims the data directory and opens the stores that the settings name.
 * @throws {StoreFileRefused} in use by another process, newer, damaged, not ours; nothing was changed
 */
export function openPlatform(
  settings: PlatformSettings,
  environment: NodeJS.ProcessEnv,
  log: Logger,
  clock: Clock = new SystemClock(),
): Platform {
  const dataDirectory = DataDirectory.claim(settings.DATA_DIR);
  const opened: { close(): Promise<void> }[] = [];
  try {
    const events = EmbeddedEventStore.open(join(settings.DATA_DIR, 'events.sqlite'), { clock });
    opened.push(events);
    const readModels = EmbeddedReadModelStore.open(join(settings.DATA_DIR, 'read-models.sqlite'));
    return { settings, environment, log, clock, dataDirectory, events, readModels, leases: new SoloLeases() };
  } catch (error) {
    for (const store of opened) void store.close();
    dataDirectory.release();
    throw error;
  }
}

/** Closes what {@link openPlatform} opened. */
export async function closePlatform(platform: Platform): Promise<void> {
  await platform.events.close();
  await platform.readModels.close();
  platform.dataDirectory.release();
}
