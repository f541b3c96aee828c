import { assertFieldName } from '../read-model-names.js';
import type { Condition, DocumentQuery, IndexDefinition } from '../read-model-store.port.js';

/** A value as SQLite takes it. */
type Bound = string | number | null;
type Scalar = string | number | boolean | null;

/** Part of a statement with the values that its `?` stand for, in order. */
export interface Sql {
  readonly text: string;
  readonly values: readonly Bound[];
}

/**
 * The field as an expression. Indexes and queries must spell it the same way, or SQLite does not see that they belong
 * together. True and false come out as 1 and 0, which is why conditions also ask for the type.
 */
export function fieldExpression(field: string): string {
  assertFieldName(field);
  return `json_extract(doc,'$.${field}')`;
}

/** Columns of an index; the id at its end makes it deliver the order that ties are broken in. */
export function indexColumns(index: IndexDefinition): string {
  const columns = index.fields.map(fieldExpression);
  if (!index.unique) columns.push('id');
  return columns.join(', ');
}

/** `SELECT id, position, doc ...` for a query, or `SELECT count(*) ...` for its conditions. */
export function selectDocuments(table: string, query: DocumentQuery): Sql {
  const where = conditions(query.where);
  const after = query.after ? continuation(query.orderBy, query.after) : undefined;
  const all = after ? [...where, after] : where;
  const limit = query.limit;
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 0)) {
    throw new Error(`A limit is a whole number from 0, not ${limit}.`);
  }
  return {
    text: `SELECT id, position, doc FROM ${table}${whereClause(all)} ORDER BY ${order(query.orderBy)}${limit === undefined ? '' : ' LIMIT ?'}`,
    values: [...all.flatMap((sql) => sql.values), ...(limit === undefined ? [] : [limit])],
  };
}

export function countDocuments(table: string, where: DocumentQuery['where']): Sql {
  const all = conditions(where);
  return {
    text: `SELECT count(*) AS n FROM ${table}${whereClause(all)}`,
    values: all.flatMap((sql) => sql.values),
  };
}

function whereClause(all: readonly Sql[]): string {
  return ` WHERE ${['doc IS NOT NULL', ...all.map((sql) => sql.text)].join(' AND ')}`;
}

function order(orderBy: DocumentQuery['orderBy']): string {
  if (!orderBy) return 'id';
  const direction = orderBy.direction === 'desc' ? 'DESC' : 'ASC';
  return `${fieldExpression(orderBy.field)} ${direction}, id ${direction}`;
}

function conditions(where: DocumentQuery['where']): Sql[] {
  return Object.entries(where ?? {}).flatMap(([field, condition]) => conditionsOn(field, condition));
}

function conditionsOn(field: string, condition: Condition): Sql[] {
  if (condition === null || typeof condition !== 'object') return [equals(field, condition)];
  const parts: Sql[] = [];
  if (condition.in) parts.push(isOneOf(field, condition.in));
  if (condition.lt !== undefined) parts.push(compares(field, '<', condition.lt));
  if (condition.lte !== undefined) parts.push(compares(field, '<=', condition.lte));
  if (condition.gt !== undefined) parts.push(compares(field, '>', condition.gt));
  if (condition.gte !== undefined) parts.push(compares(field, '>=', condition.gte));
  // A condition that says nothing would silently widen the query.
  if (parts.length === 0) throw new Error(`The condition on '${field}' is empty.`);
  return parts;
}

function equals(field: string, value: Scalar): Sql {
  if (value === null) return { text: `${fieldExpression(field)} IS NULL`, values: [] };
  return compares(field, '=', value);
}

function compares(field: string, operator: '=' | '<' | '<=' | '>' | '>=', value: string | number | boolean): Sql {
  return {
    text: `${fieldExpression(field)} ${operator} ? AND ${isOfType(field, kindOf(value))}`,
    values: [toBound(value)],
  };
}

/** One `IN` for each type among the values: what compares as equal in SQLite need not be in JSON. */
function isOneOf(field: string, values: readonly Scalar[]): Sql {
  const scalars = values.filter((value) => value !== null);
  const alternatives: Sql[] = Object.entries(Object.groupBy(scalars, kindOf)).map(([kind, group]) => ({
    text: `(${fieldExpression(field)} IN (SELECT value FROM json_each(?)) AND ${isOfType(field, kind as Kind)})`,
    values: [JSON.stringify(group.map(toBound))],
  }));
  if (values.includes(null)) alternatives.push(equals(field, null));
  const [only, ...others] = alternatives;
  if (!only) return { text: 'FALSE', values: [] };
  if (others.length === 0) return only;
  return {
    text: `(${alternatives.map((sql) => sql.text).join(' OR ')})`,
    values: alternatives.flatMap((sql) => sql.values),
  };
}

type Kind = 'string' | 'number' | 'true' | 'false';

function kindOf(value: string | number | boolean): Kind {
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  return typeof value === 'string' ? 'string' : 'number';
}

function isOfType(field: string, kind: Kind): string {
  const type = `json_type(doc,'$.${field}')`;
  if (kind === 'string') return `${type} = 'text'`;
  if (kind === 'number') return `${type} IN ('integer','real')`;
  return `${type} = '${kind}'`;
}

function toBound(value: Scalar): Bound {
  return typeof value === 'boolean' ? Number(value) : value;
}

/** What comes after an entry of an earlier page. Null and missing sort before everything else, as in MongoDB. */
function continuation(orderBy: DocumentQuery['orderBy'], after: NonNullable<DocumentQuery['after']>): Sql {
  if (!orderBy) return { text: 'id > ?', values: [after.id] };
  const field = fieldExpression(orderBy.field);
  const value = toBound(after.value ?? null);
  if (orderBy.direction === 'asc') {
    if (value === null) return { text: `(${field} IS NOT NULL OR id > ?)`, values: [after.id] };
    // The first half alone is what the index can seek to.
    return { text: `${field} >= ? AND (${field} > ? OR id > ?)`, values: [value, value, after.id] };
  }
  if (value === null) return { text: `${field} IS NULL AND id < ?`, values: [after.id] };
  return {
    text: `(${field} < ? OR (${field} = ? AND id < ?) OR ${field} IS NULL)`,
    values: [value, value, after.id],
  };
}
