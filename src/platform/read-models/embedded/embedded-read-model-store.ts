import type { DatabaseSync } from 'node:sqlite';
import { openSqliteFile } from '../../sqlite/sqlite-file.js';
import { describeSqliteFailure, isSqliteError } from '../../sqlite/sqlite-problem.js';
import { assertCollectionDefinition, assertCollectionName } from '../read-model-names.js';
import { ReadModelStoreUnavailable } from '../read-model-store.errors.js';
import { ReadModelStore } from '../read-model-store.port.js';
import type { Collection, CollectionDefinition, Document, ProjectionBatch } from '../read-model-store.port.js';
import { EmbeddedCollection, inTransaction, TABLE_PREFIX } from './embedded-collection.js';

/** `DmRM`: marks the file as this store's. */
const APPLICATION_ID = 0x446d524d;
const FORMAT_VERSION = 1;
/** SQLite's result code for a violated UNIQUE index: the caller's affair, not the store's. */
const SQLITE_CONSTRAINT = 19;

/**
 * Read models in one SQLite file, the default.
 *
 * A commit is one transaction: documents, parked streams and checkpoint are all there or none is. The process is alone
 * with the file, so fences are not asked for. What a crash of the machine may take (synchronous NORMAL) are the last
 * commits as a whole, and the projections make those again from their events.
 */
export class EmbeddedReadModelStore extends ReadModelStore {
  readonly kind = 'embedded';
  private readonly collections = new Map<string, EmbeddedCollection<Document>>();
  private open = true;

  private constructor(
    private readonly path: string,
    private readonly database: DatabaseSync,
  ) {
    super();
  }

  /**
   * Opens the file at `path`, or makes it.
   *
   * @throws {StoreFileRefused} the file is newer, damaged, foreign or cannot be written
   */
  static open(path: string): EmbeddedReadModelStore {
    const database = openSqliteFile(path, {
      what: 'read-model store',
      remedy: 'Delete it: it is built anew from the events at the next start.',
      applicationId: APPLICATION_ID,
      version: FORMAT_VERSION,
      // Each collection makes its own table when it is first opened.
      schema: '',
      synchronous: 'NORMAL',
    });
    return new EmbeddedReadModelStore(path, database);
  }

  collection<D extends Document>(definition: CollectionDefinition): Promise<Collection<D>> {
    return this.answer(() => {
      assertCollectionDefinition(definition);
      const known = this.collections.get(definition.name);
      known?.ensureIndexes(definition.indexes ?? []);
      const collection =
        known ??
        new EmbeddedCollection<Document>(
          () => this.opened(),
          (work) => this.guarded(work),
          definition,
        );
      this.collections.set(definition.name, collection);
      // The caller names the documents' type once, here; the store does not look into them.
      return collection as Collection<Document> as Collection<D>;
    });
  }

  dropCollection(name: string): Promise<void> {
    return this.answer(() => {
      assertCollectionName(name);
      this.opened().exec(`DROP TABLE IF EXISTS "${TABLE_PREFIX}${name}"`);
      this.collections.delete(name);
    });
  }

  collectionNames(): Promise<readonly string[]> {
    return this.answer(() => {
      const tables = this.opened().prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
      return (tables as { name: string }[])
        .filter(({ name }) => name.startsWith(TABLE_PREFIX))
        .map(({ name }) => name.slice(TABLE_PREFIX.length));
    });
  }

  commit(batch: ProjectionBatch): Promise<void> {
    return this.answer(() => {
      const target = this.known(batch.collection);
      inTransaction(this.opened(), () => {
        for (const write of batch.writes) target.writeNow(write);
        for (const { collection, id, document } of batch.beside) {
          if (document === null) this.known(collection).deleteNow(id);
          else this.known(collection).putNow(id, document);
        }
      });
    });
  }

  ping(): Promise<void> {
    return this.answer(() => {
      this.opened().prepare('SELECT 1').get();
    });
  }

  close(): Promise<void> {
    if (this.open) {
      this.open = false;
      this.database.close();
    }
    return Promise.resolve();
  }

  private known(name: string): EmbeddedCollection<Document> {
    const collection = this.collections.get(name);
    if (!collection) throw new Error(`Collection '${name}' is not open.`);
    return collection;
  }

  private opened(): DatabaseSync {
    if (!this.open) throw new ReadModelStoreUnavailable('The read-model store is closed.');
    return this.database;
  }

  private answer<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => resolve(this.guarded(work)));
  }

  /** A failing disk or file is the store's not being available; everything else passes as it is. */
  private guarded<T>(work: () => T): T {
    try {
      this.opened();
      return work();
    } catch (error) {
      if (!isSqliteError(error) || (error.errcode & 0xff) === SQLITE_CONSTRAINT) throw error;
      const message = describeSqliteFailure('The read-model store did not answer', this.path, error);
      throw new ReadModelStoreUnavailable(message, { cause: error });
    }
  }
}
