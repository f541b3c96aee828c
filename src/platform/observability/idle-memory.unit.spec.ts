import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { IdleMemory } from './idle-memory.js';

describe('memory', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('is given back once after each burst of work, when it has been quiet for a while', () => {
    const collect = jest.fn();
    const memory = new IdleMemory(collect, 1_000);

    memory.touch();
    jest.advanceTimersByTime(900);
    memory.touch();
    jest.advanceTimersByTime(900);
    expect(collect).not.toHaveBeenCalled();
    jest.advanceTimersByTime(60_000);
    expect(collect).toHaveBeenCalledTimes(1);

    memory.touch();
    jest.advanceTimersByTime(60_000);
    expect(collect).toHaveBeenCalledTimes(2);
  });
});
