import { describe, expect, it } from '@jest/globals';
import { closed, undescribed } from './json-schema.js';

const SCHEMA = {
  type: 'object',
  description: 'A kettle',
  properties: {
    description: { type: 'string', description: 'A field of that name' },
    parts: {
      type: 'array',
      items: { type: 'object', properties: { name: { type: 'string', description: 'Its name' } } },
    },
    owner: {
      anyOf: [
        { type: 'object', properties: {} },
        { type: 'null', description: 'nobody' },
      ],
    },
    notes: { type: 'object', description: 'Anything' },
    anything: true,
  },
};

describe('A JSON Schema', () => {
  it('is closed wherever it names the fields of an object, and only there', () => {
    expect(closed(SCHEMA)).toEqual({
      ...SCHEMA,
      additionalProperties: false,
      properties: {
        ...SCHEMA.properties,
        parts: { type: 'array', items: { ...SCHEMA.properties.parts.items, additionalProperties: false } },
        owner: {
          anyOf: [
            { type: 'object', properties: {}, additionalProperties: false },
            { type: 'null', description: 'nobody' },
          ],
        },
      },
    });
  });

  it('without descriptions still has a field of that name', () => {
    expect(undescribed(SCHEMA)).toEqual({
      type: 'object',
      properties: {
        description: { type: 'string' },
        parts: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } },
        owner: { anyOf: [{ type: 'object', properties: {} }, { type: 'null' }] },
        notes: { type: 'object' },
        anything: true,
      },
    });
  });

  it('is not changed by either', () => {
    const before = structuredClone(SCHEMA);
    closed(SCHEMA);
    undescribed(SCHEMA);
    expect(SCHEMA).toEqual(before);
  });
});
