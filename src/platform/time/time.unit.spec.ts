import { describe, expect, it } from '@jest/globals';
import { idleClock, MINUTE } from './idle-clock.js';
import { iso } from './iso.js';

const NOON = Date.parse('2026-03-04T12:00:00.000Z');

describe('The idle clock', () => {
  it.each([
    ['a millisecond before the timeout’s end', 30 * MINUTE - 1, { reached: false, passed: false }],
    ['at exactly the timeout’s end', 30 * MINUTE, { reached: true, passed: false }],
    ['a millisecond after it', 30 * MINUTE + 1, { reached: true, passed: true }],
  ])('%s', (_, idleMs, expected) => {
    expect(idleClock(NOON + idleMs, NOON, 30)).toEqual({ idleMs, dueAt: NOON + 30 * MINUTE, ...expected });
  });

  it('has not begun when it begins in the future', () => {
    const stood = { idleMs: 0, dueAt: NOON + 2 * MINUTE, reached: false, passed: false };
    expect(idleClock(NOON, NOON + MINUTE, 1)).toEqual(stood);
  });

  it('takes decimals of a minute', () => {
    expect(idleClock(NOON + 15_000, NOON, 0.25)).toMatchObject({ reached: true, passed: false });
  });
});

describe('Time as it is stored', () => {
  it('is ISO 8601 in UTC with milliseconds; no time stays none', () => {
    expect(iso(NOON + 5)).toBe('2026-03-04T12:00:00.005Z');
    expect(iso(null)).toBeNull();
  });
});
