import { describe, expect, it } from '@jest/globals';
import { InvalidInput } from '../errors.js';
import { DEEPEST, refuseReservedNames, refuseUnsafeShape } from './json-shape.js';

/** The fields that are named; none when it is accepted. @param json as it is sent: names such as `__proto__` stay names */
function named(json: string): string[] {
  try {
    refuseUnsafeShape(JSON.parse(json));
    return [];
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    return error.errors.map(({ field }) => field);
  }
}

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

describe('A body', () => {
  it.each(['5', '"text"', 'null', '{}', '[]', '{"a":{"b":[1,{"c":null}]}}', '{"a":{"toString":1}}'])(
    '%s is accepted',
    (json) => {
      expect(named(json)).toEqual([]);
    },
  );

  it.each([
    ['{"constructor":1}', ['constructor']],
    ['{"toString":1}', ['toString']],
    ['{"a":{"__proto__":{}}}', ['a.__proto__']],
    ['{"a":[0,{"prototype":1}],"b":{"c":{"constructor":1}}}', ['a.1.prototype', 'b.c.constructor']],
    ['[{"__proto__":1}]', ['0.__proto__']],
  ])('%s is refused, each place being named', (json, places) => {
    expect(named(json)).toEqual(places);
  });

  it('may have fields of a bounded depth', () => {
    expect(named(`{"a":${nested(DEEPEST)}}`)).toEqual([]);
    expect(named(`{"a":${nested(DEEPEST + 1)}}`)).toEqual([`a${'.0'.repeat(DEEPEST)}`]);
  });

  it('is refused however deep it is', () => {
    expect(named(nested(250_000))).toEqual([
      Array(DEEPEST + 1)
        .fill('0')
        .join('.'),
    ]);
  });

  it('with more offences than anybody wants to read is refused with the first of them, in short', () => {
    const offence = `{"${'long'.repeat(100)}":{"constructor":1}}`;
    const places = named(`{"a":[${Array(1_000).fill(offence).join(',')}]}`);
    expect(places).toHaveLength(20);
    expect(places[0]).toMatch(/^a\.0\.long.{150,200}…$/);
  });
});

describe('A query', () => {
  it('is refused with names that validation would leave out', () => {
    expect(() => refuseReservedNames({ constructor: '1' })).toThrow('constructor: is not a field of this request');
    expect(() => refuseReservedNames({ limit: '1' })).not.toThrow();
    expect(() => refuseReservedNames(undefined)).not.toThrow();
  });
});
