import type { EventFilter } from '../event-store.port.js';

/** A condition on rows of `events`, and the values of its parameters. */
export interface SqlCondition {
  readonly sql: string;
  readonly parameters: readonly string[];
}

/** What an event filter means in SQL. Equal shapes of filter give equal text, so that statements can be kept. */
export function conditionOf(filter: EventFilter = {}): SqlCondition {
  const conditions: string[] = [];
  const parameters: string[] = [];
  if (filter.types) {
    conditions.push(`type IN (${filter.types.map(() => '?').join(', ')})`);
    parameters.push(...filter.types);
  }
  if (filter.streamPrefixes) {
    const ranges = filter.streamPrefixes.map((prefix) => {
      const end = endOfPrefix(prefix);
      parameters.push(prefix, ...(end === undefined ? [] : [end]));
      return end === undefined ? 'stream >= ?' : '(stream >= ? AND stream < ?)';
    });
    conditions.push(ranges.length === 0 ? 'FALSE' : `(${ranges.join(' OR ')})`);
  }
  return { sql: conditions.map((condition) => ` AND ${condition}`).join(''), parameters };
}

const LAST_CODE_POINT = 0x10ffff;
const SURROGATES = { first: 0xd800, last: 0xdfff };

/**
 * The smallest text that is after everything that begins with `prefix`, in SQLite's order (that of the UTF-8 bytes,
 * which is that of the code points); undefined when everything from `prefix` on begins with it.
 */
export function endOfPrefix(prefix: string): string | undefined {
  const codePoints = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = codePoints.pop(); last !== undefined; last = codePoints.pop()) {
    if (last === LAST_CODE_POINT) continue;
    const next = last + 1 === SURROGATES.first ? SURROGATES.last + 1 : last + 1;
    return String.fromCodePoint(...codePoints, next);
  }
  return undefined;
}
