import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Ajv, SchemaObject } from 'ajv';
import { cloudEventSchema } from '../../src/platform/contracts/cloud-event.schema.js';
import { closed, undescribed } from '../../src/platform/contracts/json-schema.js';
import type { CloudEvent } from '../../src/platform/contracts/public-events.js';
import { PublicEvents } from '../../src/platform/contracts/public-events.js';
import { EventCodec } from '../../src/platform/event-store/event-codec.js';
import type { RecordedEvent } from '../../src/platform/event-store/event-store.port.js';
import type { JsonObject } from '../../src/platform/json.js';
import { VERSION } from '../../src/platform/version.js';
import { jsonSchemaValidator, violationsOfStored } from '../support/event-contracts.js';
import { expectProblem } from '../support/problems.js';
import { ServiceHarness } from '../support/service-harness.js';

const ROOT = join(import.meta.dirname, '../..');
const require = createRequire(import.meta.url);
const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

/** What is promised of a published type: src/<context>/contracts/published/<type>.json. */
interface Promised {
  readonly type: string;
  readonly example: CloudEvent;
  readonly schema: JsonObject;
}

const promised = globSync(join(ROOT, 'src/*/contracts/published/*.json'))
  .map((path) => ({ type: basename(path, '.json'), ...(readJson(path) as Omit<Promised, 'type'>) }))
  .sort((a, b) => (a.type < b.type ? -1 : 1));

const storedSamples = globSync(join(ROOT, 'src/*/domain/samples/*.json')).map((path) => ({
  file: basename(path),
  recorded: readJson(path) as RecordedEvent,
}));

let harness: ServiceHarness;
let events: PublicEvents;
let codec: EventCodec;

beforeAll(async () => {
  harness = await ServiceHarness.open();
  events = harness.service.app.get(PublicEvents);
  codec = harness.service.app.get(EventCodec);
});
afterAll(() => harness.close());

function publishedAs(type: string) {
  const published = events.types().get(type);
  if (!published) throw new Error(`${type} is not published.`);
  return published;
}

describe('Every event type', () => {
  it('says when it happens, and what each field of its data means', () => {
    const unsaid = codec
      .categories()
      .flatMap(({ types }) =>
        Object.entries(types).flatMap(([type, { summary, schema }]) => [
          ...(summary ? [] : [`${type} has no summary`]),
          ...(schema ? undescribedFields(schema, type) : [`${type} has no schema`]),
        ]),
      );
    expect(unsaid).toEqual([]);
  });

  it('is registered with its category', () => {
    const inCategories = codec.categories().flatMap(({ types }) => Object.keys(types));
    expect([...codec.registered().keys()].sort()).toEqual(inCategories.sort());
  });

  it('has a schema that a strict validator takes', () => {
    const ajv = jsonSchemaValidator();
    for (const [, { schema, published }] of codec.registered()) {
      for (const each of [schema, published?.schema]) if (each) expect(ajv.compile(each)).toBeInstanceOf(Function);
    }
  });

  it.each(storedSamples)('keeps to its contract in the sample $file', ({ recorded }) => {
    expect(violationsOfStored(codec, recorded)).toEqual([]);
  });
});

describe('What is published', () => {
  it('is what was promised, and nothing else', () => {
    expect([...events.types().keys()].sort()).toEqual(promised.map(({ type }) => type));
    expect([...events.kinds()].sort()).toEqual(['cml_worker', 'coaching_session']);
  });

  it.each(promised)('has the promised shape: $type', ({ type, schema }) => {
    expect(undescribed(publishedAs(type).published.schema)).toEqual(schema);
  });

  it.each(promised)('is made of what is stored as it was promised: $type', ({ type, example }) => {
    const { storedType, definition } = publishedAs(type);
    const sample = storedSamples.find(({ file }) => file === `${storedType}.v${definition.version}.json`);
    if (!sample) throw new Error(`${storedType} has no sample of version ${definition.version}.`);
    expect(events.cloudEvent(sample.recorded, example.position)).toEqual(example);
  });

  it.each(promised)('keeps to the schema that it is served with: $type', async ({ type, example }) => {
    const { status, body, contentType } = await harness.request('GET', `/schemas/${type}`);
    expect({ status, contentType }).toEqual({ status: 200, contentType: 'application/schema+json; charset=utf-8' });
    const validate = jsonSchemaValidator().compile(body);
    expect(validate(example) ? [] : validate.errors).toEqual([]);
    expect(validate({ ...example, type: 'dormouse.other.v1' })).toBe(false);
    expect(validate({ ...example, data: {} })).toBe(false);
  });

  it('may get more fields, in the envelope and in the data', () => {
    const [first] = promised;
    if (!first) throw new Error('Nothing is promised.');
    const schema = cloudEventSchema(publishedAs(first.type));
    const more = { ...first.example, added: 1, data: { ...first.example.data, added: 1 } };
    expect(jsonSchemaValidator().validate(schema, more)).toBe(true);
    expect(jsonSchemaValidator().validate(closed(schema), more)).toBe(false);
  });

  it('says nothing of what users say or get', () => {
    const names = promised.flatMap(({ schema }) => Object.keys(schema['properties'] as JsonObject));
    expect(names).not.toContain('content');
    expect(names).not.toContain('result');
    expect(names).not.toContain('telemetry_memory');
  });
});

describe('GET /asyncapi.json', () => {
  let document: AsyncApi;

  beforeAll(async () => {
    const { status, body, contentType } = await harness.request('GET', '/asyncapi.json');
    expect({ status, contentType }).toEqual({ status: 200, contentType: 'application/json; charset=utf-8' });
    document = body as unknown as AsyncApi;
  });

  it('is AsyncAPI 3, by its own schema', () => {
    const official = require('@asyncapi/specs/schemas/3.0.0.json') as SchemaObject & { definitions: object };
    // It brings the language that it is written in along, which the validator knows already.
    const definitions = Object.entries(official.definitions).filter(
      ([id]) => !id.startsWith('http://json-schema.org/'),
    );
    const validate = draft07().compile({ ...official, definitions: Object.fromEntries(definitions) });
    expect(validate(document) ? [] : validate.errors).toEqual([]);
    expect(validate({ ...document, channels: { feed: { adress: '/events' } } })).toBe(false);
  });

  it('has the program’s version', () => {
    expect(document.info.version).toBe(VERSION);
  });

  it('refers to nothing that is not in it', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(
      ([, reference = '']) => reference,
    );
    expect(references.length).toBeGreaterThan(promised.length);
    expect(references.filter((reference) => resolved(document, reference) === undefined)).toEqual([]);
  });

  it.each(['feed', 'stream', 'webhook'])('has a message for each published type in the channel %s', (channel) => {
    const messages = Object.values(document.channels[channel]?.messages ?? {}).map(
      ({ $ref }) => resolved(document, $ref) as Message,
    );
    const types = messages.map(({ name }) => name).filter((name) => name !== 'dormouse.cut_off');
    expect(types.sort()).toEqual(promised.map(({ type }) => type));
  });

  it.each(promised)('has a message whose payload is $type', ({ type, example }) => {
    const { payload } = document.components.messages[type] ?? {};
    const validate = draft07().compile(resolved(document, payload?.$ref ?? '') as SchemaObject);
    expect(validate(example) ? [] : validate.errors).toEqual([]);
    expect(validate({ ...example, subject: 7 })).toBe(false);
  });

  it.each([
    ['pullEvents', '/events'],
    ['streamEvents', '/events/stream'],
  ])('takes the parameters in %s that OpenAPI has for %s', async (operation, path) => {
    const { body } = await harness.request('GET', '/openapi.json');
    const { parameters } = (body as unknown as OpenApi).paths[path]?.get ?? { parameters: [] };
    const taken = parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name);
    const { query } = document.operations[operation]?.bindings.http ?? {};
    expect(Object.keys(query?.properties ?? {}).sort()).toEqual(taken.sort());
  });

  it('names the headers that webhooks are signed with', () => {
    const message = document.components.messages[`${promised[0]?.type}.webhook`];
    const trait = resolved(document, message?.traits?.[0]?.$ref ?? '') as { headers: { required: string[] } };
    expect(trait.headers.required).toEqual(['webhook-id', 'webhook-timestamp', 'webhook-signature']);
  });
});

describe('GET /schemas/{type}', () => {
  it('of a type that is not published names those that are', async () => {
    const answer = await harness.request('GET', '/schemas/dormouse.coaching_topic.claimed.v1');
    expectProblem(answer, 404, 'unknown_event_type');
    expect(answer.body['detail']).toContain(promised.map(({ type }) => type)[0]);
  });

  it('of what is no name is not acceptable', async () => {
    expectProblem(await harness.request('GET', '/schemas/a%20b'), 422, 'invalid_input');
    expectProblem(await harness.request('GET', '/schemas/dormouse.cml_worker.paused.v1?v=2'), 422, 'invalid_input');
  });
});

describe('docs/events.md', () => {
  it('says what the contracts say', async () => {
    const check = promisify(execFile)(process.execPath, [join(ROOT, 'scripts/event-catalogue.mjs')], {
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    // It says what differs, and then fails.
    const { stdout } = await check.catch((error: unknown) => error as { stdout: string });
    expect(stdout).toBe('');
  });
});

interface Reference {
  readonly $ref: string;
}

interface Message {
  readonly name: string;
  readonly payload: Reference;
  readonly traits?: readonly Reference[];
}

interface HttpBinding {
  readonly query?: { readonly properties: object };
}

interface OpenApi {
  readonly paths: Readonly<
    Record<string, { readonly get: { readonly parameters: readonly { readonly in: string; readonly name: string }[] } }>
  >;
}

interface AsyncApi {
  readonly info: { readonly version: string };
  readonly channels: Readonly<Record<string, { readonly messages: Readonly<Record<string, Reference>> }>>;
  readonly operations: Readonly<Record<string, { readonly bindings: { readonly http: HttpBinding } }>>;
  readonly components: { readonly messages: Readonly<Record<string, Message>> };
}

/** What a reference within the document points to. */
function resolved(document: AsyncApi, reference: string): unknown {
  const path = reference.replace(/^#\//, '').split('/');
  return path.reduce((at: unknown, name) => (at as Record<string, unknown> | undefined)?.[name], document);
}

/** AsyncAPI's own language of schemas is that of draft-07. */
function draft07(): Ajv {
  const { Ajv: Validator } = require('ajv') as { Ajv: typeof Ajv };
  const { default: addFormats } = require('ajv-formats') as { default: (ajv: Ajv) => void };
  const ajv = new Validator({ allErrors: true, strict: false });
  addFormats(ajv);
  return ajv;
}

/** Paths of the fields that nothing is said of, null included. */
function undescribedFields(schema: JsonObject, path: string): string[] {
  const { properties, items, anyOf } = schema as {
    readonly properties?: Readonly<Record<string, JsonObject>>;
    readonly items?: JsonObject;
    readonly anyOf?: readonly JsonObject[];
  };
  const parts: [string, JsonObject][] = [
    ...Object.entries(properties ?? {}).map(([name, field]): [string, JsonObject] => [`${path}.${name}`, field]),
    ...(anyOf ?? []).map((each): [string, JsonObject] => [`${path}?`, each]),
    ...(items ? [[`${path}[]`, items] satisfies [string, JsonObject]] : []),
  ];
  const own = schema['description'] || anyOf ? [] : [path];
  return [...own, ...parts.flatMap(([at, field]) => undescribedFields(field, at))];
}
