import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { backoff, pause, rejectOnAbort } from './pause.js';

const LIMITS = { backoffMinMs: 100, backoffMaxMs: 10_000 };

describe('backing off', () => {
  it('doubles from the first wait to the longest', () => {
    const waits = [1, 2, 3, 7, 8, 1_000].map((failures) => backoff(failures, LIMITS, 1));
    expect(waits).toEqual([100, 200, 400, 6_400, 10_000, 10_000]);
  });

  it('is between half and all of that, at random', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
        const full = backoff(failures, LIMITS, 1);
        const wait = backoff(failures, LIMITS, random);
        return wait >= full / 2 && wait <= full;
      }),
    );
  });
});

describe('a pause', () => {
  it('ends early and without an error when it is told to', async () => {
    const controller = new AbortController();
    const pausing = pause(60_000, controller.signal);
    controller.abort(new Error('stop'));
    await pausing;
    await pause(60_000, controller.signal);
    expect(controller.signal.aborted).toBe(true);
  });

  it('is not one that waits for the end of a signal: that rejects with its reason', async () => {
    const controller = new AbortController();
    const waiting = rejectOnAbort(controller.signal);
    controller.abort(new Error('stop'));
    await expect(waiting).rejects.toThrow('stop');
    await expect(rejectOnAbort(controller.signal)).rejects.toThrow('stop');
  });
});
