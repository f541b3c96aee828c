import { afterEach, beforeEach } from '@jest/globals';
import type {
  Collection,
  Document,
  DocumentQuery,
  DocumentWrite,
  Fence,
  IndexDefinition,
  ReadModelStore,
} from '../../../src/platform/read-models/read-model-store.port.js';

/** One store to be tested, empty at first, and how to come back to what it keeps. */
export interface ReadModelStoreUnderTest {
  readonly store: ReadModelStore;
  /** Closes the store and opens what it kept again, as a restart would. */
  reopen(): Promise<ReadModelStore>;
  /** Closes whatever is open and removes all traces. */
  dispose(): Promise<void>;
  /** For stores that several instances share: a lease that changed hands, before and after. */
  fences?(): Promise<{ readonly stale: Fence; readonly current: Fence }>;
}

/** The documents of the suite: fields that may hold, between them, everything a condition may ask for. */
export interface Worker extends Document {
  readonly status?: string | null;
  readonly idle?: boolean | null;
  readonly count?: number | string | boolean | null;
  readonly checked_at?: string | null;
}

export const STATUS_THEN_CHECK: IndexDefinition = { fields: ['status', 'checked_at'] };

/** A fresh store for every test, with the collection `workers` open. */
export class ReadModelSuite {
  workers!: Collection<Worker>;
  store!: ReadModelStore;
  private underTest!: ReadModelStoreUnderTest;

  constructor(make: () => Promise<ReadModelStoreUnderTest>) {
    beforeEach(async () => {
      this.underTest = await make();
      this.store = this.underTest.store;
      await this.openWorkers();
    });
    afterEach(() => this.underTest.dispose());
  }

  async openWorkers(indexes: readonly IndexDefinition[] = [STATUS_THEN_CHECK]): Promise<void> {
    this.workers = await this.store.collection<Worker>({ name: 'workers', indexes });
  }

  async reopen(): Promise<void> {
    this.store = await this.underTest.reopen();
    await this.openWorkers();
  }

  async fences(): Promise<{ readonly stale: Fence; readonly current: Fence } | undefined> {
    return await this.underTest.fences?.();
  }

  /** Ids of the workers that a query finds, in its order. */
  async ids(query: DocumentQuery): Promise<string[]> {
    return (await this.workers.find(query)).map((entry) => entry.id);
  }

  /** Commits workers only. */
  async commit(writes: readonly DocumentWrite[]): Promise<void> {
    await this.store.commit({ collection: 'workers', writes, beside: [] });
  }
}

/** `count` ids in ascending order. */
export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `w${String(i).padStart(4, '0')}`);
}
