import { createRequire } from 'node:module';
import type { Ajv2020, ValidateFunction } from 'ajv/dist/2020.js';
import type { FormatsPlugin } from 'ajv-formats';
import { closed } from '../../src/platform/contracts/json-schema.js';
import type { EventCodec, EventTypeDefinition } from '../../src/platform/event-store/event-codec.js';
import type { RecordedEvent } from '../../src/platform/event-store/event-store.port.js';
import type { JsonObject, JsonValue } from '../../src/platform/json.js';

/** Stands for the aggregate's id where only the data of an event is at hand. */
const SOME_ID = '<the id>';

/** Loaded when something is validated first: most specs of the suite never write an event. */
const require = createRequire(import.meta.url);
let validator: Ajv2020 | undefined;

const compiled = new WeakMap<JsonObject, ValidateFunction>();

/** A validator for JSON Schema 2020-12 that takes formats seriously, and complains about keywords it does not know. */
export function jsonSchemaValidator(): Ajv2020 {
  const { Ajv2020: Validator } = require('ajv/dist/2020.js') as { Ajv2020: typeof Ajv2020 };
  const { default: addFormats } = require('ajv-formats') as { default: FormatsPlugin };
  const ajv = new Validator({ allErrors: true, allowUnionTypes: true, verbose: true });
  addFormats(ajv);
  return ajv;
}

/**
 * How the data of an event breaks what is written down of its type: the stored form, and the form it is published in.
 * Each with the path and the value there; empty when it keeps to it, or when nothing is written down.
 *
 * @param data in the present version of its type
 */
export function contractViolations(type: string, definition: EventTypeDefinition, data: JsonObject): readonly string[] {
  const { schema, published } = definition;
  const violations = schema ? violationsOf(schema, data, type) : [];
  if (!published) return violations;
  const outside = published.map(data, SOME_ID);
  return [...violations, ...violationsOf(published.schema, outside, published.type)];
}

/** The same for an event as the store hands it out, whatever the version it was stored in. @throws {EventNotReadable} */
export function violationsOfStored(codec: EventCodec, recorded: RecordedEvent): readonly string[] {
  const data = codec.upcast(recorded);
  const definition = codec.registered().get(recorded.type);
  if (!definition?.schema) return [`${recorded.type}: no contract says what it looks like`];
  const violations = contractViolations(recorded.type, definition, data);
  return violations.map((violation) => `${recorded.stream}, revision ${recorded.revision}: ${violation}`);
}

/** Enough to see what is wrong. */
const MOST_SEEN = 10;

const seen: string[] = [];

/** From now on everything that is encoded by these codecs is held to its contract; {@link violationsSeen} tells. */
export function observeEncoding(codecs: EventCodec): void {
  const encode = Reflect.get<EventCodec, 'encode'>(codecs, 'encode');
  codecs.encode = function (this: EventCodec, event, id, metadata) {
    const encoded = encode.call(this, event, id, metadata);
    const definition = this.registered().get(event.type);
    if (definition && seen.length < MOST_SEEN) seen.push(...contractViolations(event.type, definition, encoded.data));
    return encoded;
  };
}

/** What was seen since this was last asked. */
export function violationsSeen(): readonly string[] {
  return seen.splice(0);
}

function violationsOf(schema: JsonObject, data: JsonObject, name: string): string[] {
  let validate = compiled.get(schema);
  if (!validate) {
    validator ??= jsonSchemaValidator();
    // What is published may get more fields some day; those that it has today are these.
    compiled.set(schema, (validate = validator.compile(closed(schema))));
  }
  if (validate(data)) return [];
  return (validate.errors ?? [])
    .filter((error) => error.data !== SOME_ID)
    .map(({ instancePath, message, params, data: value }) => {
      const extra = (params as { additionalProperty?: string }).additionalProperty;
      const what = extra === undefined ? (message ?? '') : `'${extra}' is no field of it`;
      return `${name}${instancePath}: ${what}; it is ${shortened(value as JsonValue)}`;
    });
}

function shortened(value: JsonValue): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
