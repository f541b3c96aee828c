import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { JsonArrayReader, NotAnArray, parseJsonArray } from './json-array-reader.js';

/** Reads the text in blocks of so many bytes; the failure when it is refused. */
function readInBlocks(text: string, size: number): unknown {
  const elements: unknown[] = [];
  const reader = new JsonArrayReader((element) => elements.push(element));
  const bytes = Buffer.from(text);
  return outcomeOf(() => {
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
    reader.end();
    return elements;
  });
}

function outcomeOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    if (error instanceof NotAnArray) return error.failure;
    throw error;
  }
}

describe('reading a JSON array in blocks', () => {
  it('gives the elements that JSON.parse gives, wherever the blocks are cut', () => {
    const text = fc.tuple(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 1, '\t'));
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 50 }), ([value, space], size) => {
        const written = JSON.stringify(value, null, space);
        expect(readInBlocks(written, size)).toEqual(JSON.parse(written));
      }),
    );
  });

  it('refuses exactly the texts that JSON.parse refuses', () => {
    const syntax = fc.string({
      unit: fc.constantFrom('[', ']', '{', '}', ',', ':', '"', '\\', '1', ' ', 'é', '""', '[]', '{}'),
    });
    fc.assert(
      fc.property(syntax, fc.integer({ min: 1, max: 5 }), (rest, size) => {
        const text = `[${rest}`;
        expect(readInBlocks(text, size)).toEqual(outcomeOf(() => parseJsonArray(Buffer.from(text))));
      }),
      { numRuns: 3_000 },
    );
  });

  it('refuses an array that was damaged in one place as JSON.parse does', () => {
    const damage = fc.tuple(
      fc.array(fc.jsonValue(), { minLength: 1 }),
      fc.nat(),
      fc.constantFrom('', ',', ']', '}', '"', '['),
    );
    fc.assert(
      fc.property(damage, fc.integer({ min: 1, max: 20 }), ([value, position, put], size) => {
        const written = JSON.stringify(value);
        const at = 1 + (position % (written.length - 1));
        const text = written.slice(0, at) + put + written.slice(at + 1);
        expect(readInBlocks(text, size)).toEqual(outcomeOf(() => parseJsonArray(Buffer.from(text))));
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['', 'not_json'],
    ['  \n', 'not_json'],
    ['<html>', 'not_json'],
    ['{"code": 500}', 'not_array'],
    ['"[]"', 'not_array'],
    ['null', 'not_array'],
    ['[1', 'not_json'],
    ['[1,]', 'not_json'],
    ['[,1]', 'not_json'],
    ['[1,,2]', 'not_json'],
    ['[1}', 'not_json'],
    ['[1] 2', 'not_json'],
    ['[]', []],
    [' [ ] ', []],
    ['[1, [2, {"a,]": "\\"]"}]]\r\n', [1, [2, { 'a,]': '"]' }]]],
  ])('reads %p', (text, expected) => {
    for (const size of [1, 2, 3, 1_000]) expect(readInBlocks(text, size)).toEqual(expected);
  });

  it('holds no more than the elements of one block', () => {
    let held = 0;
    const reader = new JsonArrayReader(() => (held += 1));
    reader.push(Buffer.from('[1,2,3,'));
    expect(held).toBe(3);
    reader.push(Buffer.from('4'));
    expect(held).toBe(3);
    reader.push(Buffer.from(',5]'));
    expect(held).toBe(5);
  });
});
