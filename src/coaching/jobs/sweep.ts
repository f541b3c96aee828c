import pLimit from 'p-limit';
import { DormouseError } from '../../platform/errors.js';
import type { View } from '../../platform/projections/view.js';
import type { Document, DocumentQuery, StoredDocument } from '../../platform/read-models/read-model-store.port.js';

/** What a query proposes, in the order of one field of numbers; that field may change while its pages are worked on. */
export interface Proposed<D extends Document> {
  readonly view: View<D>;
  readonly where: NonNullable<DocumentQuery['where']>;
  readonly orderBy: keyof D & string;
}

export interface SweepOptions {
  /** Aborts when the run is to end: nothing new is begun. */
  readonly signal: AbortSignal;
  /** So many at once. */
  readonly concurrency: number;
  readonly pageSize: number;
  /** Told of each that failed on its own. */
  readonly failed: (id: string, error: unknown) => void;
}

/**
 * Works on everything that a query proposes, in pages while it changes. One that fails stops no other: it is told, and
 * the next sweep tries it again. A store that fails ends the sweep.
 *
 * @param work decides on its own, on fresh state, whether the proposal still holds
 * @throws the store's failure, or the first error that is a defect; nothing is under way any more then
 */
export async function sweep<D extends Document>(
  { view, where, orderBy }: Proposed<D>,
  { signal, concurrency, pageSize, failed }: SweepOptions,
  work: (id: string) => Promise<void>,
): Promise<void> {
  const limit = pLimit(concurrency);
  let defect: { readonly error: unknown } | undefined;
  const one = async ({ id }: StoredDocument<D>): Promise<void> => {
    signal.throwIfAborted();
    try {
      await work(id);
    } catch (error) {
      if (isOfTheStore(error)) throw error;
      if (!(error instanceof DormouseError)) defect ??= { error };
      failed(id, error);
    }
  };
  const order = { field: orderBy, direction: 'asc' } as const;
  for (let after: DocumentQuery['after'] | undefined; ;) {
    signal.throwIfAborted();
    const page = await view.find({ where, orderBy: order, limit: pageSize, ...(after ? { after } : {}) });
    const done = await Promise.allSettled(page.map((entry) => limit(() => one(entry))));
    for (const outcome of done) if (outcome.status === 'rejected') throw outcome.reason;
    const last = page.at(-1);
    if (!last || page.length < pageSize) break;
    after = { id: last.id, value: last.document[orderBy] as number };
  }
  if (defect) throw defect.error;
}

/** Not one entry's own failure: the store cannot be reached, or the process is stopping. */
function isOfTheStore(error: unknown): boolean {
  return error instanceof DormouseError && error.status === 503;
}
