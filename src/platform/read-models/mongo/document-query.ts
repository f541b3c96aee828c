import type { Filter, Sort } from 'mongodb';
import { assertFieldName } from '../read-model-names.js';
import type { Condition, DocumentQuery, IndexDefinition } from '../read-model-store.port.js';
import type { StoredFields } from './stored-document.js';

type Scalar = string | number | boolean | null;
type StoredFilter = Filter<StoredFields>;

/** An array is no scalar: MongoDB would otherwise look into it, and meet a condition with any of its elements. */
const NO_ARRAY = { $not: { $type: 'array' } };

/** Where a document's own field is kept. */
export function fieldPath(field: string): string {
  assertFieldName(field);
  return `d.${field}`;
}

/** An index as it is made. The id at its end makes it deliver the order that ties are broken in. */
export function indexOf(index: IndexDefinition): { name: string; key: Record<string, 1>; unique: boolean } {
  const key: Record<string, 1> = {};
  for (const field of index.fields) key[fieldPath(field)] = 1;
  const unique = index.unique ?? false;
  if (!unique) key['_id'] = 1;
  return { name: `${unique ? 'ux' : 'ix'}_${index.fields.join('__')}`, key, unique };
}

/**
 * What a query finds, page and all. A field that is ordered by holds values of one type, or null: MongoDB compares
 * within a type only, so a page would not go on from the last number to the first string.
 */
export function filterOf({ where, orderBy, after }: DocumentQuery): StoredFilter {
  const parts = Object.entries(where ?? {}).map(([field, condition]) => conditionOn(field, condition));
  // A condition that a missing field cannot meet keeps deleted documents out by itself.
  if (!parts.some(({ needsValue }) => needsValue)) parts.push({ filter: { d: { $exists: true } }, needsValue: true });
  const filters = parts.map(({ filter }) => filter);
  if (after) filters.push(continuation(orderBy, after));
  const [only, ...others] = filters;
  return only && others.length === 0 ? only : { $and: filters };
}

export function sortOf(orderBy: DocumentQuery['orderBy']): Sort {
  if (!orderBy) return { _id: 1 };
  const direction = orderBy.direction === 'desc' ? -1 : 1;
  return { [fieldPath(orderBy.field)]: direction, _id: direction };
}

/** @throws {Error} for a limit that is none */
export function assertLimit(limit: number | undefined): void {
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 0)) {
    throw new Error(`A limit is a whole number from 0, not ${limit}.`);
  }
}

interface FieldFilter {
  readonly filter: StoredFilter;
  /** No missing field meets it. */
  readonly needsValue: boolean;
}

function conditionOn(field: string, condition: Condition): FieldFilter {
  const path = fieldPath(field);
  const operators = operatorsOf(field, condition);
  const excludesNull = !(
    operators['$eq'] === null || (operators['$in'] as readonly Scalar[] | undefined)?.includes(null)
  );
  // MongoDB's null meets null and missing alike, as the port asks.
  return { filter: { [path]: { ...operators, ...NO_ARRAY } }, needsValue: excludesNull };
}

function operatorsOf(field: string, condition: Condition): Record<string, unknown> {
  if (condition === null || typeof condition !== 'object') return { $eq: condition };
  const operators: Record<string, unknown> = {};
  const { in: anyOf, lt, lte, gt, gte } = condition;
  if (anyOf) operators['$in'] = anyOf;
  for (const [operator, bound] of Object.entries({ $lt: lt, $lte: lte, $gt: gt, $gte: gte })) {
    if (bound !== undefined) operators[operator] = bound;
  }
  // A condition that says nothing would silently widen the query.
  if (Object.keys(operators).length === 0) throw new Error(`The condition on '${field}' is empty.`);
  return operators;
}

/** What comes after an entry of an earlier page. Null and missing sort before everything else. */
function continuation(orderBy: DocumentQuery['orderBy'], after: NonNullable<DocumentQuery['after']>): StoredFilter {
  const { id } = after;
  if (!orderBy) return { _id: { $gt: id } };
  const path = fieldPath(orderBy.field);
  const value = after.value ?? null;
  if (orderBy.direction === 'asc') {
    if (value === null) return { $or: [{ [path]: { $ne: null } }, { _id: { $gt: id } }] };
    // The first half alone is what the index can seek to.
    return { [path]: { $gte: value }, $or: [{ [path]: { $gt: value } }, { _id: { $gt: id } }] };
  }
  if (value === null) return { [path]: null, _id: { $lt: id } };
  return { $or: [{ [path]: { $lt: value } }, { [path]: value, _id: { $lt: id } }, { [path]: null }] };
}
