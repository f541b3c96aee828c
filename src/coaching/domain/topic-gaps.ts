/**
 * The names that lie between known topic ids, in the order of their characters. Pure. Topic ids are made of letters, digits,
 * `_`, `.` and `-`, at most 100 of them.
 */
const LOWEST = '-';
const HIGHEST = 'z'.repeat(100);

/** Ids from `gte` to `lte`, both included. No known id is a bound: an index may read all entries of a bound. */
export interface TopicGap {
  readonly gte: string;
  readonly lte: string;
}

/** Every gap that the ids leave, before the first one and after the last one too. */
export function gapsBetween(ids: readonly string[]): TopicGap[] {
  const sorted = ids.toSorted();
  return ['', ...sorted].map((id, index) => {
    const next = sorted[index];
    return { gte: id + LOWEST, lte: next === undefined ? HIGHEST : lastBefore(next) };
  });
}

/** What of a gap lies behind an id. */
export function restBehind(id: string, { lte }: TopicGap): TopicGap {
  return { gte: id + LOWEST, lte };
}

function lastBefore(id: string): string {
  const last = id.length - 1;
  return id.slice(0, last) + String.fromCharCode(id.charCodeAt(last) - 1) + HIGHEST;
}
