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

/** The documents that queries see, and whether they still are the ones in use. */
interface Shown<D extends Document> {
  readonly collection: Collection<D>;
  readonly isCurrent: () => boolean;
}

/** How often a query is asked again because its collection may have been replaced meanwhile. */
const READ_ATTEMPTS = 3;

/** The view that its runner moves on. */
export class ProjectionView<D extends Document> implements View<D> {
  readonly applied = new AppliedPosition();
  private shown: Shown<D> | undefined;

  /**
   * @param lookAgain shows what is in use now, after what was shown has ceased to be certain
   * @param trouble what keeps the documents from being shown, if anything does
   */
  constructor(
    private readonly name: string,
    private readonly lookAgain: () => Promise<void>,
    private readonly trouble: () => string | undefined = () => undefined,
  ) {}

  get isOpen(): boolean {
    return this.shown !== undefined;
  }

  /**
   * From now on queries read this collection, which is at `position`.
   * @param isCurrent false as soon as another instance may have replaced and dropped it
   */
  show(collection: Collection<D>, position: Position | null, isCurrent: () => boolean): void {
    this.shown = { collection, isCurrent };
    this.applied.value = position;
  }

  get(id: string): Promise<StoredDocument<D> | undefined> {
    return this.read((documents) => documents.get(id));
  }

  getMany(ids: readonly string[]): Promise<readonly StoredDocument<D>[]> {
    return this.read((documents) => documents.getMany(ids));
  }

  find(query: DocumentQuery): Promise<readonly StoredDocument<D>[]> {
    return this.read((documents) => documents.find(query));
  }

  count(where?: DocumentQuery['where']): Promise<number> {
    return this.read((documents) => documents.count(where));
  }

  explain(query: DocumentQuery): ReturnType<Collection<D>['explain']> {
    return this.read((documents) => documents.explain(query));
  }

  position(): Position | null {
    return this.applied.value;
  }

  waitFor(position: Position, timeoutMs: number): Promise<boolean> {
    return this.applied.within(position, timeoutMs);
  }

  /**
   * An answer counts when its collection was in use to the end: one that was dropped under the query would look empty.
   */
  private async read<T>(query: (documents: Collection<D>) => Promise<T>): Promise<T> {
    for (let attempt = 1; attempt <= READ_ATTEMPTS; attempt++) {
      if (this.shown && !this.shown.isCurrent()) await this.lookAgain();
      const { shown } = this;
      if (!shown) break;
      try {
        const answer = await query(shown.collection);
        if (shown.isCurrent()) return answer;
      } catch (error) {
        if (shown.isCurrent() || attempt === READ_ATTEMPTS) throw error;
      }
    }
    return this.refuse();
  }

  /** @throws {ProjectionNotReady} with what keeps the documents from being shown */
  refuse(): never {
    throw new ProjectionNotReady(this.name, this.trouble());
  }
}
