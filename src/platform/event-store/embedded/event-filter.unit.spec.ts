import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DatabaseSync } from 'node:sqlite';
import { conditionOf, endOfPrefix } from './event-filter.js';

describe('the end of a prefix', () => {
  it.each([
    ['worker-', 'worker.'],
    ['a', 'b'],
    ['a\u{10ffff}', 'b'],
    ['\ud7ff', '\ue000'],
    ['', undefined],
    ['\u{10ffff}', undefined],
  ])('of %j is %j', (prefix, end) => {
    expect(endOfPrefix(prefix)).toBe(end);
  });
});

describe('a filter in SQL', () => {
  it('lets through exactly what its meaning says', () => {
    const database = new DatabaseSync(':memory:');
    const name = fc.string({
      unit: fc.constantFrom('a', 'b', '-', 'ü', '\ud7ff', '\ue000', '🐭', '\u{10ffff}'),
      maxLength: 4,
    });
    const filters = fc.record(
      {
        types: fc.array(fc.constantFrom('x', 'y', 'z'), { maxLength: 2 }),
        streamPrefixes: fc.array(name, { maxLength: 3 }),
      },
      { requiredKeys: [] },
    );
    const property = fc.property(filters, name, fc.constantFrom('x', 'y'), (filter, stream, type) => {
      const { sql, parameters } = conditionOf(filter);
      const row = database
        .prepare(`SELECT 1 FROM (SELECT ? AS stream, ? AS type) WHERE TRUE${sql}`)
        .get(stream, type, ...parameters);

      const passes =
        (filter.types?.includes(type) ?? true) &&
        (filter.streamPrefixes?.some((prefix) => stream.startsWith(prefix)) ?? true);
      expect(row !== undefined).toBe(passes);
    });
    fc.assert(property, { numRuns: 1_000 });
    database.close();
  });
});
