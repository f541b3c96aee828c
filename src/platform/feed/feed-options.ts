import type { PlatformSettings } from '../config/platform-settings.js';

/** How the feed paces itself. Times are milliseconds of the host's timers. */
export interface FeedOptions {
  /** Streams and long polls that are open at once, at most. */
  readonly mostClients: number;
  /** A client that takes nothing for so long is cut off. */
  readonly slowAfterMs: number;
  /** Bytes that wait for one client; beyond that it is given nothing more until it has taken them. */
  readonly mostUnsent: number;
  /** The same for all clients together, shared out evenly. */
  readonly mostUnsentOfAll: number;
  /** The latest events, kept ready to be sent. */
  readonly ring: { readonly entries: number; readonly bytes: number };
  /** So much that has not been handed on is handed on at once. */
  readonly flushBytes: number;
  /** After handing on, the next time comes after so many times as long as it took: it takes at most a part of the time, */
  readonly restFactor: number;
  /** and after this at the latest. */
  readonly restMostMs: number;
  readonly heartbeatMs: number;
  /** How often slow clients are looked for; heartbeats are spread over the ticks between two. */
  readonly tickMs: number;
  /** The subscription stays for so long after the last client has left. */
  readonly lingerMs: number;
  /** What a client that was cut off has not taken by then, it does not get. */
  readonly farewellMs: number;
  /** The same when the service stops. */
  readonly farewellAtEndMs: number;
  /** Clients that read from the store at the same time, */
  readonly readers: number;
  /** so many events at a time. */
  readonly pageSize: number;
  /** A page is read again so long after the store could not be reached. */
  readonly readAgainMs: number;
  /** A position that another instance has seen may be new to this one: so long it is waited for, asking this often. */
  readonly aheadMs: number;
  readonly aheadEveryMs: number;
  readonly tail: {
    readonly batchSize: number;
    readonly stallAfterMs: number;
    readonly backoffMinMs: number;
    readonly backoffMaxMs: number;
  };
}

export const DEFAULT_FEED_OPTIONS: FeedOptions = {
  mostClients: 5_000,
  slowAfterMs: 30_000,
  mostUnsent: 1024 * 1024,
  mostUnsentOfAll: 128 * 1024 * 1024,
  ring: { entries: 4_096, bytes: 8 * 1024 * 1024 },
  flushBytes: 512 * 1024,
  restFactor: 3,
  restMostMs: 100,
  heartbeatMs: 15_000,
  tickMs: 1_000,
  lingerMs: 30_000,
  farewellMs: 5_000,
  farewellAtEndMs: 1_000,
  readers: 4,
  pageSize: 250,
  readAgainMs: 1_000,
  aheadMs: 2_000,
  aheadEveryMs: 50,
  tail: { batchSize: 250, stallAfterMs: 5_000, backoffMinMs: 100, backoffMaxMs: 2_000 },
};

/** What the settings say, and the rest as it is by default. */
export function feedOptions({ FEED_MAX_CLIENTS, FEED_SLOW_CLIENT_SECONDS }: PlatformSettings): FeedOptions {
  return { ...DEFAULT_FEED_OPTIONS, mostClients: FEED_MAX_CLIENTS, slowAfterMs: FEED_SLOW_CLIENT_SECONDS * 1000 };
}
