import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Convoy } from './convoy.js';

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

/** Joins so many; the list names those who went on. */
function join(convoy: Convoy, names: readonly string[], gone: string[]): void {
  for (const name of names) void convoy.join().then(() => gone.push(name));
}

describe('A convoy', () => {
  it('sets out at once when it is complete, and the next one waits for its own members', async () => {
    const convoy = new Convoy(2, 20);
    const gone: string[] = [];
    join(convoy, ['a', 'b', 'c'], gone);
    await jest.advanceTimersByTimeAsync(0);
    expect(gone).toEqual(['a', 'b']);
    join(convoy, ['d'], gone);
    await jest.advanceTimersByTimeAsync(0);
    expect(gone).toEqual(['a', 'b', 'c', 'd']);
  });

  it('sets out incomplete when its first member has waited long enough', async () => {
    const convoy = new Convoy(10, 20);
    const gone: string[] = [];
    join(convoy, ['a'], gone);
    await jest.advanceTimersByTimeAsync(15);
    join(convoy, ['b'], gone);
    await jest.advanceTimersByTimeAsync(4);
    expect(gone).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(gone).toEqual(['a', 'b']);
  });

  it('gives each convoy its own patience', async () => {
    const convoy = new Convoy(2, 20);
    const gone: string[] = [];
    join(convoy, ['a'], gone);
    await jest.advanceTimersByTimeAsync(15);
    join(convoy, ['b', 'c'], gone);
    await jest.advanceTimersByTimeAsync(19);
    expect(gone).toEqual(['a', 'b']);
    await jest.advanceTimersByTimeAsync(1);
    expect(gone).toEqual(['a', 'b', 'c']);
  });

  it('leaves no timer behind', async () => {
    const convoy = new Convoy(2, 20);
    join(convoy, ['a', 'b'], []);
    await jest.advanceTimersByTimeAsync(0);
    expect(jest.getTimerCount()).toBe(0);
  });
});
