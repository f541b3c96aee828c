import type { DeletedDocument, Document, Fence, StoredDocument } from '../read-model-store.port.js';
import type { Position } from '../../event-store/event-store.port.js';

/**
 * A document as MongoDB keeps it.
 *
 * The document's own fields stand under `d`, so that none of them can meet a name of MongoDB's or of the store's. What
 * a projection has deleted has a position and no `d`: it keeps older writes from bringing the document back.
 */
export interface StoredFields {
  readonly _id: string;
  /** Position of the last event applied to it; absent for documents that no projection made. */
  readonly _position?: Position;
  /** Absent: deleted. */
  readonly d?: object;
  /** The document as JSON text, where BSON could not carry it exactly; `d` then only serves conditions. */
  readonly _json?: string;
  /** Who wrote it, where only the holder of a lease may. */
  readonly _fence?: Fence;
}

/** Nested deeper than this a document is kept as text: MongoDB takes 100 levels, and the store adds some of its own. */
const MAX_DEPTH = 50;

/** The document's part of {@link StoredFields}. What comes back is what JSON would give back, in the same order. */
export function encodeDocument(document: Document): Pick<StoredFields, 'd' | '_json'> {
  if (survivesBson(document, 0)) return { d: document };
  const json = JSON.stringify(document);
  const plain = JSON.parse(json) as object;
  return survivesBson(plain, 0) ? { d: plain } : { d: queryablePart(plain), _json: json };
}

/** undefined for what is not there: neither content nor the position of a deletion. */
export function decodeDocument<D extends Document>(
  stored: StoredFields,
): StoredDocument<D> | DeletedDocument | undefined {
  const { _id: id, _position: position, d, _json } = stored;
  // The caller names the documents' type where it opens the collection; the store does not look into them.
  if (d) return { id, position: position ?? null, document: (_json === undefined ? d : JSON.parse(_json)) as D };
  return position === undefined ? undefined : { id, position, document: null };
}

/**
 * True for JSON that BSON and MongoDB keep exactly as it is. Not so: what JSON itself changes (undefined, NaN, -0,
 * toJSON), strings that are not Unicode, and keys that mean something to MongoDB, the driver or JavaScript.
 */
function survivesBson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed();
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'boolean':
      return true;
    case 'object':
      return value === null || (depth <= MAX_DEPTH && membersSurviveBson(value, depth + 1));
    default:
      return false;
  }
}

function membersSurviveBson(value: object, depth: number): boolean {
  if (Array.isArray(value)) {
    // By index: `every` passes over holes.
    for (let i = 0; i < value.length; i++) if (!survivesBson(value[i], depth)) return false;
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.entries(value).every(([key, member]) => isPlainKey(key) && survivesBson(member, depth));
}

function isPlainKey(key: string): boolean {
  return (
    key !== '' &&
    !key.startsWith('$') &&
    !key.includes('.') &&
    !key.includes('\0') &&
    key !== '__proto__' &&
    key !== '_bsontype' &&
    key.isWellFormed()
  );
}

/** Top-level scalars, which conditions may ask for; an empty object stands for everything that is neither scalar nor null. */
function queryablePart(document: object): object {
  const members = Object.entries(document).filter(([key]) => isPlainKey(key));
  return Object.fromEntries(
    members.map(([key, value]: [string, unknown]) => {
      if (typeof value === 'string') return [key, value.toWellFormed()];
      return [key, value !== null && typeof value === 'object' ? {} : value];
    }),
  );
}
