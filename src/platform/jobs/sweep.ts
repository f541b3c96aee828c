import pLimit from 'p-limit';
import { DormouseError } from '../errors.js';
import type { View } from '../projections/view.js';
import type { Document, DocumentQuery, StoredDocument } from '../read-models/read-model-store.port.js';

/** What a query proposes, in the order of their ids or of a field of numbers, which may change while pages are worked on. */
export interface Proposed<D extends Document> {
  readonly view: View<D>;
  readonly where: NonNullable<DocumentQuery['where']>;
  readonly orderBy?: keyof D & string;
}

export interface SweepOptions {
  /** Aborts when the run is to end: nothing new is begun. */
  readonly signal: AbortSignal;
  /** Told of each that failed on its own. */
  readonly failed: (id: string, error: unknown) => void;
  /** Begins a piece of work when there is room for it; default: 16 at once, as appends that arrive together share a commit. */
  readonly admit?: (work: () => Promise<void>) => Promise<void>;
  /** Default 500. */
  readonly pageSize?: number;
}

/**
 * Works on everything that a query proposes, in pages while it changes. One that fails stops no other: it is told, and
 * the next sweep tries it again. A store that fails ends the sweep.
 *
 * @param work decides on its own, on fresh state, whether the proposal still holds
 * @returns how many were proposed
 * @throws the store's failure, or the first error that is a defect; nothing is under way any more then
 */
export async function sweep<D extends Document>(
  { view, where, orderBy }: Proposed<D>,
  { signal, failed, admit = pLimit(16), pageSize = 500 }: SweepOptions,
  work: (id: string) => Promise<void>,
): Promise<number> {
  let proposed = 0;
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
  const order = orderBy && { orderBy: { field: orderBy, direction: 'asc' as const } };
  for (let after: DocumentQuery['after']; ;) {
    signal.throwIfAborted();
    const page = await view.find({ where, limit: pageSize, ...order, ...(after && { after }) });
    proposed += page.length;
    const done = await Promise.allSettled(page.map((entry) => admit(() => one(entry))));
    for (const outcome of done) if (outcome.status === 'rejected') throw outcome.reason;
    const last = page.at(-1);
    if (!last || page.length < pageSize) break;
    after = orderBy ? { id: last.id, value: last.document[orderBy] as number } : { id: last.id };
  }
  if (defect) throw defect.error;
  return proposed;
}

/** Not one entry's own failure: the store cannot be reached, or the process is stopping. */
function isOfTheStore(error: unknown): boolean {
  return error instanceof DormouseError && error.status === 503;
}
