import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MINUTE, NOON, time } from '../../../../test/page/support/worker-row.js';
import type { Segment, SegmentState, WorkerTimeline } from '../../api/answers.js';
import { barsOf, fittingSpan, lastOf, pointsOf, summaryOf, textAt, ticksOf, timeMarks } from './timeline-model.js';

const DAY = 24 * 60;
const WIDTH = 800;

/** From so many minutes before noon until noon. */
function timeline(minutes: number, more: Partial<WorkerTimeline> = {}): WorkerTimeline {
  return {
    worker_id: 'w',
    from: time(-minutes),
    to: time(0),
    complete_since: null,
    segments: [{ from: time(-minutes), to: time(0), state: 'running' }],
    activity: [],
    moments: [],
    last_check: null,
    ...more,
  };
}

const states = fc.constantFrom<SegmentState>('running', 'idle', 'paused', 'unknown');

/** Segments without gaps over the last seven days. */
const weeks = fc
  .array(fc.record({ share: fc.integer({ min: 1, max: 1_000 }), state: states }), { minLength: 1, maxLength: 40 })
  .map((parts) => {
    const all = parts.reduce((sum, { share }) => sum + share, 0);
    let passed = 0;
    const segments: Segment[] = parts.map(({ share, state }) => {
      const from = time(-7 * DAY + (passed / all) * 7 * DAY);
      passed += share;
      return { from, to: time(-7 * DAY + (passed / all) * 7 * DAY), state };
    });
    return timeline(7 * DAY, { segments });
  });

describe('The timeline as a picture', () => {
  it('is inside of its frame, in order, with no bar too thin to be seen', () => {
    fc.assert(
      fc.property(weeks, fc.integer({ min: 100, max: 2_000 }), (week, width) => {
        const bars = barsOf(week, width);
        for (const [index, { x, width: wide }] of bars.entries()) {
          expect(x).toBeGreaterThanOrEqual(bars[index - 1]?.x ?? 0);
          expect(x).toBeLessThanOrEqual(width);
          expect(wide).toBeGreaterThanOrEqual(2);
        }
        for (const { x } of timeMarks(week, width)) expect(x).toBeLessThanOrEqual(width);
      }),
    );
  });

  it('has one bar for neighbours of one state, and one tick for what lies on one place', () => {
    const segments = [
      { from: time(-60), to: time(-30), state: 'running' },
      { from: time(-30), to: time(-15), state: 'running' },
      { from: time(-15), to: time(0), state: 'idle' },
    ] as const;
    expect(barsOf(timeline(60, { segments }), WIDTH)).toEqual([
      { x: 0, width: 600, state: 'running' },
      { x: 600, width: 200, state: 'idle' },
    ]);
    const activity = Array.from({ length: 5_000 }, (_, index) => time(-60 + index / 5_000));
    expect(ticksOf(timeline(60, { activity }), WIDTH).length).toBeLessThan(40);
  });

  it('has marks at round times of the reader’s day, with room for their labels', () => {
    for (const minutes of [10, 60, DAY, 7 * DAY]) {
      const marks = timeMarks(timeline(minutes), WIDTH);
      expect(marks.length).toBeGreaterThan(2);
      for (const [index, { x }] of marks.entries()) {
        if (index > 0) expect(x - (marks[index - 1]?.x ?? 0)).toBeGreaterThan(40);
      }
    }
    expect(timeMarks(timeline(60), WIDTH).map(({ label }) => label)).toContainEqual(
      expect.stringMatching(/^\d\d:\d[05]$/),
    );
    expect(timeMarks(timeline(7 * DAY), WIDTH).map(({ label }) => label)).toContainEqual(
      expect.stringMatching(/^\w{3} \d+$/),
    );
  });
});

describe('The timeline in words', () => {
  it('sums up the time that is known', () => {
    const segments = [
      { from: time(-240), to: time(-180), state: 'unknown' },
      { from: time(-180), to: time(-90), state: 'running' },
      { from: time(-90), to: time(-45), state: 'idle' },
      { from: time(-45), to: time(0), state: 'paused' },
    ] as const;
    expect(summaryOf({ segments })).toBe('In use 1 h 30 min (50 %), idle 45 min (25 %), paused 45 min (25 %).');
    expect(summaryOf({ segments: segments.slice(0, 1) })).toBe('Nothing is known of this time.');
    expect(summaryOf({ segments: [] })).toBe('Nothing is known yet.');
  });

  it('tells what happened, by whom, in its order', () => {
    const moments = [
      { at: time(-50), kind: 'resumed', reason: 'manual', by: 'ada', detail: null },
      { at: time(-20), kind: 'paused', reason: 'idle_timeout', by: 'system', detail: null },
      { at: time(-10), kind: 'status_changed', reason: null, by: null, detail: 'stopping, now stopped' },
    ] as const;
    const texts = pointsOf(timeline(60, { moments }), WIDTH).map(({ text }) =>
      text.replace(/^.*?\d\d:\d\d(: | to )/, ''),
    );
    expect(texts).toEqual([
      expect.stringMatching(/in use for 1 h$/),
      'resumed by ada',
      'paused for being idle by system',
      'EC2: stopping, now stopped',
    ]);
  });

  it('tells what was at any time', () => {
    expect(textAt(timeline(60), NOON - 30 * MINUTE)).toMatch(/in use for 1 h$/);
  });
});

describe('How much of it is shown', () => {
  it('is the shortest span with all that is known', () => {
    const known = (minutes: number) =>
      fittingSpan(
        timeline(7 * DAY, {
          segments: [
            { from: time(-7 * DAY), to: time(-minutes), state: 'unknown' },
            { from: time(-minutes), to: time(0), state: 'running' },
          ],
        }),
      );
    expect([known(1), known(10), known(11), known(600), known(DAY + 1)]).toEqual(['10m', '10m', '1h', '24h', '7d']);
    expect(fittingSpan(timeline(7 * DAY))).toBe('7d');
  });

  it('is what lies in it, cut to it', () => {
    fc.assert(
      fc.property(weeks, fc.integer({ min: 1, max: 7 * DAY }), (week, minutes) => {
        const last = lastOf(week, minutes * MINUTE);
        expect(last.segments[0]?.from).toBe(last.from);
        expect(last.segments.at(-1)?.to).toBe(week.to);
        expect(Date.parse(last.to) - Date.parse(last.from)).toBe(minutes * MINUTE);
      }),
    );
  });
});
