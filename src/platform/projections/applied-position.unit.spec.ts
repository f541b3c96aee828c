import { describe, expect, it } from '@jest/globals';
import { AppliedPosition } from './applied-position.js';

describe('applied position', () => {
  it('lets those go on whose position has been reached, and no others', async () => {
    const applied = new AppliedPosition();
    const reached: number[] = [];
    const waiting = [3, 5, 8].map(async (position) => {
      if (await applied.reached(position, AbortSignal.timeout(5_000))) reached.push(position);
    });
    applied.value = 5;
    await Promise.all(waiting.slice(0, 2));
    expect(reached).toEqual([3, 5]);
    applied.value = 9;
    await Promise.all(waiting);
    expect(reached).toEqual([3, 5, 8]);
  });

  it('answers at once for what has been reached, even without any time', async () => {
    const applied = new AppliedPosition();
    applied.value = 5;
    expect(await applied.within(5, 0)).toBe(true);
    expect(await applied.reached(4, AbortSignal.abort())).toBe(true);
  });

  it('answers false at the time limit', async () => {
    expect(await new AppliedPosition().within(0, 5)).toBe(false);
  });

  it('answers false when it is told to give up', async () => {
    const applied = new AppliedPosition();
    const controller = new AbortController();
    const waiting = applied.reached(1, controller.signal);
    controller.abort();
    expect(await waiting).toBe(false);
    expect(await applied.reached(1, controller.signal)).toBe(false);
  });
});
