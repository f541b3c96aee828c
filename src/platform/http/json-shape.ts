import type { FieldError } from '../errors.js';
import { InvalidInput } from '../errors.js';

/** Levels of lists and objects that a field of a body may have. */
export const DEEPEST = 50;

/**
 * Names that input validation leaves out wherever they stand, without a word, because they could reach into an object's
 * prototype. They are fields of no request.
 */
const RESERVED: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** So many places are named; who sends more of them is not told each. */
const MOST_NAMED = 20;
const LONGEST_PLACE = 200;

/** A list or an object of the body, and how it is reached. */
interface Place {
  readonly value: object;
  /** 0: the body itself. */
  readonly depth: number;
  readonly name: string;
  readonly parent: Place | undefined;
}

/**
 * Looks at a body before input validation does, which would drop some names silently, and overflow the stack on what is
 * nested too deep. Follows the body level by level, not with the call stack, so any depth will do.
 *
 * @throws {InvalidInput} naming each place
 */
export function refuseUnsafeShape(body: unknown): void {
  if (typeof body !== 'object' || body === null) return;
  const errors: FieldError[] = [];
  const places: Place[] = [{ value: body, depth: 0, name: '', parent: undefined }];
  // The list grows while it is gone through.
  for (const place of places) {
    if (errors.length >= MOST_NAMED) break;
    if (place.depth > DEEPEST) {
      errors.push({ field: pathOf(place), message: `at most ${DEEPEST} levels of lists and objects are accepted` });
      continue;
    }
    for (const [name, value] of Object.entries(place.value) as [string, unknown][]) {
      const member = { value: value as object, depth: place.depth + 1, name, parent: place };
      if (isReserved(name, place)) errors.push({ field: pathOf(member), message: 'is not a field of this request' });
      else if (typeof value === 'object' && value !== null) places.push(member);
    }
  }
  if (errors.length > 0) throw new InvalidInput(errors.slice(0, MOST_NAMED));
}

/** @throws {InvalidInput} a query that has names which validation would leave out */
export function refuseReservedNames(query: unknown): void {
  const found = Object.keys(query ?? {}).filter((name) => RESERVED.has(name));
  if (found.length === 0) return;
  throw new InvalidInput(found.map((field) => ({ field, message: 'is not a field of this request' })));
}

/** A field of the body itself is looked up by its name: it must not be found in the prototype that every object has. */
function isReserved(name: string, { depth, value }: Place): boolean {
  return RESERVED.has(name) || (depth === 0 && !Array.isArray(value) && name in Object.prototype);
}

function pathOf(place: Place): string {
  const names: string[] = [];
  for (let at: Place | undefined = place; at?.parent; at = at.parent) names.unshift(at.name);
  const path = names.join('.');
  return path.length > LONGEST_PLACE ? `${path.slice(0, LONGEST_PLACE)}…` : path;
}
