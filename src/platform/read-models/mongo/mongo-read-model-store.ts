import type { Db } from 'mongodb';
import { permitFor } from '../../leases/mongo-lease-table.js';
import type { MongoConnection } from '../../mongodb/mongo-connection.js';
import { assertCollectionDefinition, assertCollectionName, assertDocument } from '../read-model-names.js';
import { ReadModelStoreUnavailable } from '../read-model-store.errors.js';
import { ReadModelStore } from '../read-model-store.port.js';
import type { Collection, CollectionDefinition, Document, Fence, ProjectionBatch } from '../read-model-store.port.js';
import { commitBatch } from './commit-batch.js';
import { indexOf } from './document-query.js';
import { ensureIndexes } from './ensure-indexes.js';
import { MODEL_PREFIX, modelIn, MongoCollection } from './mongo-collection.js';

export interface MongoReadModelStoreOptions {
  /** Resolves when the database may be used (see `DatabaseClaim`); asked before each operation, and answers from memory. */
  readonly ready?: () => Promise<void>;
}

/** Server's answer when a collection exists already. */
const NAMESPACE_EXISTS = 48;

/**
 * Read models in a MongoDB database that instances share.
 *
 * Each collection is one of MongoDB's, named `dormouse.models.<name>`, so that the database may hold other things. No
 * transactions and no change streams are used: a stand-alone server, a replica set and compatible servers all do.
 * How commits stay right without transactions: see `commitBatch`.
 */
export class MongoReadModelStore extends ReadModelStore {
  readonly kind = 'mongodb';
  /** Open collections, with the names of the indexes that are known to exist. */
  private readonly collections = new Map<string, { readonly model: MongoCollection<Document>; indexes: Set<string> }>();
  private open = true;

  /** The store takes over the connection: what else uses it is closed before the store. */
  constructor(
    private readonly connection: MongoConnection,
    private readonly options: MongoReadModelStoreOptions = {},
  ) {
    super();
  }

  async collection<D extends Document>(definition: CollectionDefinition): Promise<Collection<D>> {
    assertCollectionDefinition(definition);
    const { name } = definition;
    const wanted = (definition.indexes ?? []).map(indexOf);
    let known = this.collections.get(name);
    if (!known) {
      await this.run((db) => createCollection(db, name));
      known = { model: new MongoCollection<Document>(name, (work) => this.run(work)), indexes: new Set() };
      this.collections.set(name, known);
    }
    const missing = wanted.filter((index) => !known.indexes.has(index.name));
    if (missing.length > 0) {
      await this.run((db) => ensureIndexes(modelIn(db, name), missing));
      for (const index of missing) known.indexes.add(index.name);
    }
    // The caller names the documents' type once, here; the store does not look into them.
    return known.model as Collection<Document> as Collection<D>;
  }

  async dropCollection(name: string, fence?: Fence): Promise<void> {
    assertCollectionName(name);
    await this.run(async (db) => {
      if (fence) await permitFor(db, fence);
      await modelIn(db, name).drop();
    });
    this.collections.delete(name);
  }

  async collectionNames(): Promise<readonly string[]> {
    const found = await this.run((db) => db.listCollections({}, { nameOnly: true }).toArray());
    const names = found.map(({ name }) => name).filter((name) => name.startsWith(MODEL_PREFIX));
    return names.map((name) => name.slice(MODEL_PREFIX.length)).toSorted();
  }

  async commit(batch: ProjectionBatch): Promise<void> {
    for (const { collection } of [batch, ...batch.beside]) this.assertOpen(collection);
    for (const { document } of [...batch.writes, ...batch.beside]) if (document) assertDocument(document);
    await this.run((db) => commitBatch(db, batch, (name) => modelIn(db, name)));
  }

  async ping(): Promise<void> {
    await this.run(() => this.connection.ping());
  }

  async close(): Promise<void> {
    this.open = false;
    await this.connection.close();
  }

  private async run<T>(work: (db: Db) => Promise<T>): Promise<T> {
    if (!this.open) throw new ReadModelStoreUnavailable('The read-model store is closed.');
    await this.options.ready?.();
    return await this.connection.run(work);
  }

  private assertOpen(name: string): void {
    if (!this.collections.has(name)) throw new Error(`Collection '${name}' is not open.`);
  }
}

async function createCollection(db: Db, name: string): Promise<void> {
  try {
    await db.createCollection(MODEL_PREFIX + name);
  } catch (error) {
    if ((error as { code?: unknown }).code !== NAMESPACE_EXISTS) throw error;
  }
}
