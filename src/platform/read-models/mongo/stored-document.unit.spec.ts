import { describe, expect, it } from '@jest/globals';
import { BSON } from 'mongodb';
import fc from 'fast-check';
import { decodeDocument, encodeDocument } from './stored-document.js';
import type { StoredFields } from './stored-document.js';

/** What the database gives back of what it was given. */
function throughBson(stored: StoredFields): StoredFields {
  return BSON.deserialize(BSON.serialize(stored)) as StoredFields;
}

describe('A document as MongoDB keeps it', () => {
  it('comes back as JSON would give it back, values, keys and their order', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' })), (document) => {
        const stored = throughBson({ _id: 'a', ...encodeDocument(document) });
        expect(JSON.stringify(decodeDocument(stored)?.document)).toBe(JSON.stringify(document));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is kept as fields when it can be, untouched', () => {
    const document = { status: 'running', list: [1, null, { a: 'ż🐭\0' }], big: 2 ** 53, nested: { deep: [[]] } };
    expect(encodeDocument(document)).toEqual({ d: document });
    expect(encodeDocument(document).d).toBe(document);
  });

  it.each([
    { a: { 'b.c': 1 } },
    { a: { $b: 1 } },
    { a: { $ref: 'c', $id: 1 } },
    { a: { '': 1 } },
    { a: { 'b\0': 1 } },
    { a: { _bsontype: 'ObjectId' } },
    { a: '\udead' },
    { a: JSON.parse('{"__proto__":1}') as object },
  ])('is kept as text beside fields for conditions when BSON would change it: %j', (document) => {
    const stored = encodeDocument({ status: 'running', count: 1, none: null, ...document });
    expect(stored.d).toMatchObject({ status: 'running', count: 1, none: null });
    expect(stored._json).toBe(JSON.stringify({ status: 'running', count: 1, none: null, ...document }));
  });

  it('stands in for what is neither scalar nor null, so that no condition takes it for missing', () => {
    expect(encodeDocument({ list: [1], map: { 'a.b': 1 } }).d).toEqual({ list: {}, map: {} });
  });

  it('loses what JSON loses', () => {
    const at = new Date(0);
    expect(encodeDocument({ a: undefined, at, nan: Number.NaN, zero: -0, list: [undefined] })).toEqual({
      d: { at: at.toISOString(), nan: null, zero: 0, list: [null] },
    });
  });

  it('cannot hold itself', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    expect(() => encodeDocument(cyclic)).toThrow('circular');
  });

  it('that was deleted has a position and nothing else; with neither it is not there', () => {
    expect(decodeDocument({ _id: 'a', _position: 7 })).toEqual({ id: 'a', position: 7, document: null });
    expect(decodeDocument({ _id: 'a' })).toBeUndefined();
    expect(decodeDocument({ _id: 'a', d: {} })).toEqual({ id: 'a', position: null, document: {} });
  });
});
