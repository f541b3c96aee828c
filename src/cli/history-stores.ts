import type { Logger } from 'pino';
import { pino } from 'pino';
import { PlatformSettings } from '../platform/config/platform-settings.js';
import { loadSettings } from '../platform/config/settings.js';
import type { EventStore } from '../platform/event-store/event-store.port.js';
import type { StoredHistoryEvent } from '../platform/event-transfer/history-format.js';
import type { HistorySource } from '../platform/event-transfer/history-source.js';
import { historyOf } from '../platform/event-transfer/history-source.js';
import { createLogger } from '../platform/observability/logger.js';
import { closePlatform, openPlatform } from '../platform/platform.js';
import { HttpDoor } from './http-door.js';
import { namedService, onDataDirectory } from './open-service.js';
import { CliError, ServiceApi } from './service-api.js';

/** Something that is open until it is closed. */
export interface Opened<T> {
  readonly it: T;
  readonly close: () => Promise<void>;
}

/**
 * The history to export: of the service that is named or runs on the data directory, else of the event store itself.
 *
 * @param categories only streams named `<category>-...`; empty: all
 * @throws {CliError} @throws {SettingsError} @throws {StoreFileRefused}
 */
export async function openHistory(
  url: string | undefined,
  categories: readonly string[],
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Opened<HistorySource>> {
  const remote = async (where: string): Promise<Opened<HistorySource>> => {
    const api = new ServiceApi(new HttpDoor(where, signal));
    return closedOnFailure({ it: historyOver(api, categories), close: () => api.close() });
  };
  const named = namedService(url, environment);
  if (named !== undefined) return await remote(named);
  return await onDataDirectory(environment, signal, 'must_exist', {
    running: remote,
    alone: async (settings) => {
      const { it: store, close } = await openStores(settings, environment);
      return closedOnFailure({ it: historyOf(store, categories), close });
    },
  });
}

/** An import goes past the service. @throws {CliError} named_service */
export function refuseNamedService(environment: NodeJS.ProcessEnv): void {
  if (namedService(undefined, environment) === undefined) return;
  throw new CliError(
    'named_service',
    'DORMOUSE_URL is set, but an import does not go through a service: it writes into the event store that DATA_DIR ' +
      'or EVENTSTORE_CONNECTION_STRING names, while no service runs on it. Unset DORMOUSE_URL.',
  );
}

/**
 * The event store that an import writes to, beside the service: nothing else may use it meanwhile.
 *
 * @throws {SettingsError} @throws {StoreFileRefused} `in_use`: a service runs on it @throws {EventStoreUnavailable}
 */
export async function openTarget(environment: NodeJS.ProcessEnv): Promise<Opened<EventStore>> {
  const { it: store, close } = await openStores(loadSettings(PlatformSettings, environment), environment);
  return await closedOnFailure({ it: store.ping().then(() => store), close });
}

async function openStores(settings: PlatformSettings, environment: NodeJS.ProcessEnv): Promise<Opened<EventStore>> {
  const platform = await openPlatform(settings, environment, await commandLog(environment));
  return { it: platform.events, close: () => closePlatform(platform) };
}

/** On standard error: standard output belongs to the command. */
function commandLog(environment: NodeJS.ProcessEnv): Promise<Logger> {
  return createLogger(environment['LOG_LEVEL'] || 'warn', false, pino.destination({ dest: 2, sync: true }));
}

async function closedOnFailure<T>({ it, close }: Opened<Promise<T>>): Promise<Opened<T>> {
  try {
    return { it: await it, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A page of `/admin/events`: what it says of an event is what a history says. */
interface EventsAnswer {
  readonly items: readonly StoredHistoryEvent[];
  readonly position: number | null;
  readonly live: boolean;
  readonly history: string;
}

/** A running service as a source. */
async function historyOver(api: ServiceApi, categories: readonly string[]): Promise<HistorySource> {
  const prefixes = categories.map((category) => `${category}-`);
  // The service takes one prefix; among several the choice is made here.
  const stream_prefix = prefixes.length === 1 ? prefixes[0] : undefined;
  const isWanted = ({ stream }: StoredHistoryEvent): boolean =>
    prefixes.length === 0 || prefixes.some((prefix) => stream.startsWith(prefix));
  const last = await api.get<EventsAnswer>('/admin/events', { direction: 'backwards', limit: 1 });
  return {
    identity: last.history,
    end: last.items[0]?.position ?? null,
    async page(after, limit) {
      const query = { stream_prefix, after: after ?? undefined, limit };
      const { items, position, live, history } = await api.get<EventsAnswer>('/admin/events', query);
      if (history !== last.history) {
        throw new CliError('history_changed', `The service at ${api.where} has another history now. Export again.`);
      }
      return { events: items.filter(isWanted), position, live };
    },
  };
}
