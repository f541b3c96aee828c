import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { countdown, duration, exactTime, minutesText, relativeTime } from './format.js';
import { ServerClock } from './server-clock.js';
import { Ticker } from './ticker.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('Times and durations', () => {
  it('are told in the unit that says most', () => {
    const now = Date.parse('2026-03-04T12:00:00Z');
    const ago = (ms: number) => relativeTime(now - ms, now);
    expect([ago(0), ago(4_900), ago(5_000), ago(59_400), ago(59_600), ago(MINUTE)]).toEqual([
      'just now',
      'just now',
      '5 seconds ago',
      '59 seconds ago',
      '1 minute ago',
      '1 minute ago',
    ]);
    expect([ago(2 * HOUR), ago(23.6 * HOUR), ago(3 * DAY)]).toEqual(['2 hours ago', '1 day ago', '3 days ago']);
    expect(relativeTime(now + 2 * HOUR, now)).toBe('in 2 hours');
  });

  it('count down in whole seconds to 0:00, and stay there', () => {
    expect([12_999, 12_000, 11_999, 1_000, 999, -5_000].map(countdown)).toEqual([
      '0:12',
      '0:12',
      '0:11',
      '0:01',
      '0:00',
      '0:00',
    ]);
    expect([HOUR + 5 * MINUTE + 9 * SECOND, 47 * HOUR, 51 * HOUR].map(countdown)).toEqual([
      '1:05:09',
      '47:00:00',
      '2 d 3 h',
    ]);
  });

  it('are told in two units at most', () => {
    expect(
      [0, 45_000, 12 * MINUTE, 3 * HOUR, 3 * HOUR + 12 * MINUTE, 2 * DAY, 2 * DAY + 3.5 * HOUR].map(duration),
    ).toEqual(['0 s', '45 s', '12 min', '3 h', '3 h 12 min', '2 d', '2 d 3 h']);
    expect([0.25, 1, 60, 1.55].map(minutesText)).toEqual(['15 seconds', '1 minute', '60 minutes', '1.6 minutes']);
  });

  it('name their zone when they are exact', () => {
    expect(exactTime(Date.parse('2026-03-04T12:00:05Z'))).toMatch(/^\w{3}, \d+ Mar 2026, \d\d:\d\d:05 \S+/);
  });

  it('never show more time left when less is left', () => {
    const seconds = (text: string) => text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: DAY }), fc.integer({ min: 0, max: DAY }), (a, b) => {
        const [less, more] = a < b ? [a, b] : [b, a];
        expect(seconds(countdown(less))).toBeLessThanOrEqual(seconds(countdown(more)));
      }),
    );
  });
});

describe('The service’s clock', () => {
  it('is taken to have been read halfway between question and answer', () => {
    let local = 1_000_000;
    const clock = new ServerClock(() => local);
    clock.learn(1_000_000, 1_000_200, 5_000_100);
    expect(clock.now()).toBe(5_000_000);
    local += 60_000;
    expect(clock.now()).toBe(5_060_000);
  });

  it('is not thrown off by an answer without a time', () => {
    const clock = new ServerClock(() => 1_000);
    clock.learn(0, 0, Number.NaN);
    expect(clock.now()).toBe(1_000);
  });
});

describe('The ticker', () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: 10_400 });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('ticks as the second changes, once for all who listen, and only while somebody does', () => {
    const ticker = new Ticker({ now: () => Date.now() });
    const seen: number[] = [];
    const ends = [1, 2].map(() => ticker.listen(() => seen.push(Math.floor(ticker.now() / 1000))));
    expect(jest.getTimerCount()).toBe(1);
    seen.length = 0;
    jest.advanceTimersByTime(700);
    expect(seen).toEqual([11, 11]);
    jest.advanceTimersByTime(1_000);
    expect(seen).toEqual([11, 11, 12, 12]);
    for (const end of ends) end();
    expect(jest.getTimerCount()).toBe(0);
  });
});
