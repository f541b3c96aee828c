import { describe, expect, it } from '@jest/globals';
import * as Type from 'typebox';
import type { PublishedEvent } from '../event-store/event-codec.js';
import { eventCategory } from './event-category.js';
import { count, foreignObject, group, listOf, nullable, oneOf, text, time } from './fields.js';

interface KettleBoiled {
  readonly type: 'KettleBoiled';
  readonly data: {
    readonly boiled_at: string;
    readonly cups: number | null;
    readonly sensors: readonly { readonly side: 'left' | 'right'; readonly raw: { readonly [key: string]: unknown } }[];
    readonly secret: string;
  };
}

interface KettleEmptied {
  readonly type: 'KettleEmptied';
  readonly data: { readonly kettle_id: string; readonly emptied_at: string };
}

const HEAD = { category: 'kettle', kind: 'kettle', summary: 'A kettle.', id: { kettle_id: text('The kettle') } };

const BOILED = {
  boiled_at: time('When'),
  cups: nullable(count('How many it holds'), 'nobody looked'),
  sensors: listOf(
    group('A sensor', { side: oneOf(['left', 'right'], 'Where it is'), raw: foreignObject('What it says') }),
    'All of them',
  ),
  secret: text('For us'),
};

const EMPTIED = { kettle_id: text('The kettle'), emptied_at: time('When') };

const kettles = eventCategory<KettleBoiled | KettleEmptied>()({
  ...HEAD,
  types: {
    KettleBoiled: {
      version: 1,
      summary: 'the water boiled',
      schema: BOILED,
      published: { type: 'dormouse.kettle.boiled.v1', without: ['secret'], note: 'The secret is ours.' },
    },
    KettleEmptied: {
      version: 1,
      summary: 'the water is gone',
      schema: EMPTIED,
      published: { type: 'dormouse.kettle.emptied.v1' },
    },
  },
});

function publishedForm(type: keyof typeof kettles.types): PublishedEvent {
  const { published } = kettles.types[type];
  if (!published) throw new Error(`${type} is not published.`);
  return published;
}

describe('A contract is what the domain says', () => {
  const boiled = eventCategory<KettleBoiled>();

  it('which the compiler holds it to', () => {
    const contract = <Fields>(schema: Fields) => ({
      KettleBoiled: { version: 1, summary: 'the water boiled', schema },
    });
    const { secret: _, ...less } = BOILED;
    const leftOnly = listOf(group('', { side: oneOf(['left'], ''), raw: foreignObject('') }), '');
    const made = [
      boiled({ ...HEAD, types: contract(BOILED) }),
      // @ts-expect-error a field is missing
      boiled({ ...HEAD, types: contract(less) }),
      // @ts-expect-error a field is too much
      boiled({ ...HEAD, types: contract({ ...BOILED, more: text('More') }) }),
      // @ts-expect-error a field that need not be there is too much as well
      boiled({ ...HEAD, types: contract({ ...BOILED, more: Type.Optional(text('More')) }) }),
      // @ts-expect-error a field must not be null in the domain
      boiled({ ...HEAD, types: contract({ ...BOILED, secret: nullable(text('For us'), 'none') }) }),
      // @ts-expect-error a field may be null in the domain
      boiled({ ...HEAD, types: contract({ ...BOILED, cups: count('How many') }) }),
      // @ts-expect-error a word is missing, deep inside
      boiled({ ...HEAD, types: contract({ ...BOILED, sensors: leftOnly }) }),
      // @ts-expect-error there is no such event
      boiled({ ...HEAD, types: { ...contract(BOILED), KettleEmptied: contract(EMPTIED).KettleBoiled } }),
      // @ts-expect-error an event is missing
      eventCategory<KettleBoiled | KettleEmptied>()({ ...HEAD, types: contract(BOILED) }),
    ];
    expect(made).toHaveLength(9);
  });

  it('and says what the stored data looks like, with no other fields', () => {
    expect(kettles.types.KettleBoiled.schema).toEqual({
      type: 'object',
      description: 'The water boiled.',
      required: ['boiled_at', 'cups', 'sensors', 'secret'],
      additionalProperties: false,
      properties: {
        boiled_at: { type: 'string', format: 'date-time', pattern: 'Z$', description: 'When' },
        cups: {
          anyOf: [
            { type: 'integer', minimum: 0, description: 'How many it holds' },
            { type: 'null', description: 'nobody looked' },
          ],
        },
        sensors: {
          type: 'array',
          description: 'All of them',
          items: {
            type: 'object',
            description: 'A sensor',
            required: ['side', 'raw'],
            additionalProperties: false,
            properties: {
              side: { type: 'string', enum: ['left', 'right'], description: 'Where it is' },
              raw: { type: 'object', description: 'What it says' },
            },
          },
        },
        secret: { type: 'string', description: 'For us' },
      },
    });
  });
});

describe('What is published as it is stored', () => {
  const data = { boiled_at: '2026-03-04T12:00:00.000Z', cups: null, sensors: [], secret: 'pssst' };

  it('has the aggregate’s id first, and not what is kept inside', () => {
    const outside = publishedForm('KettleBoiled').map(data, 'k1');
    expect(Object.entries(outside)).toEqual([
      ['kettle_id', 'k1'],
      ['boiled_at', data.boiled_at],
      ['cups', null],
      ['sensors', []],
    ]);
  });

  it('leaves out what nobody has written down', () => {
    expect(publishedForm('KettleBoiled').map({ ...data, diary: 'dear diary' }, 'k1')).not.toHaveProperty('diary');
  });

  it('has the id once when it is stored as well', () => {
    const { map, schema } = publishedForm('KettleEmptied');
    expect(map({ kettle_id: 'k1', emptied_at: 'now' }, 'k1')).toEqual({ kettle_id: 'k1', emptied_at: 'now' });
    expect(schema['required']).toEqual(['kettle_id', 'emptied_at']);
  });

  it('says so, and takes no notice of fields that may come', () => {
    const { schema } = publishedForm('KettleBoiled');
    expect(schema).toMatchObject({
      description: 'The water boiled. The secret is ours.',
      required: ['kettle_id', 'boiled_at', 'cups', 'sensors'],
    });
    expect(JSON.stringify(schema)).not.toMatch(/additionalProperties|secret"/);
  });
});

it('A shape of its own is published as it says itself', () => {
  const published: PublishedEvent = { type: 'dormouse.kettle.emptied.v2', schema: { type: 'object' }, map: () => ({}) };
  const { types } = eventCategory<KettleEmptied>()({
    ...HEAD,
    types: { KettleEmptied: { version: 1, summary: 'the water is gone', schema: EMPTIED, published } },
  });
  expect(types.KettleEmptied.published).toBe(published);
});
