/**
 * The words that contracts are written in: fields of events as JSON Schema, with the TypeScript type that each stands for.
 * Every field says what it means, and one that may be null says what null means.
 */
import * as Type from 'typebox';
import type { TObject, TProperties, TSchema } from 'typebox';

/** A point in time: ISO 8601, UTC, ending in `Z`. */
export const time = (description: string) => Type.String({ format: 'date-time', pattern: 'Z$', description });

/** Text for people, or a name that is somebody else's to give. */
export const text = (description: string) => Type.String({ description });

/** A UUID, in the usual form. */
export const uuid = (description: string) => Type.String({ format: 'uuid', description });

/** How many; from 0. */
export const count = (description: string) => Type.Integer({ minimum: 0, description });

/** A number that counts up from 1. */
export const ordinal = (description: string) => Type.Integer({ minimum: 1, description });

/** A whole number. */
export const whole = (description: string, minimum: number) => Type.Integer({ minimum, description });

/** A length of time in minutes, with fractions. */
export const minutes = (description: string) => Type.Number({ minimum: 0, description });

/** Yes or no. */
export const flag = (description: string) => Type.Boolean({ description });

/** One of these words. */
export const oneOf = <Values extends string[]>(values: readonly [...Values], description: string) =>
  Type.Enum<Values>(values, { type: 'string', description });

/** A list. */
export const listOf = <Item extends TSchema>(item: Item, description: string) => Type.Array(item, { description });

/** Several fields under one name. */
export const group = <Fields extends TProperties>(description: string, fields: Fields): TObject<Fields> =>
  Type.Object(fields, { description });

/** An object whose fields are not ours to name. */
export const foreignObject = (description: string) =>
  Type.Unsafe<{ readonly [key: string]: unknown }>({ type: 'object', description });

/** Any JSON value. */
export const anything = (description: string) => Type.Unknown({ description });

/** A field that is null when there is nothing to say. @param whenNull what null means */
export const nullable = <Schema extends TSchema>(schema: Schema, whenNull: string) =>
  Type.Union([schema, Type.Null({ description: whenNull })]);
