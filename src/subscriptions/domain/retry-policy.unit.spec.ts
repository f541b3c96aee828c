import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isHopeless, retryDelay } from './retry-policy.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('The wait after a failure', () => {
  it('doubles from a second to ten minutes', () => {
    const waits = [1, 2, 3, 4, 10, 11, 1_000].map((attempts) => retryDelay(attempts, 1));
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 512_000, 600_000, 600_000]);
  });

  it('lies between half of that and all of it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempts, random) => {
          const [wait, full] = [retryDelay(attempts, random), retryDelay(attempts, 1)];
          expect(wait).toBeGreaterThanOrEqual(full / 2);
          expect(wait).toBeLessThanOrEqual(full);
          expect(Number.isSafeInteger(wait)).toBe(true);
        },
      ),
    );
  });

  it('is at least what the receiver asks for, up to an hour', () => {
    expect(retryDelay(1, 1, 90_000)).toBe(90_000);
    expect(retryDelay(8, 1, 1_000)).toBe(128_000);
    expect(retryDelay(1, 1, 365 * 24 * HOUR)).toBe(HOUR);
  });
});

describe('A receiver is given up', () => {
  const now = Date.parse('2026-03-04T12:00:00.000Z');

  it.each([
    ['when it has failed for as long as patience lasts', 24 * HOUR, null, true],
    ['not a moment before', 24 * HOUR - 1, null, false],
    ['not while it has accepted something since', 48 * HOUR, 24 * HOUR - 1, false],
    ['also when what it accepted last is long ago', 48 * HOUR, 30 * HOUR, true],
    ['counted from the failure, not from a success before it', 1 * HOUR, 30 * HOUR, false],
  ])('%s', (_, failingFor, acceptedAgo, expected) => {
    const lastAcceptedAt = acceptedAgo === null ? null : now - acceptedAgo;
    expect(isHopeless({ failingSince: now - failingFor, lastAcceptedAt }, 24 * HOUR, now)).toBe(expected);
  });
});
