import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { filtersOf, matchesPattern, pageOf } from './ec2-query.js';

describe("EC2's query parameters", () => {
  it('reads numbered filters with numbered values, in order', () => {
    const params = new URLSearchParams(
      'Filter.1.Name=tag:Name&Filter.1.Value.1=a&Filter.1.Value.2=b&Filter.2.Name=instance-id&Filter.2.Value.1=i-1',
    );
    expect(filtersOf(params)).toEqual([
      { name: 'tag:Name', values: ['a', 'b'] },
      { name: 'instance-id', values: ['i-1'] },
    ]);
  });

  it.each([
    ['lab-*', 'lab-idle', true],
    ['lab-?', 'lab-1', true],
    ['lab-?', 'lab-12', false],
    ['lab', 'lab-1', false],
    ['\\*', '*', true],
    ['\\*', 'x', false],
    ['a.c', 'abc', false],
  ])('matches %s against %s: %s', (pattern, value, expected) => {
    expect(matchesPattern(value, pattern)).toBe(expected);
  });

  it('matches any text against itself written without wildcards', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(matchesPattern(text, text.replace(/[\\*?]/g, '\\$&'))).toBe(true);
      }),
    );
  });

  it('hands out every item exactly once over the pages, however long the list and whatever the page size', () => {
    fc.assert(
      fc.property(fc.nat({ max: 60 }), fc.integer({ min: 5, max: 20 }), (count, size) => {
        const items = Array.from({ length: count }, (_, n) => n);
        const seen: number[] = [];
        let token: string | undefined;
        do {
          const params = new URLSearchParams({ MaxResults: String(size), ...(token ? { NextToken: token } : {}) });
          const page = pageOf(items, params, 1000);
          expect(page.items.length).toBeLessThanOrEqual(size);
          seen.push(...page.items);
          token = page.next.nextToken;
        } while (token !== undefined);
        expect(seen).toEqual(items);
      }),
    );
  });

  it.each(['4', '1001', '7.5', 'many'])('refuses a page size of %s', (size) => {
    expect(() => pageOf([], new URLSearchParams({ MaxResults: size }), 1000)).toThrow(/maxResults is invalid/);
  });

  it('refuses a token that it did not hand out', () => {
    expect(() => pageOf([], new URLSearchParams({ NextToken: 'made-up' }), 1000)).toThrow(/nextToken is invalid/);
  });
});
