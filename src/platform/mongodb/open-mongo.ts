import type { Logger } from 'pino';
import type { EventStore } from '../event-store/event-store.port.js';
import type { Leases } from '../leases/leases.port.js';
import { instanceName, MongoLeases } from '../leases/mongo-leases.js';
import { DatabaseClaim } from '../read-models/mongo/database-claim.js';
import { MongoReadModelStore } from '../read-models/mongo/mongo-read-model-store.js';
import type { ReadModelStore } from '../read-models/read-model-store.port.js';
import { MongoConnection } from './mongo-connection.js';

export interface OpenMongoOptions {
  /** The history that the read models are made from. */
  readonly events: Pick<EventStore, 'identity'>;
  /** What an instance was doing is free for another one so long after it was last heard of. */
  readonly leaseSeconds: number;
  readonly log: Logger;
}

/**
 * Read models and leases in one MongoDB database. The server need not be there yet: until it is, and has said that the
 * database may be used, operations fail. Close the leases first; the store takes the connection with it.
 *
 * @throws {SettingsError} the URI is not accepted
 */
export async function openMongo(
  uri: string,
  { events, leaseSeconds, log }: OpenMongoOptions,
): Promise<{ readonly readModels: ReadModelStore; readonly leases: Leases }> {
  const connection = await MongoConnection.open(uri, { log });
  const leaseMs = leaseSeconds * 1_000;
  const instance = instanceName();
  const claim = new DatabaseClaim(connection, { log, instance, leaseMs, history: () => events.identity() });
  const leases = MongoLeases.on(connection, { log, instance, ttlMs: leaseMs, ready: claim.settled });
  return { readModels: new MongoReadModelStore(connection, { ready: claim.settled }), leases };
}
