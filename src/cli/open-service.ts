import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PlatformSettings } from '../platform/config/platform-settings.js';
import { loadSettings } from '../platform/config/settings.js';
import { DataDirectory } from '../platform/data-directory/data-directory.js';
import { StoreFileRefused } from '../platform/event-store/event-store.errors.js';
import { HttpDoor } from './http-door.js';
import type { Door } from './service-api.js';
import { ServiceApi } from './service-api.js';

/** How long another command, or a service that is just starting, may keep the data directory before that is an error. */
const PATIENCE_MS = 15_000;
const LOOK_AGAIN_MS = 100;

/**
 * The service that a command talks to: the one that `--url` or DORMOUSE_URL names; else the one that runs on the data
 * directory; else one in this process, for as long as the command takes.
 *
 * @throws {CliError} @throws {SettingsError} @throws {StoreFileRefused}
 */
export async function openService(
  url: string | undefined,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<ServiceApi> {
  const named = url ?? (environment['DORMOUSE_URL']?.trim() || undefined);
  if (named !== undefined) return new ServiceApi(new HttpDoor(named, signal));
  const settings = loadSettings(PlatformSettings, environment);
  return new ServiceApi(await doorOf(settings, environment, signal));
}

async function doorOf(settings: PlatformSettings, environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Door> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    signal.throwIfAborted();
    const running = DataDirectory.holder(settings.DATA_DIR)?.url;
    if (running) return new HttpDoor(running, signal);
    try {
      const { InProcessDoor } = await import('./in-process-door.js');
      return await InProcessDoor.open(resolve(settings.DATA_DIR), environment, signal);
    } catch (error) {
      const inUse = error instanceof StoreFileRefused && error.problem === 'in_use';
      if (!inUse || performance.now() > deadline) throw error;
    }
    await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
}
