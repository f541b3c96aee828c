import { Flag, Text, Whole } from './settings.js';

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

  /** Largest request body, bytes. */
  @Whole({ least: 1_024, most: 16_777_216, unit: 'bytes' })
  HTTP_BODY_LIMIT: number = 131_072;

  /** Set: events live in EventStoreDB instead of DATA_DIR. */
  @Text({ secret: true })
  EVENTSTORE_CONNECTION_STRING: string | null = null;

  /** Set: read models live in MongoDB instead of DATA_DIR. */
  @Text({ secret: true })
  MONGODB_URI: string | null = null;
}
