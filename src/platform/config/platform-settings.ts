import { Decimal, Flag, Text, Whole } from './settings.js';

/** Settings of the process and its stores. `null` is "not set". */
export class PlatformSettings {
  /** Where the embedded stores live. */
  @Text({ most: 1024 })
  DATA_DIR: string = './data';

  @Text({ most: 255, pattern: /^[\w.:-]+$/, accepted: 'a host name or address is accepted' })
  HOST: string = '127.0.0.1';

  /** 0 takes any free port. */
  @Whole({ least: 0, most: 65_535 })
  PORT: number = 3000;

  /** Listening beyond loopback without authentication must be asked for in so many words. */
  @Flag()
  ALLOW_UNAUTHENTICATED: boolean = false;

  @Text({
    pattern: /^(fatal|error|warn|info|debug|trace|silent)$/,
    accepted: 'fatal, error, warn, info, debug, trace or silent is accepted',
  })
  LOG_LEVEL: string = 'info';

  /** How long a query waits for its view to reach a consistency token, ms. */
  @Whole({ least: 0, most: 60_000, unit: 'milliseconds' })
  CONSISTENCY_WAIT_MS: number = 5_000;

  /** Largest request body, bytes. A message of 64 KB made of what JSON escapes is six times as long in its body. */
  @Whole({ least: 1_024, most: 16_777_216, unit: 'bytes' })
  HTTP_BODY_LIMIT: number = 524_288;

  /** Set: events live in EventStoreDB instead of DATA_DIR. */
  @Text({
    secret: true,
    pattern: /^esdb(\+discover)?:\/\/\S+$/,
    accepted: 'a connection string such as esdb://host:2113?tls=false is accepted',
  })
  EVENTSTORE_CONNECTION_STRING: string | null = null;

  /** Set: read models, leases and job records live in MongoDB instead of DATA_DIR. */
  @Text({
    secret: true,
    pattern: /^mongodb(\+srv)?:\/\/\S+$/,
    accepted: 'a connection string such as mongodb://host:27017/dormouse is accepted',
  })
  MONGODB_URI: string | null = null;

  /** With MONGODB_URI: what an instance was doing is free for another one so long after it was last heard of, seconds. */
  @Decimal({ least: 1, most: 300, unit: 'seconds' })
  LEASE_SECONDS: number = 10;

  /** `source` of the published events: which service they come from, for those who follow several. */
  @Text({
    most: 255,
    pattern: /^[A-Za-z][A-Za-z0-9+.-]*:\S+$|^\/\S*$/,
    accepted: 'a URI such as urn:dormouse:eu is accepted',
  })
  EVENTS_SOURCE: string = 'urn:dormouse';

  /** Event streams and long polls that are open at once, at most. */
  @Whole({ least: 1, most: 100_000 })
  FEED_MAX_CLIENTS: number = 5_000;

  /** An event stream whose client takes nothing for so long is ended. */
  @Decimal({ least: 1, most: 3_600, unit: 'seconds' })
  FEED_SLOW_CLIENT_SECONDS: number = 30;

  /** What everybody who looks at the service must know; `GET /about` tells it, and the page shows it above all else. */
  @Text({ most: 200, pattern: /^[^\p{C}\p{Zl}\p{Zp}]+$/u, accepted: 'one line of at most 200 characters is accepted' })
  SERVICE_NOTICE: string | null = null;
}
