import type { Collection as MongoCollection, Db, Document as Expression } from 'mongodb';
import type { Fence } from '../read-models/read-model-store.port.js';
import { StaleFence } from '../read-models/read-model-store.errors.js';
import { isDuplicateKey } from '../mongodb/mongo-failure.js';
import type { MongoConnection } from '../mongodb/mongo-connection.js';

const LEASES = 'dormouse.leases';

/**
 * A lease as MongoDB keeps it. All times are the database's (`$$NOW`), so that the instances' clocks need not agree. The
 * document stays when the lease is given back: its token must never begin anew.
 */
interface LeaseDocument {
  readonly _id: string;
  /** Instance that holds it; null: free. */
  readonly holder: string | null;
  /** The holder's own count of its attempts: an attempt that arrives late does not undo a later one. */
  readonly attempt: number;
  /** Grows with each change of hands, for ever. */
  readonly token: number;
  readonly expires_at: Date;
}

/** A lease that was taken. */
export interface TakenLease {
  readonly name: string;
  readonly token: number;
}

/** What the database said about a fence: its holder may write for a while. */
export interface Permit {
  readonly fence: Fence;
  /** By the database's clock: goes with each write, which then changes nothing when it arrives later. */
  readonly until: Date;
  /** By `performance.now()` here: what was answered before was written before {@link until}. */
  readonly certainUntil: number;
}

/** Milliseconds until a lease runs out. */
const REMAINING = { $subtract: ['$expires_at', '$$NOW'] };
const IS_HELD = { holder: { $type: 'string' as const }, $expr: { $lt: ['$$NOW', '$expires_at'] } };

/** The statements on leases, each of them one round trip and atomic. Failures are the connection's. */
export class MongoLeaseTable {
  private attempts = 0;

  constructor(
    private readonly connection: MongoConnection,
    private readonly instance: string,
    private readonly ttlMs: number,
  ) {}

  /** Takes the lease if it is free, has run out, or is this instance's by an earlier attempt (the caller has no other). */
  async take(name: string): Promise<TakenLease | undefined> {
    const attempt = ++this.attempts;
    const update = [{ $replaceWith: { $cond: [this.isFree(attempt), this.held(attempt), '$$ROOT'] } }];
    const after = await this.run((leases) =>
      onceMoreOnConflict(() =>
        leases.findOneAndUpdate({ _id: name }, update, { upsert: true, returnDocument: 'after' }),
      ),
    );
    const mine = after?.holder === this.instance && after.attempt === attempt;
    return mine ? { name, token: after.token } : undefined;
  }

  /** Milliseconds until the lease is free for this instance; 0 when it is. */
  async remainingMs(name: string): Promise<number> {
    const projection = { remaining: REMAINING };
    const found = await this.run((leases) =>
      leases.findOne<{ remaining: number }>({ _id: name, ...IS_HELD }, { projection }),
    );
    return Math.max(0, found?.remaining ?? 0);
  }

  /** Extends leases in one call. @returns names of those that are somebody else's by now */
  async renew(leases: readonly TakenLease[]): Promise<ReadonlySet<string>> {
    const update = [{ $set: { expires_at: this.expiry() } }];
    const writes = leases.map((lease) => ({ updateOne: { filter: this.mine(lease), update } }));
    // Not waiting to the end leaves time for another try.
    const { matchedCount } = await this.run((table) => table.bulkWrite(writes, { ordered: false }), this.ttlMs / 3);
    return matchedCount === leases.length ? new Set() : await this.lostAmong(leases);
  }

  /** Gives leases back in one call; those that are somebody else's by now are left alone. */
  async release(leases: readonly TakenLease[]): Promise<void> {
    if (leases.length === 0) return;
    const writes = leases.map((lease) => ({
      updateOne: { filter: this.mine(lease), update: { $set: { holder: null } } },
    }));
    await this.run((table) => table.bulkWrite(writes, { ordered: false }));
  }

  private async lostAmong(leases: readonly TakenLease[]): Promise<ReadonlySet<string>> {
    const still = await this.run((table) => table.find({ $or: leases.map((lease) => this.mine(lease)) }).toArray());
    const kept = new Set(still.map(({ _id }) => _id));
    return new Set(leases.map(({ name }) => name).filter((name) => !kept.has(name)));
  }

  private mine({ name, token }: TakenLease): { _id: string; holder: string; token: number } {
    return { _id: name, holder: this.instance, token };
  }

  private isFree(attempt: number): Expression {
    const mineBefore = { $and: [{ $eq: ['$holder', { $literal: this.instance }] }, { $lt: ['$attempt', attempt] }] };
    const nobodys = { $eq: [{ $ifNull: ['$holder', null] }, null] };
    return { $or: [nobodys, { $lte: ['$expires_at', '$$NOW'] }, mineBefore] };
  }

  private held(attempt: number): Expression {
    const token = { $add: [{ $ifNull: ['$token', 0] }, 1] };
    return { _id: '$_id', holder: { $literal: this.instance }, attempt, token, expires_at: this.expiry() };
  }

  private expiry(): Expression {
    return { $add: ['$$NOW', this.ttlMs] };
  }

  /** @param withinMs an answer that takes as long as the lease lasts is of no use any more */
  private run<T>(work: (leases: MongoCollection<LeaseDocument>) => Promise<T>, withinMs = this.ttlMs): Promise<T> {
    return this.connection.run((db) => work(leasesIn(db)), withinMs);
  }
}

/**
 * Asks the database whether the fence is that of the present holder.
 *
 * @throws {StaleFence} the lease has run out, was given back, or is somebody else's
 */
export async function permitFor(db: Db, fence: Fence): Promise<Permit> {
  const askedAt = performance.now();
  const filter = { _id: fence.lease, token: fence.token, ...IS_HELD };
  const projection = { expires_at: 1, remaining: REMAINING };
  const lease = await leasesIn(db).findOne<{ expires_at: Date; remaining: number }>(filter, { projection });
  if (!lease) throw new StaleFence(fence.lease);
  return { fence, until: lease.expires_at, certainUntil: askedAt + lease.remaining };
}

/** Instances, other than the named one, that hold a lease at the moment. */
export async function liveInstances(db: Db, except: string): Promise<readonly string[]> {
  const held = await leasesIn(db)
    .find(IS_HELD, { projection: { holder: 1 } })
    .toArray();
  return [...new Set(held.map(({ holder }) => holder))].filter(
    (holder) => holder !== null && holder !== except,
  ) as string[];
}

function leasesIn(db: Db): MongoCollection<LeaseDocument> {
  return db.collection<LeaseDocument>(LEASES);
}

/** Two that insert the same new document at the same time: one of them is told so, and finds it the second time. */
async function onceMoreOnConflict<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    return await work();
  }
}
