import type { Db } from 'mongodb';
import type { Logger } from 'pino';
import { messageOf } from '../../errors.js';
import { liveInstances } from '../../leases/mongo-lease-table.js';
import type { MongoConnection } from '../../mongodb/mongo-connection.js';
import { DatabaseRefused } from '../../mongodb/mongodb.errors.js';
import { ReadModelStoreUnavailable } from '../read-model-store.errors.js';
import { MODEL_PREFIX } from './mongo-collection.js';

/** Raised when what is stored can no longer be read by an older program. */
const FORMAT = 1;
const META = 'dormouse.meta';
const META_ID = 'read_models';

/** A refusal is asked about again after so long: the other service may have been stopped. */
const ASK_AGAIN_MS = 1_000;

/** What a database says about the documents in it. */
interface Meta {
  readonly _id: string;
  readonly format: number;
  /** Identity of the event history that they were made from. */
  readonly history: string;
  readonly claimed_at: Date;
}

export interface DatabaseClaimOptions {
  readonly log: Logger;
  /** Identity of this service's event history. */
  readonly history: () => Promise<string>;
  /** This instance's own name among the holders of leases. */
  readonly instance: string;
  /** Somebody who claimed the database less than this ago may be starting and not hold a lease yet. */
  readonly leaseMs: number;
}

/**
 * Finds out, before anything else is done to a database, whether this service may use it. Documents of another history
 * are replaced (the projections see that and build anew), but not while an instance that works on that history lives:
 * the two would undo each other's work for ever.
 */
export class DatabaseClaim {
  private asked: Promise<void> | undefined;

  constructor(
    private readonly connection: MongoConnection,
    private readonly options: DatabaseClaimOptions,
  ) {}

  /**
   * Resolves once the database may be used, from then on at once. Whoever asks meanwhile shares the answer.
   *
   * @throws {DatabaseRefused} a newer format, somebody else's collections, or in use for another history
   * @throws {ReadModelStoreUnavailable} one of the two stores is away: not known yet, ask again
   */
  readonly settled = (): Promise<void> => {
    this.asked ??= this.ask();
    return this.asked;
  };

  private async ask(): Promise<void> {
    try {
      // The database first: when both are away, what is said of it is its own trouble.
      await this.connection.ping();
      const history = await this.historyOfEvents();
      await this.connection.run((db) => this.claim(db, history));
    } catch (error) {
      const forget = () => (this.asked = undefined);
      if (error instanceof DatabaseRefused) setTimeout(forget, ASK_AGAIN_MS).unref();
      else forget();
      throw error;
    }
  }

  /** @throws {ReadModelStoreUnavailable} whose the database is cannot be told before the event store answers */
  private async historyOfEvents(): Promise<string> {
    try {
      return await this.options.history();
    } catch (error) {
      throw new ReadModelStoreUnavailable(
        `MongoDB answers, but is not used before the event store has told which history is this service's: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  private async claim(db: Db, history: string): Promise<void> {
    const meta = db.collection<Meta>(META);
    const found = await meta.findOne({ _id: META_ID });
    if (!found) await this.refuseUnknown(db);
    else if (found.format !== FORMAT) throw this.newerFormat(db, found.format);
    else if (found.history === history) return;
    else await this.refuseWhileInUse(db, found, history);

    // Only from what was seen: of two that come at the same time, one finds the other's claim.
    const claimed = { _id: META_ID, format: FORMAT, history: { $literal: history }, claimed_at: '$$NOW' };
    const asSeen = { $eq: [{ $ifNull: ['$history', null] }, { $literal: found?.history ?? null }] };
    const after = await meta.findOneAndUpdate(
      { _id: META_ID },
      [{ $replaceWith: { $cond: [asSeen, claimed, '$$ROOT'] } }],
      { upsert: true, returnDocument: 'after' },
    );
    if (after?.history !== history) throw this.inUse(db, 'another service has just begun to use it');
  }

  private async refuseUnknown(db: Db): Promise<void> {
    const collections = await db.listCollections({}, { nameOnly: true }).toArray();
    const ours = collections.map(({ name }) => name).filter((name) => name.startsWith(MODEL_PREFIX));
    if (ours.length === 0) return;
    throw new DatabaseRefused(
      'foreign',
      db.databaseName,
      `Database '${db.databaseName}' has collections of this service (${ours[0]}, ...) but not the document in '${META}' that ` +
        `says what they are. Restore the whole database, or drop the collections '${MODEL_PREFIX}*': they are built anew from the events.`,
    );
  }

  private newerFormat(db: Db, format: number): DatabaseRefused {
    return new DatabaseRefused(
      'newer_format',
      db.databaseName,
      `Database '${db.databaseName}' is of format ${format}, this program knows ${FORMAT}. Use the program that wrote it, ` +
        `or another database in MONGODB_URI: read models are built anew from the events.`,
    );
  }

  private async refuseWhileInUse(db: Db, found: Meta, history: string): Promise<void> {
    const { instance, leaseMs, log } = this.options;
    const others = await liveInstances(db, instance);
    if (others.length > 0) throw this.inUse(db, `by ${others.join(', ')}`);
    const justBegun = { _id: META_ID, $expr: { $gt: ['$claimed_at', { $subtract: ['$$NOW', leaseMs] }] } };
    if (await db.collection<Meta>(META).findOne(justBegun))
      throw this.inUse(db, 'another service has just begun to use it');
    log.warn({ database: db.databaseName, was: found.history, is: history }, 'mongodb.history_changed');
  }

  private inUse(db: Db, how: string): DatabaseRefused {
    return new DatabaseRefused(
      'in_use',
      db.databaseName,
      `Database '${db.databaseName}' is in use for another event history (${how}). Stop that service, or name another ` +
        `database in MONGODB_URI.`,
    );
  }
}
