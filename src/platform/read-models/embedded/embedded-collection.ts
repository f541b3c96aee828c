import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { assertDocument } from '../read-model-names.js';
import type {
  Collection,
  CollectionDefinition,
  DeletedDocument,
  Document,
  DocumentQuery,
  DocumentWrite,
  IndexDefinition,
  StoredDocument,
} from '../read-model-store.port.js';
import { countDocuments, indexColumns, selectDocuments } from './document-sql.js';
import type { Sql } from './document-sql.js';

interface Row {
  readonly id: string;
  readonly position: number | null;
  readonly doc: string | null;
}

/** Ids in one lookup, rows in one page of `all`: enough to be quick, little enough to hold. */
const CHUNK = 1_000;

/** Collections live in tables of this prefix, so that no name can meet one of SQLite's own. */
export const TABLE_PREFIX = 'c_';

/**
 * One collection: a table of (id, position, JSON), with an index over expressions for each definition. A row without
 * `doc` is what a projection's deletion leaves: the position below which nothing may be written.
 */
export class EmbeddedCollection<D extends Document> implements Collection<D> {
  readonly name: string;
  private readonly table: string;
  /** Prepared statements by text. The texts follow from the queries in the code, so there are few. */
  private readonly statements = new Map<string, StatementSync>();

  /**
   * @param database answers the open database, or throws when it is closed
   * @param run runs statements and names what goes wrong in the port's errors
   */
  constructor(
    private readonly database: () => DatabaseSync,
    private readonly run: <T>(work: () => T) => T,
    definition: CollectionDefinition,
  ) {
    this.name = definition.name;
    this.table = `"${TABLE_PREFIX}${definition.name}"`;
    this.database().exec(
      `CREATE TABLE IF NOT EXISTS ${this.table} (id TEXT PRIMARY KEY NOT NULL, position INTEGER, doc TEXT)`,
    );
    this.ensureIndexes(definition.indexes ?? []);
  }

  /** Makes the indexes that are missing. */
  ensureIndexes(indexes: readonly IndexDefinition[]): void {
    for (const index of indexes) {
      const unique = index.unique ? 'UNIQUE ' : '';
      const name = `"${index.unique ? 'ux' : 'ix'}_${this.name}__${index.fields.join('__')}"`;
      this.database().exec(
        `CREATE ${unique}INDEX IF NOT EXISTS ${name} ON ${this.table} (${indexColumns(index)}) WHERE doc IS NOT NULL`,
      );
    }
  }

  async get(id: string): Promise<StoredDocument<D> | undefined> {
    return (await this.getMany([id]))[0];
  }

  async getMany(ids: readonly string[]): Promise<readonly StoredDocument<D>[]> {
    const found = await this.getManyWithDeleted(ids);
    return found.filter(isPresent);
  }

  // The database is in this process and answers at once; the port is asynchronous for stores that are not.
  getManyWithDeleted(ids: readonly string[]): Promise<readonly (StoredDocument<D> | DeletedDocument)[]> {
    return this.answer(() => {
      const unique = [...new Set(ids)];
      const found: (StoredDocument<D> | DeletedDocument)[] = [];
      for (let start = 0; start < unique.length; start += CHUNK) {
        const chunk = JSON.stringify(unique.slice(start, start + CHUNK));
        const text = `SELECT id, position, doc FROM ${this.table} WHERE id IN (SELECT value FROM json_each(?))`;
        for (const row of this.rows({ text, values: [chunk] })) found.push(toStored<D>(row));
      }
      return found;
    });
  }

  find(query: DocumentQuery): Promise<readonly StoredDocument<D>[]> {
    return this.answer(() =>
      this.rows(selectDocuments(this.table, query))
        .map(toStored<D>)
        .filter(isPresent),
    );
  }

  count(where?: DocumentQuery['where']): Promise<number> {
    return this.answer(() => {
      const sql = countDocuments(this.table, where);
      const row = this.prepared(sql.text).get(...sql.values) as { n: number };
      return row.n;
    });
  }

  /** Page by page: an open cursor would keep others from writing. */
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

  put(id: string, document: D): Promise<void> {
    return this.answer(() => this.putNow(id, document));
  }

  putMany(documents: readonly { readonly id: string; readonly document: D }[]): Promise<void> {
    return this.answer(() => {
      inTransaction(this.database(), () => {
        for (const { id, document } of documents) this.putNow(id, document);
      });
    });
  }

  delete(id: string): Promise<void> {
    return this.answer(() => this.deleteNow(id));
  }

  explain(query: DocumentQuery): Promise<{ readonly usesIndex: string | null; readonly plan: string }> {
    return this.answer(() => {
      const sql = selectDocuments(this.table, query);
      const steps = this.prepared(`EXPLAIN QUERY PLAN ${sql.text}`).all(...sql.values) as { detail: string }[];
      const plan = steps.map((step) => step.detail).join('\n');
      // SCAN ... USING INDEX reads the whole index: that only serves a query that asks for nothing but its order.
      const filters = Object.keys(query.where ?? {}).length > 0;
      const used = (filters ? /SEARCH \S+ USING (?:COVERING )?INDEX (\S+)/ : /USING (?:COVERING )?INDEX (\S+)/).exec(
        plan,
      );
      const name = used?.[1];
      const onlyById = name === undefined || (name.startsWith('sqlite_autoindex') && !query.after);
      return { usesIndex: onlyById ? null : name, plan };
    });
  }

  /** `put` within a transaction of the caller. */
  putNow(id: string, document: Document): void {
    assertDocument(document);
    this.prepared(
      `INSERT INTO ${this.table} (id, position, doc) VALUES (?, NULL, ?)
       ON CONFLICT (id) DO UPDATE SET position = NULL, doc = excluded.doc`,
    ).run(id, JSON.stringify(document));
  }

  /** `delete` within a transaction of the caller. */
  deleteNow(id: string): void {
    this.prepared(`DELETE FROM ${this.table} WHERE id = ?`).run(id);
  }

  /** What a projection made of a document, within a transaction of the caller; older than what is there: nothing. */
  writeNow(write: DocumentWrite): void {
    if (write.document) assertDocument(write.document);
    this.prepared(
      `INSERT INTO ${this.table} (id, position, doc) VALUES (?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET position = excluded.position, doc = excluded.doc
       WHERE position IS NULL OR position < excluded.position`,
    ).run(write.id, write.position, write.document && JSON.stringify(write.document));
  }

  private rows(sql: Sql): Row[] {
    // The table's definition makes these columns what they are.
    return this.prepared(sql.text).all(...sql.values) as unknown as Row[];
  }

  private prepared(text: string): StatementSync {
    let statement = this.statements.get(text);
    if (!statement) {
      statement = this.database().prepare(text);
      this.statements.set(text, statement);
    }
    return statement;
  }

  private answer<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => resolve(this.run(work)));
  }
}

function toStored<D extends Document>(row: Row): StoredDocument<D> | DeletedDocument {
  if (row.doc !== null) return { id: row.id, position: row.position, document: JSON.parse(row.doc) as D };
  if (row.position === null) throw new Error(`Document '${row.id}' has neither content nor position.`);
  return { id: row.id, position: row.position, document: null };
}

function isPresent<D extends Document>(entry: StoredDocument<D> | DeletedDocument): entry is StoredDocument<D> {
  return entry.document !== null;
}

/** Runs `work` as one transaction; what it throws undoes all of it. */
export function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    work();
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
