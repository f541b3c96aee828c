import type * as Driver from 'mongodb';
import type { Db, DbOptions, MongoClient, MongoClientOptions } from 'mongodb';
import type { Logger } from 'pino';
import { SettingsError } from '../config/settings.js';
import { messageOf } from '../errors.js';
import { ReadModelStoreUnavailable } from '../read-models/read-model-store.errors.js';
import { isMongoError, portError } from './mongo-failure.js';
import { Reachability } from './reachability.js';

export interface MongoConnectionOptions {
  readonly log: Logger;
  /** Longest wait for an answer, the driver's own repetitions included, milliseconds. */
  readonly operationTimeoutMs?: number;
}

const OPERATION_TIMEOUT_MS = 6_000;
const DEFAULT_DATABASE = 'dormouse';

/** What the URI may override: how long to wait, and how many connections to keep. */
const DEFAULTS: MongoClientOptions = {
  appName: 'dormouse',
  serverSelectionTimeoutMS: 3_000,
  connectTimeoutMS: 3_000,
  socketTimeoutMS: 5_000,
  waitQueueTimeoutMS: 3_000,
  heartbeatFrequencyMS: 5_000,
  maxPoolSize: 50,
};

/**
 * What the URI may not override, because the stores rest on it. A write counts once a majority has it on disk; reads ask
 * the primary, and see only what a majority has: a checkpoint that a fail-over then takes back would lose events.
 * A stand-alone server understands all of it too.
 */
const required = (driver: typeof Driver): DbOptions => ({
  writeConcern: { w: 'majority', journal: true, wtimeoutMS: 5_000 },
  readConcern: new driver.ReadConcern('majority'),
  readPreference: 'primary',
});

/**
 * One pool of connections to MongoDB, which read models and leases share. The driver is loaded here and nowhere else.
 *
 * ```ts
 * const mongo = await MongoConnection.open(uri, { log });
 * const readModels = new MongoReadModelStore(mongo, { log });
 * const leases = new MongoLeases(mongo, { log });
 * // at the end: leases.close(), readModels.close(), mongo.close()
 * ```
 */
export class MongoConnection {
  private closed = false;
  private connected: Promise<unknown> | undefined;

  private constructor(
    private readonly client: MongoClient,
    readonly db: Db,
    /** The hosts, without credentials; for messages. */
    readonly address: string,
    private readonly reachability: Reachability,
    private readonly operationTimeoutMs: number,
  ) {}

  /**
   * Reads the URI. Does not wait for the server, which may be away: operations fail until it is there, then work.
   *
   * @throws {SettingsError} the URI is not accepted; the message names no credentials
   */
  static async open(uri: string, options: MongoConnectionOptions): Promise<MongoConnection> {
    const parts = /^mongodb(?:\+srv)?:\/\/(?:([^@/]*)@)?([^/?@]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(uri);
    if (!parts) throw refused('it is not of that form');
    const [, credentials = '', address = '', database = '', query = ''] = parts;
    const driver = await import('mongodb');
    try {
      const client = new driver.MongoClient(uri, notNamedIn(query));
      const db = client.db(decodeURIComponent(database) || DEFAULT_DATABASE, required(driver));
      const reachability = new Reachability(client, address, options.log);
      const { operationTimeoutMs = OPERATION_TIMEOUT_MS } = options;
      return new MongoConnection(client, db, address, reachability, operationTimeoutMs);
    } catch (error) {
      throw refused(withoutCredentials(messageOf(error), credentials));
    }
  }

  /**
   * Runs an operation, and names what goes wrong in the ports' errors (see {@link portError}). When no answer comes in
   * time the outcome of a write is unknown; every write of this service may be repeated.
   *
   * @throws {ReadModelStoreUnavailable}
   */
  async run<T>(work: (db: Db) => Promise<T>, timeoutMs = this.operationTimeoutMs): Promise<T> {
    if (this.closed) throw new ReadModelStoreUnavailable('The connection to MongoDB is closed.');
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      reject(new ReadModelStoreUnavailable(`MongoDB (${this.address}) did not answer within ${timeoutMs} ms.`));
    }, timeoutMs);
    try {
      return await Promise.race([this.connect().then(() => work(this.db)), late]);
    } catch (error) {
      throw portError(this.address, this.reachability.reasonOf(error), this.reachability.hasAnswered);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Resolves when the primary answers a read: some servers answer the command `ping` while they can do nothing else.
   *
   * @throws {ReadModelStoreUnavailable}
   */
  async ping(): Promise<void> {
    await this.run((db) => db.collection('dormouse.meta').findOne({}, { projection: { _id: 1 } }));
  }

  /** Ends all connections; what is in flight fails. Idempotent. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.client.close();
  }

  /**
   * Until the server has been reached for the first time. The driver would do it by itself, but when that fails once, it
   * takes its own topology for closed and never tries again; afterwards it does mend what breaks.
   */
  private connect(): Promise<unknown> {
    this.connected ??= this.client.connect().catch((error: unknown) => {
      this.connected = undefined;
      // A certificate file that cannot be read, a name that DNS does not know: not the driver's own errors.
      throw isMongoError(error)
        ? error
        : new ReadModelStoreUnavailable(unreachable(this.address, error), { cause: error });
    });
    return this.connected;
  }
}

function refused(reason: string): SettingsError {
  return new SettingsError([
    `MONGODB_URI: mongodb://[user:password@]host[:port][,...][/database][?options] or mongodb+srv://... is accepted (${reason})`,
  ]);
}

function unreachable(address: string, error: unknown): string {
  return `MongoDB (${address}) cannot be connected to: ${messageOf(error)}.`;
}

function notNamedIn(query: string): MongoClientOptions {
  const named = new Set([...new URLSearchParams(query).keys()].map((name) => name.toLowerCase()));
  return Object.fromEntries(Object.entries(DEFAULTS).filter(([name]) => !named.has(name.toLowerCase())));
}

function withoutCredentials(message: string, credentials: string): string {
  const secrets = [credentials, ...credentials.split(':')].filter((secret) => secret !== '');
  return secrets.reduce((text, secret) => text.replaceAll(secret, '***'), message);
}
