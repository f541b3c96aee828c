import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PlatformSettings } from '../platform/config/platform-settings.js';
import { loadSettings } from '../platform/config/settings.js';
import { DataDirectory } from '../platform/data-directory/data-directory.js';
import { StoreFileRefused } from '../platform/event-store/event-store.errors.js';
import { HttpDoor } from './http-door.js';
import type { Door } from './service-api.js';
import { CliError, ServiceApi } from './service-api.js';

/** How long another command, or a service that is just starting, may keep the data directory before that is an error. */
const PATIENCE_MS = 15_000;
const LOOK_AGAIN_MS = 100;

/** Whether a command needs a history that is there, or may begin one: a mistyped DATA_DIR must not become an empty one. */
export type HistoryNeeded = 'must_exist' | 'may_begin';

/** What a command does with a data directory. */
export interface DirectoryWork<T> {
  /** A service runs on it, and answers here. */
  readonly running: (url: string) => T | Promise<T>;
  /** Nobody has it. @throws {StoreFileRefused} `in_use`: somebody has taken it meanwhile */
  readonly alone: (settings: PlatformSettings) => Promise<T>;
}

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
  history: HistoryNeeded = 'must_exist',
): Promise<ServiceApi> {
  const named = namedService(url, environment);
  if (named !== undefined) return new ServiceApi(new HttpDoor(named, signal));
  const door = await onDataDirectory<Door>(environment, signal, history, {
    running: (where) => new HttpDoor(where, signal),
    alone: async ({ DATA_DIR }) => {
      const { InProcessDoor } = await import('./in-process-door.js');
      return InProcessDoor.open(resolve(DATA_DIR), environment, signal);
    },
  });
  return new ServiceApi(door);
}

/** The URL that `--url` or DORMOUSE_URL names; undefined when neither does. */
export function namedService(url: string | undefined, environment: NodeJS.ProcessEnv): string | undefined {
  return url ?? (environment['DORMOUSE_URL']?.trim() || undefined);
}

/**
 * Works with the service that runs on the data directory, or with the directory itself when none does. Waits for a
 * service that is just starting and for other commands.
 *
 * @throws {CliError} no_history @throws {SettingsError} @throws {StoreFileRefused} @throws the signal's reason
 */
export async function onDataDirectory<T>(
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
  history: HistoryNeeded,
  { running, alone }: DirectoryWork<T>,
): Promise<T> {
  const settings = loadSettings(PlatformSettings, environment);
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    signal.throwIfAborted();
    const url = DataDirectory.holder(settings.DATA_DIR)?.url;
    if (url) return await running(url);
    if (history === 'must_exist') requireHistory(settings);
    try {
      return await alone(settings);
    } catch (error) {
      const inUse = error instanceof StoreFileRefused && error.problem === 'in_use';
      if (!inUse || performance.now() > deadline) throw error;
    }
    await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
}

/** A service that is just starting will have a history in a moment; one in EventStoreDB is not in the directory. */
function requireHistory({ DATA_DIR, EVENTSTORE_CONNECTION_STRING }: PlatformSettings): void {
  if (EVENTSTORE_CONNECTION_STRING !== null) return;
  if (DataDirectory.holdsHistory(DATA_DIR) || DataDirectory.isClaimed(DATA_DIR)) return;
  throw new CliError(
    'no_history',
    `There is no history in ${resolve(DATA_DIR)}. Is DATA_DIR right? 'dormouse serve' begins one there.`,
  );
}
