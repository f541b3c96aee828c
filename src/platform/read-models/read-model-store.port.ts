import type { Position } from '../event-store/event-store.port.js';

/**
 * Where documents live: the projections' read models, and what is kept beside them (job records, signals that are not
 * events, snapshots). Adapters: `embedded/` (SQLite, the default); `mongo/` follows. `test/conformance` holds the suite
 * that every adapter passes. Nothing here is the truth: all of it but signals and job records can be rebuilt from events.
 */
export abstract class ReadModelStore {
  /** `embedded` or `mongodb`; for logs and health. */
  abstract readonly kind: string;

  /** Opens a collection; makes it and its indexes where they are missing. */
  abstract collection<D extends Document>(definition: CollectionDefinition): Promise<Collection<D>>;

  /**
   * Drops a collection with its documents; one that does not exist is no error.
   *
   * @throws {StaleFence} a fence was given, and another instance has taken over since
   */
  abstract dropCollection(name: string, fence?: Fence): Promise<void>;

  /** Names of all collections that exist. */
  abstract collectionNames(): Promise<readonly string[]>;

  /**
   * Writes what a batch of events made of the documents, and how far the projection now is.
   *
   * The checkpoint never runs ahead of the documents: where the store has no transaction, documents are written first,
   * then `beside` in its order, the checkpoint last. A document whose stored position is not below the given one is left alone, so a
   * batch that is written again changes nothing. A deleted document leaves its position behind for the same reason:
   * an older write does not bring it back, and {@link Collection.getManyWithDeleted} tells of it.
   *
   * @throws {StaleFence} another instance has taken over since
   */
  abstract commit(batch: ProjectionBatch): Promise<void>;

  /** Resolves when the store answers. @throws {ReadModelStoreUnavailable} */
  abstract ping(): Promise<void>;

  abstract close(): Promise<void>;
}

/** A JSON object. Field names that start with `_` belong to the store. */
export type Document = object;

export interface CollectionDefinition {
  /** Lower-case letters, digits, `_`; at most 60 characters. */
  readonly name: string;
  readonly indexes?: readonly IndexDefinition[];
}

export interface IndexDefinition {
  /** Top-level field names, in order of significance. */
  readonly fields: readonly string[];
  readonly unique?: boolean;
}

/**
 * One condition on a top-level field that holds scalars. All that are given must hold. Strings compare by code point;
 * a condition only meets values of its own type (`1` is neither `'1'` nor `true`). Null equals null and a missing field,
 * and nothing else.
 */
export type Condition =
  | string
  | number
  | boolean
  | null
  | {
      readonly in?: readonly (string | number | boolean | null)[];
      readonly lt?: string | number;
      readonly lte?: string | number;
      readonly gt?: string | number;
      readonly gte?: string | number;
    };

export interface DocumentQuery {
  readonly where?: Readonly<Record<string, Condition>>;
  /** One field; ties are broken by id, in the same direction. Default: by id. */
  readonly orderBy?: { readonly field: string; readonly direction: 'asc' | 'desc' };
  /** Continue after this entry of an earlier page (keyset paging; stays correct while documents change). */
  readonly after?: { readonly id: string; readonly value?: string | number | boolean | null };
  readonly limit?: number;
}

export interface StoredDocument<D> {
  readonly id: string;
  /** Position of the last event applied to it; null for documents that no projection made. */
  readonly position: Position | null;
  readonly document: D;
}

/** What a projection has deleted: only the position of the event that did it is left. */
export interface DeletedDocument {
  readonly id: string;
  readonly position: Position;
  readonly document: null;
}

export interface Collection<D extends Document> {
  readonly name: string;
  get(id: string): Promise<StoredDocument<D> | undefined>;
  /** Those that exist, in no promised order. */
  getMany(ids: readonly string[]): Promise<readonly StoredDocument<D>[]>;
  /** Like `getMany`, and also tells of what a projection has deleted: what a batch of events is folded onto. */
  getManyWithDeleted(ids: readonly string[]): Promise<readonly (StoredDocument<D> | DeletedDocument)[]>;
  find(query: DocumentQuery): Promise<readonly StoredDocument<D>[]>;
  count(where?: DocumentQuery['where']): Promise<number>;
  /** All documents in order of id, without holding them in memory. */
  all(): AsyncIterable<StoredDocument<D>>;
  /**
   * Writes a document that no projection makes (job records, signals, snapshots).
   * @throws {StaleFence} a fence was given, and another instance has taken over since
   */
  put(id: string, document: D, fence?: Fence): Promise<void>;
  putMany(documents: readonly { readonly id: string; readonly document: D }[]): Promise<void>;
  /** @throws {StaleFence} as {@link put} */
  delete(id: string, fence?: Fence): Promise<void>;
  /** The store's own query plan, for tests: `usesIndex` is the name of the index, or null for a scan. */
  explain(query: DocumentQuery): Promise<{ readonly usesIndex: string | null; readonly plan: string }>;
}

export interface DocumentWrite {
  readonly id: string;
  /** null deletes. */
  readonly document: Document | null;
  /** Position of the last event applied to it. */
  readonly position: Position;
}

/** What a batch of events made of the documents, with what must be written together with it. */
export interface ProjectionBatch {
  /** Collection that the writes go to; it must be open, as must those of `beside`. */
  readonly collection: string;
  readonly writes: readonly DocumentWrite[];
  /** Documents of other collections that must be written with the batch, in this order: parked streams, then the projection's state. */
  readonly beside: readonly { readonly collection: string; readonly id: string; readonly document: Document | null }[];
  readonly fence?: Fence;
}

/** Proof of being the present holder of a lease; a store that is shared refuses writes with an older token. */
export interface Fence {
  readonly lease: string;
  readonly token: number;
}
