import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { gapsBetween, restBehind } from './topic-gaps.js';

const topicId = fc.stringMatching(/^[A-Za-z0-9][\w.-]{0,99}$/);
/** Ids that are close to each other. */
const near = fc.stringMatching(/^a[-.0z_]{0,3}$/);
const ids = fc.uniqueArray(fc.oneof(topicId, near), { maxLength: 8 });

describe('The gaps between topic ids', () => {
  it('hold every other id, once, and none of the known ones', () => {
    fc.assert(
      fc.property(ids, fc.oneof(topicId, near), (known, id) => {
        const holding = gapsBetween(known).filter(({ gte, lte }) => gte <= id && id <= lte);
        expect(holding).toHaveLength(known.includes(id) ? 0 : 1);
      }),
    );
  });

  it('have no known id as a bound', () => {
    for (const { gte, lte } of gapsBetween(['core_values', 'purpose'])) {
      expect(['core_values', 'purpose']).not.toContain(gte);
      expect(['core_values', 'purpose']).not.toContain(lte);
    }
  });

  it('are gone on with behind an id that was found, which is left out', () => {
    fc.assert(
      fc.property(topicId, near, (found, id) => {
        const [gap = { gte: '', lte: '' }] = gapsBetween([]);
        const { gte, lte } = restBehind(found, gap);
        expect(gte <= id && id <= lte).toBe(id > found);
      }),
    );
  });
});
