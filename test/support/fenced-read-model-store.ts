import { StaleFence } from '../../src/platform/read-models/read-model-store.errors.js';
import { ReadModelStore } from '../../src/platform/read-models/read-model-store.port.js';
import type {
  Collection,
  CollectionDefinition,
  Document,
  Fence,
  ProjectionBatch,
} from '../../src/platform/read-models/read-model-store.port.js';
import type { TransferableLeases } from './transferable-leases.js';

/** What a store that several instances share does with fences, in front of one that need not: older tokens are refused. */
export class FencedReadModelStore extends ReadModelStore {
  readonly kind: string;
  /** Writes that were refused. */
  readonly refused: Fence[] = [];

  constructor(
    private readonly store: ReadModelStore,
    private readonly leases: TransferableLeases,
  ) {
    super();
    this.kind = store.kind;
  }

  async commit(batch: ProjectionBatch): Promise<void> {
    this.check(batch.fence);
    await this.store.commit(batch);
  }

  async collection<D extends Document>(definition: CollectionDefinition): Promise<Collection<D>> {
    const collection = await this.store.collection<D>(definition);
    const put: Collection<D>['put'] = async (id, document, fence) => {
      this.check(fence);
      await collection.put(id, document);
    };
    const remove: Collection<D>['delete'] = async (id, fence) => {
      this.check(fence);
      await collection.delete(id);
    };
    return new Proxy(collection, {
      get: (target, name) => {
        if (name === 'put') return put;
        if (name === 'delete') return remove;
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
  }

  async dropCollection(name: string, fence?: Fence): Promise<void> {
    this.check(fence);
    await this.store.dropCollection(name);
  }

  collectionNames(): Promise<readonly string[]> {
    return this.store.collectionNames();
  }

  ping(): Promise<void> {
    return this.store.ping();
  }

  close(): Promise<void> {
    return this.store.close();
  }

  private check(fence: Fence | undefined): void {
    if (fence === undefined || fence.token >= this.leases.latestToken(fence.lease)) return;
    this.refused.push(fence);
    throw new StaleFence(fence.lease);
  }
}
