import { describe, expect, it } from '@jest/globals';
import { RunPace } from './run-pace.js';

/** Work that is under way until it is told to end. */
class Work {
  begun = 0;
  private readonly ends: (() => void)[] = [];

  readonly do = async (): Promise<void> => {
    this.begun++;
    await new Promise<void>((resolve) => this.ends.push(resolve));
  };

  endOne(): void {
    this.ends.shift()?.();
  }
}

const untilIdle = () => new Promise((resolve) => setImmediate(resolve));

describe('The pace of a run', () => {
  it('lets a bounded number ask at a time', async () => {
    const pace = new RunPace(2, new AbortController().signal);
    const work = new Work();
    const all = [1, 2, 3].map(() => pace.ask(work.do));
    await untilIdle();
    expect(work.begun).toBe(2);
    work.endOne();
    await untilIdle();
    expect(work.begun).toBe(3);
    work.endOne();
    work.endOne();
    await Promise.all(all);
  });

  it('lets the next one ask while those who have asked wait to be recorded', async () => {
    const pace = new RunPace(1, new AbortController().signal);
    let recorded = 0;
    const check = async () => {
      await pace.ask(() => Promise.resolve());
      await pace.toRecord();
      recorded++;
    };
    let asked = 0;
    const first = pace.admit(check);
    const second = pace.admit(() => pace.ask(() => Promise.resolve(void asked++)));
    await second;
    expect([asked, recorded]).toEqual([1, 0]);
    await first;
    expect(recorded).toBe(1);
  });

  it('bounds how many checks are under way', async () => {
    const pace = new RunPace(5, new AbortController().signal);
    const work = new Work();
    const all = Array.from({ length: 100 }, () => pace.admit(work.do));
    await untilIdle();
    const atOnce = work.begun;
    expect(atOnce).toBeGreaterThanOrEqual(5);
    expect(atOnce).toBeLessThan(50);
    for (let ended = 0; ended < 100; ended++) {
      work.endOne();
      await untilIdle();
    }
    await Promise.all(all);
    expect(work.begun).toBe(100);
  });

  it('lets nobody begin to ask once it is over', async () => {
    const ending = new AbortController();
    const pace = new RunPace(1, ending.signal);
    const work = new Work();
    const first = pace.ask(work.do);
    const second = pace.ask(work.do);
    await untilIdle();
    ending.abort(new Error('stopping'));
    work.endOne();
    await first;
    await expect(second).rejects.toThrow('stopping');
    expect(work.begun).toBe(1);
  });
});
