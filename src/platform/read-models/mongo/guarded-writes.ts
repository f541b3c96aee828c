import type { AnyBulkWriteOperation, Collection as MongoCollection } from 'mongodb';
import type { Position } from '../../event-store/event-store.port.js';
import type { Permit } from '../../leases/mongo-lease-table.js';
import { idConflictsOf } from '../../mongodb/mongo-failure.js';
import type { Document, Fence } from '../read-model-store.port.js';
import { encodeDocument } from './stored-document.js';
import type { StoredFields } from './stored-document.js';

/*
 * Writes that only happen where they may. The guard is the filter of an upsert: a document that exists and does not
 * match it is met by the insert as a duplicate `_id`, and so left alone.
 *
 * A permit's end cannot stand in that filter (MongoDB takes no `$expr` in that of an upsert), so it stands in the update,
 * which then leaves the document as it was. Where there was none it leaves one with nothing but an id, which is as good
 * as none: see `decodeDocument`.
 */

export type StoredCollection = MongoCollection<StoredFields>;
export type StoredWrite = AnyBulkWriteOperation<StoredFields>;

/** Writes in one call, ids in one lookup, documents in one page. */
export const CHUNK = 1_000;

/** Calls under way together: the server works on one write of a call after the other, and on calls side by side. */
const LANES = 2;

/** So many writes are not worth another call. */
const FEW = 8;

/** The upsert of a document that no projection makes. */
export function replacement(id: string, document: Document): StoredWrite {
  return { replaceOne: { filter: { _id: id }, replacement: encodeDocument(document), upsert: true } };
}

/** The upsert of what a projection made of a document; where the stored position is not below the given one, nothing. */
export function positioned(id: string, document: Document | null, position: Position): StoredWrite {
  // A missing position is below every other one.
  const filter = { _id: id, _position: { $not: { $gte: position } } };
  const content = { _position: position, ...(document && encodeDocument(document)) };
  return { replaceOne: { filter, replacement: content, upsert: true } };
}

/** The upsert of a document that only the holder of a lease may write; where a later holder has written, nothing. */
export function fenced(id: string, document: Document, permit: Permit): StoredWrite {
  const content = { _id: id, _fence: permit.fence, ...encodeDocument(document) };
  const filter = { _id: id, ...notLaterThan(permit.fence) };
  return { updateOne: { filter, update: whilePermitted(content, permit), upsert: true } };
}

/** The deletion of a document that only the holder of a lease may write. */
export function fencedDeletion(id: string, { fence, until }: Permit): StoredWrite {
  return { deleteOne: { filter: { _id: id, ...notLaterThan(fence), $expr: { $lt: ['$$NOW', until] } } } };
}

/**
 * Makes many writes, in no order. What meets a duplicate `_id` is tried once more, for that may come of another's insert
 * at the same time and not of the guard.
 *
 * @param permit once it is over nothing more is sent
 * @returns how many were left undone
 */
export async function writeAll(
  collection: StoredCollection,
  writes: readonly StoredWrite[],
  permit?: Permit,
): Promise<number> {
  const size = Math.min(CHUNK, Math.max(FEW, Math.ceil(writes.length / LANES)));
  let undone = 0;
  for (let start = 0; start < writes.length; start += LANES * size) {
    if (permit && performance.now() >= permit.certainUntil) return undone + writes.length - start;
    const chunks = Array.from({ length: LANES }, (_, lane) => start + lane * size)
      .filter((from) => from < writes.length)
      .map((from) => writes.slice(from, from + size));
    // All have ended before the caller hears of one that failed: nothing of this is on its way any more.
    for (const ended of await Promise.allSettled(chunks.map((chunk) => writeTwice(collection, chunk)))) {
      if (ended.status === 'rejected') throw ended.reason;
      undone += ended.value;
    }
  }
  return undone;
}

/** @returns how many writes were refused both times */
async function writeTwice(collection: StoredCollection, chunk: readonly StoredWrite[]): Promise<number> {
  const again = await writeChunk(collection, chunk);
  return again.length === 0 ? 0 : (await writeChunk(collection, again)).length;
}

/** @returns the writes that met a document which their guards do not match */
async function writeChunk(collection: StoredCollection, chunk: readonly StoredWrite[]): Promise<StoredWrite[]> {
  try {
    await collection.bulkWrite(chunk, { ordered: false });
    return [];
  } catch (error) {
    return idConflictsOf(error).flatMap((index) => chunk[index] ?? []);
  }
}

/** Matches what was written under another lease or none, or by this holder or an earlier one. */
function notLaterThan({ lease, token }: Fence): { $or: object[] } {
  return { $or: [{ '_fence.lease': { $ne: lease } }, { '_fence.token': { $lte: token } }] };
}

function whilePermitted(content: StoredFields, { until }: Permit): object[] {
  return [{ $replaceWith: { $cond: [{ $lt: ['$$NOW', until] }, { $literal: content }, '$$ROOT'] } }];
}
