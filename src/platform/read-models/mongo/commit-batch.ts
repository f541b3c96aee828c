import type { Db } from 'mongodb';
import type { Permit } from '../../leases/mongo-lease-table.js';
import type { ProjectionBatch } from '../read-model-store.port.js';
import { underFence } from './fence.js';
import { fenced, fencedDeletion, positioned, replacement, writeAll } from './guarded-writes.js';
import type { StoredCollection, StoredWrite } from './guarded-writes.js';

type Beside = ProjectionBatch['beside'][number];

/**
 * Writes a batch without a transaction: documents, then what stands beside them in its order. A commit that ends in the
 * middle is made again from the old checkpoint, and leaves the documents alone that are further already.
 *
 * Why a holder that was frozen, and goes on when another one has taken over, does no harm:
 *
 * 1. It asks the database first whether it still holds the lease, and looks at its own clock before each call: a commit
 *    that goes on too late sends nothing more.
 * 2. A call that was on its way may still arrive. Documents in it that the new holder has written further are left alone,
 *    by their position. The others have positions which the new holder has yet to come to: a document at a position
 *    follows from the events up to it, so it is what the new holder would have written there, and finds done.
 * 3. What does not follow from the events alone, and stands beside the documents (parked streams, the projection's
 *    state), carries the time, by the database's clock, until which the lease is certain: arriving later it changes
 *    nothing, and nobody else gets the lease before that time unless it was given back. It also carries the token of
 *    its writer: where a later holder has written, an older token changes nothing, whatever the clocks say.
 *
 * One thing is left to an operator's eye: an event that is skipped by hand within the moment in which a frozen holder's
 * call, which had applied it, is on its way. The document then contains it, `verify` tells, and a rebuild mends it.
 *
 * The clocks of a replica set's members must agree to less than a lease lasts; those of the instances need not.
 *
 * @throws {StaleFence} the lease is somebody else's, or nobody's
 */
export async function commitBatch(
  db: Db,
  { collection, writes, beside, fence }: ProjectionBatch,
  storedIn: (collection: string) => StoredCollection,
): Promise<void> {
  const write = async (permit?: Permit): Promise<boolean> => {
    // Made before anything is sent: what cannot be stored stops the batch as a whole.
    const documents = writes.map(({ id, document, position }) => positioned(id, document, position));
    const runs = runsOf(beside).map((run) => ({ into: run.collection, writes: run.entries.map(besideWrite(permit)) }));
    await writeAll(storedIn(collection), documents, permit);
    for (const run of runs) if ((await writeAll(storedIn(run.into), run.writes, permit)) > 0) return false;
    return true;
  };
  if (fence) await underFence(db, fence, write);
  else await write();
}

function besideWrite(permit: Permit | undefined): (entry: Beside) => StoredWrite {
  return ({ id, document }) => {
    if (permit) return document === null ? fencedDeletion(id, permit) : fenced(id, document, permit);
    return document === null ? { deleteOne: { filter: { _id: id } } } : replacement(id, document);
  };
}

/** Neighbours that go to the same collection: one call writes them. */
function runsOf(beside: readonly Beside[]): { readonly collection: string; readonly entries: Beside[] }[] {
  const runs: { readonly collection: string; readonly entries: Beside[] }[] = [];
  for (const entry of beside) {
    const last = runs.at(-1);
    if (last?.collection === entry.collection) last.entries.push(entry);
    else runs.push({ collection: entry.collection, entries: [entry] });
  }
  return runs;
}
