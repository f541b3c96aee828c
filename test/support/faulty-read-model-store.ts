import { ReadModelStoreUnavailable } from '../../src/platform/read-models/read-model-store.errors.js';
import { ReadModelStore } from '../../src/platform/read-models/read-model-store.port.js';
import type {
  Collection,
  CollectionDefinition,
  Document,
  Fence,
  ProjectionBatch,
} from '../../src/platform/read-models/read-model-store.port.js';

/**
 * How a commit fails: nothing is written; all is written and the answer is lost; or, as in a store without
 * transactions, the documents are written and what stands beside them is not.
 */
export type CommitFault = 'nothing_written' | 'answer_lost' | 'documents_only';

/** A read-model store that fails on demand and remembers what was committed. */
export class FaultyReadModelStore extends ReadModelStore {
  readonly kind: string;
  /** Batches that reached the store, in order. */
  readonly commits: ProjectionBatch[] = [];
  /** Answers how the next commit fails, if it does. */
  faultOf: (batch: ProjectionBatch) => CommitFault | undefined = () => undefined;
  /** While true nothing answers. */
  unavailable = false;

  constructor(private readonly store: ReadModelStore) {
    super();
    this.kind = store.kind;
  }

  async commit(batch: ProjectionBatch): Promise<void> {
    this.answering();
    const fault = this.faultOf(batch);
    if (fault === 'nothing_written') throw new ReadModelStoreUnavailable('The commit was told to fail.');
    await this.store.commit(fault === 'documents_only' ? { ...batch, beside: [] } : batch);
    this.commits.push(batch);
    if (fault) throw new ReadModelStoreUnavailable(`The commit was told to fail: ${fault}.`);
  }

  collection<D extends Document>(definition: CollectionDefinition): Promise<Collection<D>> {
    this.answering();
    return this.store.collection<D>(definition);
  }

  dropCollection(name: string, fence?: Fence): Promise<void> {
    this.answering();
    return this.store.dropCollection(name, fence);
  }

  collectionNames(): Promise<readonly string[]> {
    this.answering();
    return this.store.collectionNames();
  }

  ping(): Promise<void> {
    this.answering();
    return this.store.ping();
  }

  close(): Promise<void> {
    return this.store.close();
  }

  private answering(): void {
    if (this.unavailable) throw new ReadModelStoreUnavailable('The read-model store was told not to answer.');
  }
}
