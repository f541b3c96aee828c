import type { WorkerRow } from '../api/answers.js';

/**
 * The rows after some workers were looked up again. A list and a look-up that are under way at the same time may answer in
 * any order: of each worker the row of the later look stays.
 *
 * @param asked the workers that were looked up: one that did not come back is no longer there
 */
export function withLookedUp(
  rows: readonly WorkerRow[],
  asked: Iterable<string>,
  found: readonly WorkerRow[],
): readonly WorkerRow[] {
  const fresh = new Map(found.map((row) => [row.worker_id, row]));
  const gone = new Set([...asked].filter((id) => !fresh.has(id)));
  const kept = rows
    .filter(({ worker_id }) => !gone.has(worker_id))
    .map((row) => {
      const found = fresh.get(row.worker_id);
      fresh.delete(row.worker_id);
      return found ? later(row, found) : row;
    });
  return [...kept, ...fresh.values()];
}

/** The rows after all were listed, with what is known from later looks. */
export function withListed(
  known: readonly WorkerRow[] | undefined,
  listed: readonly WorkerRow[],
): readonly WorkerRow[] {
  const before = new Map(known?.map((row) => [row.worker_id, row]));
  const listedAt = listed.reduce((latest, { checked_at }) => (checked_at > latest ? checked_at : latest), '');
  const rows = listed.map((row) => {
    const own = before.get(row.worker_id);
    before.delete(row.worker_id);
    return own ? later(own, row) : row;
  });
  const registeredSince = [...before.values()].filter(({ checked_at }) => listedAt !== '' && checked_at > listedAt);
  return [...rows, ...registeredSince];
}

function later(a: WorkerRow, b: WorkerRow): WorkerRow {
  return a.checked_at > b.checked_at ? a : b;
}
