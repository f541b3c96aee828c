import type { Db } from 'mongodb';
import type { Permit } from '../../leases/mongo-lease-table.js';
import { assertDocument } from '../read-model-names.js';
import { ReadModelStoreUnavailable } from '../read-model-store.errors.js';
import type {
  Collection,
  DeletedDocument,
  Document,
  DocumentQuery,
  Fence,
  StoredDocument,
} from '../read-model-store.port.js';
import { assertLimit, filterOf, sortOf } from './document-query.js';
import { underFence } from './fence.js';
import { CHUNK, fenced, fencedDeletion, replacement, writeAll } from './guarded-writes.js';
import type { StoredCollection, StoredWrite } from './guarded-writes.js';
import { readPlan } from './query-plan.js';
import { decodeDocument } from './stored-document.js';
import type { StoredFields } from './stored-document.js';

/** Read models among whatever else a database may hold. */
export const MODEL_PREFIX = 'dormouse.models.';

/** The documents of one read model, as MongoDB's driver sees them. */
export function modelIn(db: Db, name: string): StoredCollection {
  return db.collection<StoredFields>(MODEL_PREFIX + name);
}

/** One collection of the {@link MongoReadModelStore}. */
export class MongoCollection<D extends Document> implements Collection<D> {
  /** @param onDatabase runs an operation, and names what goes wrong in the port's errors */
  constructor(
    readonly name: string,
    private readonly onDatabase: <T>(work: (db: Db) => Promise<T>) => Promise<T>,
  ) {}

  async get(id: string): Promise<StoredDocument<D> | undefined> {
    const found = await this.run((documents) => documents.findOne({ _id: id }));
    const decoded = found ? decodeDocument<D>(found) : undefined;
    return decoded && isPresent(decoded) ? decoded : undefined;
  }

  async getMany(ids: readonly string[]): Promise<readonly StoredDocument<D>[]> {
    return (await this.getManyWithDeleted(ids)).filter(isPresent);
  }

  async getManyWithDeleted(ids: readonly string[]): Promise<readonly (StoredDocument<D> | DeletedDocument)[]> {
    const unique = [...new Set(ids)];
    const found: (StoredDocument<D> | DeletedDocument)[] = [];
    for (let start = 0; start < unique.length; start += CHUNK) {
      const $in = unique.slice(start, start + CHUNK);
      const page = await this.run((documents) => documents.find({ _id: { $in } }, { batchSize: CHUNK }).toArray());
      found.push(...page.flatMap((stored) => decodeDocument<D>(stored) ?? []));
    }
    return found;
  }

  async find(query: DocumentQuery): Promise<readonly StoredDocument<D>[]> {
    const cursorFor = this.cursor(query);
    if (query.limit === 0) return [];
    const found = await this.run((documents) => cursorFor(documents).toArray());
    return found.flatMap((stored) => decodeDocument<D>(stored) ?? []).filter(isPresent);
  }

  async count(where?: DocumentQuery['where']): Promise<number> {
    const filter = filterOf(where ? { where } : {});
    return await this.run((documents) => documents.countDocuments(filter));
  }

  /** Page by page, each a query of its own: no cursor is kept open on the server while the caller works. */
  async *all(): AsyncGenerator<StoredDocument<D>, void, undefined> {
    let after: DocumentQuery['after'];
    for (;;) {
      const page: readonly StoredDocument<D>[] = await this.find({ limit: CHUNK, ...(after && { after }) });
      yield* page;
      const last = page.at(-1);
      if (!last || page.length < CHUNK) return;
      after = { id: last.id };
    }
  }

  async put(id: string, document: D, fence?: Fence): Promise<void> {
    if (!fence) return await this.putMany([{ id, document }]);
    assertDocument(document);
    await this.writeUnder(fence, (permit) => fenced(id, document, permit));
  }

  async putMany(documents: readonly { readonly id: string; readonly document: D }[]): Promise<void> {
    const writes = documents.map(({ id, document }) => {
      assertDocument(document);
      return replacement(id, document);
    });
    const refused = await this.run((stored) => writeAll(stored, writes));
    if (refused > 0) throw new ReadModelStoreUnavailable(`${refused} documents were being written by others, twice.`);
  }

  async delete(id: string, fence?: Fence): Promise<void> {
    if (fence) await this.writeUnder(fence, (permit) => fencedDeletion(id, permit));
    else await this.run((documents) => documents.deleteOne({ _id: id }));
  }

  async explain(query: DocumentQuery): ReturnType<Collection<D>['explain']> {
    const cursorFor = this.cursor(query);
    const explained = await this.run((documents) => cursorFor(documents).explain('queryPlanner'));
    const filtered = Object.keys(query.where ?? {}).length > 0;
    return readPlan(explained, filtered, query.after !== undefined && !query.orderBy && !filtered);
  }

  private async writeUnder(fence: Fence, write: (permit: Permit) => StoredWrite): Promise<void> {
    await this.onDatabase((db) =>
      underFence(db, fence, async (permit) => (await writeAll(modelIn(db, this.name), [write(permit)])) === 0),
    );
  }

  /** Reads the query at once, so that a bad one is refused before anything is sent. */
  private cursor({ limit, ...query }: DocumentQuery) {
    assertLimit(limit);
    const filter = filterOf(query);
    const sort = sortOf(query.orderBy);
    return (documents: StoredCollection) => {
      const cursor = documents.find(filter, { sort });
      return limit === undefined ? cursor : cursor.limit(limit);
    };
  }

  private run<T>(work: (documents: StoredCollection) => Promise<T>): Promise<T> {
    return this.onDatabase((db) => work(modelIn(db, this.name)));
  }
}

function isPresent<D extends Document>(entry: StoredDocument<D> | DeletedDocument): entry is StoredDocument<D> {
  return entry.document !== null;
}
