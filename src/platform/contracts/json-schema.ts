import * as Type from 'typebox';
import type { TObjectOptions, TProperties, TSchema } from 'typebox';
import type { JsonObject, JsonValue } from '../json.js';

/** An object with these fields as JSON Schema. What TypeBox notes on its schemas for itself is not enumerable. */
export function objectSchema(fields: TProperties, options: TObjectOptions): JsonObject {
  return Type.Object(fields, options) as TSchema as JsonObject;
}

/** The JSON Schema, where objects whose fields it names may have no other ones. */
export function closed(schema: JsonObject): JsonObject {
  const copy = mapped(schema, closed);
  return isObject(schema['properties']) ? { ...copy, additionalProperties: false } : copy;
}

/** The JSON Schema without its descriptions: what it demands. */
export function undescribed(schema: JsonObject): JsonObject {
  const { description: _, ...rest } = mapped(schema, undescribed);
  return rest;
}

/** A copy whose subschemas, as far as contracts have them, are mapped. */
function mapped(schema: JsonObject, map: (subschema: JsonObject) => JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(schema).map(([keyword, value]) => [keyword, mappedKeyword(keyword, value)]));

  function mappedKeyword(keyword: string, value: JsonValue): JsonValue {
    if (keyword === 'properties' && isObject(value)) {
      return Object.fromEntries(
        Object.entries(value).map(([name, field]) => [name, isObject(field) ? map(field) : field]),
      );
    }
    if (keyword === 'items' && isObject(value)) return map(value);
    if ((keyword === 'anyOf' || keyword === 'allOf') && isList(value)) {
      return value.map((option) => (isObject(option) ? map(option) : option));
    }
    return value;
  }
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** Whether a JSON value is an object: a schema that is not just `true`, say. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !isList(value);
}
