import type { Position } from '../event-store/event-store.port.js';
import type { Collection, Document, DocumentQuery, StoredDocument } from '../read-models/read-model-store.port.js';
import { AppliedPosition } from './applied-position.js';
import { ProjectionNotReady } from './projection.errors.js';

/** A projection's documents as queries see them: always those of the version in use. */
export interface View<D extends Document> {
  /** @throws {ProjectionNotReady} as do all reads, until the read model has been opened once */
  get(id: string): Promise<StoredDocument<D> | undefined>;
  getMany(ids: readonly string[]): Promise<readonly StoredDocument<D>[]>;
  find(query: DocumentQuery): Promise<readonly StoredDocument<D>[]>;
  count(where?: DocumentQuery['where']): Promise<number>;
  /** The query plan of {@link find}, for tests. */
  explain(query: DocumentQuery): ReturnType<Collection<D>['explain']>;
  /** Position up to which events are applied; null: none yet. */
  position(): Position | null;
  /** True as soon as the view has reached `position`, false when it has not within `timeoutMs` milliseconds. */
  waitFor(position: Position, timeoutMs: number): Promise<boolean>;
}

/** The view that its runner moves on. */
export class ProjectionView<D extends Document> implements View<D> {
  readonly applied = new AppliedPosition();
  private collection: Collection<D> | undefined;

  constructor(private readonly name: string) {}

  get isOpen(): boolean {
    return this.collection !== undefined;
  }

  /** From now on queries read this collection, which is at `position`. */
  show(collection: Collection<D>, position: Position | null): void {
    this.collection = collection;
    this.applied.value = position;
  }

  async get(id: string): Promise<StoredDocument<D> | undefined> {
    return await this.active().get(id);
  }

  async getMany(ids: readonly string[]): Promise<readonly StoredDocument<D>[]> {
    return await this.active().getMany(ids);
  }

  async find(query: DocumentQuery): Promise<readonly StoredDocument<D>[]> {
    return await this.active().find(query);
  }

  async count(where?: DocumentQuery['where']): Promise<number> {
    return await this.active().count(where);
  }

  async explain(query: DocumentQuery): ReturnType<Collection<D>['explain']> {
    return await this.active().explain(query);
  }

  position(): Position | null {
    return this.applied.value;
  }

  waitFor(position: Position, timeoutMs: number): Promise<boolean> {
    return this.applied.within(position, timeoutMs);
  }

  private active(): Collection<D> {
    if (!this.collection) throw new ProjectionNotReady(this.name);
    return this.collection;
  }
}
