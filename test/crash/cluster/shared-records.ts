import { MongoClient } from 'mongodb';
import type { JobDocument } from '../../../src/platform/jobs/job-records.js';
import type { ProjectionState } from '../../../src/platform/projections/projection-state.js';
import { modelIn } from '../../../src/platform/read-models/mongo/mongo-collection.js';
import { decodeDocument } from '../../../src/platform/read-models/mongo/stored-document.js';

/** A lease as the database has it. */
export interface LeaseRecord {
  readonly name: string;
  /** Name of the life that holds it; null: given back. It may have run out. */
  readonly holder: string | null;
  readonly token: number;
  /** When it was taken or renewed last, by the database's clock, epoch ms. */
  readonly since: number;
}

/** A projection's state, and the token of its writer. */
export interface StoredState {
  readonly state: ProjectionState;
  readonly token: number;
}

/** A lease as it is stored. */
interface StoredLease {
  readonly _id: string;
  readonly holder: string | null;
  readonly token: number;
  readonly expires_at: Date;
}

/** What the instances share in MongoDB, read past them. Fails while MongoDB is away. */
export class SharedRecords {
  private readonly client: MongoClient;

  /** @param leaseMs how long a lease lasts */
  constructor(
    uri: string,
    private readonly leaseMs: number,
  ) {
    this.client = new MongoClient(uri, { serverSelectionTimeoutMS: 1_000, socketTimeoutMS: 2_000 });
  }

  async leases(): Promise<LeaseRecord[]> {
    const found = await this.table().find().toArray();
    return found.map(({ _id: name, holder, token, expires_at }) => {
      return { name, holder, token, since: expires_at.getTime() - this.leaseMs };
    });
  }

  /** Who holds it at this moment, by the database's clock. */
  async holderOf(lease: string): Promise<string | null> {
    const isHeld = { _id: lease, $expr: { $lt: ['$$NOW', '$expires_at'] } };
    return (await this.table().findOne(isHeld))?.holder ?? null;
  }

  /** All that the life with this name holds at this moment. */
  async heldBy(name: string): Promise<string[]> {
    const held = await this.table()
      .find({ holder: name, $expr: { $lt: ['$$NOW', '$expires_at'] } })
      .toArray();
    return held.map(({ _id }) => _id);
  }

  /** All leases whose name begins so and that somebody holds at this moment. */
  async held(prefix: string): Promise<{ lease: string; holder: string }[]> {
    const isHeld = { _id: { $regex: `^${prefix}` }, $expr: { $lt: ['$$NOW', '$expires_at'] } };
    const found = await this.table().find(isHeld).toArray();
    return found.flatMap(({ _id, holder }) => (holder === null ? [] : [{ lease: _id, holder }]));
  }

  /** By name of the job. */
  async jobs(): Promise<Map<string, JobDocument>> {
    const stored = await modelIn(this.client.db(), 'job_records').find().toArray();
    return new Map(
      stored.flatMap((fields) => {
        const decoded = decodeDocument<JobDocument>(fields);
        return decoded?.document ? [[decoded.id, decoded.document] as const] : [];
      }),
    );
  }

  /** What is stored of the projections, with the token of the lease under which it was. */
  async projections(): Promise<StoredState[]> {
    const stored = await modelIn(this.client.db(), 'projection_states').find().toArray();
    return stored.flatMap((fields) => {
      const state = decodeDocument<ProjectionState>(fields)?.document;
      return state ? [{ state, token: fields._fence?.token ?? 0 }] : [];
    });
  }

  async drop(): Promise<void> {
    await this.client.db().dropDatabase();
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  private table() {
    return this.client.db().collection<StoredLease>('dormouse.leases');
  }
}
