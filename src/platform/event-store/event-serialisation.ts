import { EventNotStorable } from './event-store.errors.js';
import { MAX_APPEND_BYTES } from './event-store.port.js';
import type { ExpectedRevision, NewEvent } from './event-store.port.js';

/** An event as it goes to a store: its JSON made, once and before anything is sent. */
export interface SerialisedEvent {
  /** UUID, lower case. */
  readonly id: string;
  readonly type: string;
  /** JSON. */
  readonly data: string;
  /** JSON. */
  readonly metadata: string;
}

/** An append that was found to be storable. */
export interface SerialisedAppend {
  readonly stream: string;
  readonly events: readonly SerialisedEvent[];
  readonly expected: ExpectedRevision;
  /** Size as {@link MAX_APPEND_BYTES} counts it. */
  readonly bytes: number;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** True for the text of a UUID of any version, in either case. */
export function isUuid(text: unknown): text is string {
  return typeof text === 'string' && UUID.test(text);
}

/** Deeper than any event of ours; what is circular is deeper than anything. */
const MAX_DEPTH = 500;

/**
 * Checks an append and makes its JSON: every adapter starts with this, so all refuse the same things with the same
 * words, and none hands a client something that it chokes on.
 *
 * @throws {EventNotStorable}
 */
export function serialiseAppend(
  stream: string,
  events: readonly NewEvent[],
  expected: ExpectedRevision,
): SerialisedAppend {
  if (!isName(stream)) throw new EventNotStorable('The name of a stream must be a non-empty, well-formed string.');
  if (events.length === 0) throw new EventNotStorable(`An append to stream '${stream}' has no events.`);
  if (typeof expected === 'number' && !(Number.isSafeInteger(expected) && expected >= 0)) {
    throw new EventNotStorable(`Expected revision ${expected} is not a revision: use 'no_stream', or a number from 0.`);
  }
  let bytes = 0;
  const serialised = events.map((event, index) => {
    const result = serialiseEvent(event, `Event ${index} of an append to stream '${stream}'`);
    bytes += Buffer.byteLength(result.data) + Buffer.byteLength(result.metadata) + 2 * result.type.length;
    return result;
  });
  if (bytes > MAX_APPEND_BYTES) {
    throw new EventNotStorable(
      `An append to stream '${stream}' has ${bytes} bytes in ${events.length} events; at most ${MAX_APPEND_BYTES} are accepted.`,
    );
  }
  return { stream, events: serialised, expected, bytes };
}

function serialiseEvent(event: NewEvent, which: string): SerialisedEvent {
  if (!isUuid(event.id)) {
    throw new EventNotStorable(`${which} has id '${String(event.id)}', which is not a UUID.`);
  }
  if (!isName(event.type)) throw new EventNotStorable(`${which} needs a type: a non-empty, well-formed string.`);
  return {
    id: event.id.toLowerCase(),
    type: event.type,
    data: toJson(event.data, `${which} (${event.type})`, 'data'),
    metadata: toJson(event.metadata, `${which} (${event.type})`, 'metadata'),
  };
}

/** A lone surrogate has no UTF-8: two names that differ in nothing else would become one. */
function isName(text: unknown): boolean {
  return typeof text === 'string' && text !== '' && text.isWellFormed();
}

function toJson(value: unknown, which: string, field: string): string {
  const problem = problemWith(value);
  if (problem) {
    // A circular value has a path as long as the patience above; its beginning is enough to find it.
    const path = [field, ...problem.path.slice(0, 8)].join('.') + (problem.path.length > 8 ? '...' : '');
    throw new EventNotStorable(`${which} cannot be stored: ${path} is ${problem.what}.`);
  }
  return JSON.stringify(value);
}

interface Problem {
  readonly path: string[];
  readonly what: string;
}

function problemWith(value: unknown): Problem | undefined {
  if (kindOf(value) !== 'object') return { path: [], what: `${kindOf(value)} instead of an object` };
  // Nearly every event passes here, in a third of the time that naming a problem takes.
  return keepsItsForm(value, 0) ? undefined : findProblem(value, 0);
}

/** True for what JSON certainly keeps as it is; false in doubt. */
function keepsItsForm(value: unknown, depth: number): boolean {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || depth === MAX_DEPTH) return false;
  if (Array.isArray(value)) {
    // By index, so that holes are met as undefined.
    for (let i = 0; i < value.length; i++) if (!keepsItsForm(value[i], depth + 1)) return false;
    return true;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const key in value) if (!keepsItsForm((value as Record<string, unknown>)[key], depth + 1)) return false;
  return true;
}

/** The first thing in a value that JSON would drop, change or choke on. */
function findProblem(value: unknown, depth: number): Problem | undefined {
  const kind = kindOf(value);
  if (kind === 'JSON value') return undefined;
  if (kind !== 'object' && kind !== 'array') return { path: [], what: kind };
  if (depth === MAX_DEPTH) return { path: [], what: `circular, or more than ${MAX_DEPTH} levels deep` };
  // Object.keys of an array skips its holes, which JSON would fill with null.
  const keys = kind === 'array' ? (value as unknown[]).keys() : Object.keys(value as object);
  for (const key of keys) {
    const problem = findProblem((value as Record<string | number, unknown>)[key], depth + 1);
    if (problem) return { path: [String(key), ...problem.path], what: problem.what };
  }
  return undefined;
}

/** `JSON value` for a leaf that JSON keeps as it is, `object` or `array` to look into, else what it is, for people. */
function kindOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return 'JSON value';
    case 'number':
      return Number.isFinite(value) ? 'JSON value' : String(value);
    case 'undefined':
      return 'undefined';
    case 'object':
      return value === null ? 'JSON value' : kindOfObject(value);
    case 'bigint':
    case 'function':
    case 'symbol':
      return `a ${typeof value}`;
  }
}

function kindOfObject(value: object): string {
  if (Array.isArray(value)) return 'array';
  const tag = Object.prototype.toString.call(value).slice('[object '.length, -1);
  const isPlain = tag === 'Object' && typeof (value as { toJSON?: unknown }).toJSON !== 'function';
  return isPlain ? 'object' : `a ${tag} with its own JSON form`;
}
