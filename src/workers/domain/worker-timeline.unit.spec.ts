import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  active,
  at,
  checked,
  deregistered,
  MINUTE,
  paused,
  pauseRequested,
  registered,
  resumed,
  statusChanged,
  time,
} from '../../../test/support/worker-history.js';
import type { CMLWorkerEvent } from './cml-worker.events.js';
import { momentOf } from './worker-moments.js';
import type { TimelineChange, TimelineState } from './worker-timeline.js';
import { activityIn, changeOf, isAnchor, occurredAt, segmentsOf } from './worker-timeline.js';

const SETTING_MINUTES = 60;

/** Segments of a history as minutes after noon, such as `0-60 running`. */
function told(history: readonly CMLWorkerEvent[], from: number, to: number): string[] {
  const changes = history.map(changeOf).filter((change) => change !== null);
  const activity = history.flatMap((event) => (event.type === 'WorkerActivityUpdated' ? activityIn(event) : []));
  const window = { from: at(from), to: at(to) };
  const minutes = (epochMs: number): number => (epochMs - at(0)) / MINUTE;
  return segmentsOf(
    changes,
    activity.map((text) => Date.parse(text)),
    window,
    SETTING_MINUTES,
  ).map((segment) => `${minutes(segment.from)}-${minutes(segment.to)} ${segment.state}`);
}

const policy = (minutes: number, timeout: number | null): CMLWorkerEvent => ({
  type: 'WorkerPolicyChanged',
  data: {
    previous_idle_timeout_minutes: null,
    idle_timeout_minutes: timeout,
    changed_by: 'ada',
    changed_at: time(minutes),
  },
});

describe('The timeline of a worker', () => {
  it('runs from its registration, and is idle from exactly the timeout on', () => {
    expect(told([registered()], -10, 90)).toEqual(['-10-0 unknown', '0-60 running', '60-90 idle']);
  });

  it('runs on for the timeout after each activity', () => {
    expect(told([registered(), active(30), active(50)], 0, 150)).toEqual(['0-110 running', '110-150 idle']);
  });

  it('takes what a check finds out about the time before it for that time', () => {
    const late = checked(120, {
      last_activity_at: time(70),
      recent_activity_events: [{ timestamp: time(65), category: 'start_lab', data: {} }],
    });
    expect(told([registered(), checked(61), late], 0, 140)).toEqual([
      '0-60 running',
      '60-65 idle',
      '65-130 running',
      '130-140 idle',
    ]);
  });

  it('is paused from the pause to the resume, and counts anew from there', () => {
    const history = [
      registered(),
      pauseRequested({ requested_at: time(60) }),
      paused({ paused_at: time(61) }),
      resumed(100),
    ];
    expect(told(history, 0, 170)).toEqual([
      '0-60 running',
      '60-61 idle',
      '61-100 paused',
      '100-160 running',
      '160-170 idle',
    ]);
  });

  it('goes by the timeout of the time: the worker’s own, and that of each decision', () => {
    const short = checked(40, { decision: { ...checked(40).data.decision, idle_threshold_minutes: 10 } });
    expect(told([registered(), short], 0, 50)).toEqual(['0-40 running', '40-50 idle']);
    expect(told([registered({ idle_timeout_minutes: 5 })], 0, 50)).toEqual(['0-5 running', '5-50 idle']);
    expect(told([registered(), policy(20, 15), policy(30, null)], 0, 70)).toEqual([
      '0-20 running',
      '20-30 idle',
      '30-60 running',
      '60-70 idle',
    ]);
  });

  it('begins with how things stood: by the last check before the window', () => {
    const before = checked(-30, { decision: { ...checked(0).data.decision, idle_since: time(-50) } });
    expect(isAnchor(before)).toBe(true);
    expect(told([before], 0, 20)).toEqual(['0-10 running', '10-20 idle']);
    expect(told([paused({ paused_at: time(-5) })], 0, 20)).toEqual(['0-20 paused']);
  });

  it('is unknown where nothing tells, and after a registration has ended', () => {
    expect(told([], 0, 20)).toEqual(['0-20 unknown']);
    expect(told([checked(5)], 0, 20)).toEqual(['0-5 unknown', '5-20 running']);
    expect(told([statusChanged('running', 'pending')], 0, 20)).toEqual(['0-20 unknown']);
    expect(told([registered(), deregistered()], 0, 20)).toEqual(['0-9 running', '9-20 unknown']);
  });

  it.each([
    ['stopped', 'paused'],
    ['terminated', 'paused'],
    ['pending', 'running'],
    ['unknown', 'unknown'],
  ] as const)('takes the status %s that EC2 says as %s', (status, state) => {
    expect(told([registered(), statusChanged(status)], 3, 10)).toEqual([`3-10 ${state}`]);
  });

  it('does not take a check of a worker that does not run for a sign that it does', () => {
    const idle = checked(5, { target_pause_at: null });
    expect(isAnchor(idle)).toBe(false);
    expect(told([idle], 0, 20)).toEqual(['0-20 unknown']);
  });

  it('keeps the order of the events when a clock went back', () => {
    const history = [registered(), paused({ paused_at: time(30) }), resumed(20)];
    expect(told(history, 0, 40)).toEqual(['0-40 running']);
  });

  describe('of any changes', () => {
    const changes = fc.array(
      fc.record(
        {
          at: fc.integer({ min: 0, max: 300 }),
          power: fc.constantFrom('up' as const, 'down' as const, 'unknown' as const),
          seenUp: fc.boolean(),
          idleSince: fc.integer({ min: -50, max: 300 }),
          timeoutMinutes: fc.option(fc.constantFrom(1 / MINUTE, 5 / MINUTE, 40 / MINUTE, 0.5 / MINUTE), { nil: null }),
        },
        { requiredKeys: ['at'] },
      ),
      { maxLength: 12 },
    );
    const activity = fc.array(fc.integer({ min: -20, max: 320 }), { maxLength: 8 });
    const windows = fc
      .tuple(fc.integer({ min: -20, max: 320 }), fc.integer({ min: 1, max: 200 }))
      .map(([from, length]) => ({ from, to: from + length }));
    const setting = 10 / MINUTE;

    it('covers the window without gaps and overlaps, and changes state from each segment to the next', () => {
      fc.assert(
        fc.property(changes, activity, windows, (given, times, window) => {
          const segments = segmentsOf(given, times, window, setting);
          expect(segments[0]?.from).toBe(window.from);
          expect(segments.at(-1)?.to).toBe(window.to);
          segments.forEach(({ from, to, state }, index) => {
            expect(to).toBeGreaterThan(from);
            const next = segments[index + 1];
            if (next) expect({ from: next.from, changes: next.state !== state }).toEqual({ from: to, changes: true });
          });
        }),
      );
    });

    it('says of each moment what the definition says of it', () => {
      fc.assert(
        fc.property(changes, activity, windows, (given, times, window) => {
          const segments = segmentsOf(given, times, window, setting);
          for (let moment = window.from; moment < window.to; moment++) {
            const segment = segments.find(({ from, to }) => from <= moment && moment < to);
            expect(`${moment} ${segment?.state}`).toBe(`${moment} ${stateAt(moment, given, times)}`);
          }
        }),
      );
    });

    /** The definition, moment by moment: slow, and in another way. */
    function stateAt(moment: number, given: readonly TimelineChange[], times: readonly number[]): TimelineState {
      const inForce = given.filter((_, index) => Math.max(...given.slice(0, index + 1).map((c) => c.at)) <= moment);
      const ups = inForce.findIndex(({ power, seenUp }) => power !== undefined || seenUp === true);
      const power = inForce.findLast((change) => change.power !== undefined)?.power ?? (ups < 0 ? 'unknown' : 'up');
      if (power !== 'up') return power === 'down' ? 'paused' : 'unknown';
      const timeouts = inForce.filter(({ timeoutMinutes }) => timeoutMinutes !== undefined);
      const timeout = (timeouts.at(-1)?.timeoutMinutes ?? setting) * MINUTE;
      const since = [...inForce.map(({ idleSince }) => idleSince), ...times.filter((at) => at <= moment)];
      const known = since.filter((at) => at !== undefined);
      if (known.length === 0) return 'unknown';
      return moment >= Math.max(...known) + timeout ? 'idle' : 'running';
    }
  });
});

describe('The moments of a worker', () => {
  it('are what people did and what was done to it, with who and why', () => {
    const toggled: CMLWorkerEvent = {
      type: 'WorkerIdleDetectionToggled',
      data: { is_idle_detection_enabled: false, changed_by: 'eve', changed_at: time(4) },
    };
    const history = [
      registered(),
      checked(1),
      pauseRequested(),
      paused({ reason: 'idle_timeout', paused_by: 'system', paused_at: time(61), idle_duration_minutes: 61.5 }),
      statusChanged('stopped', 'stopping'),
      resumed(70),
      toggled,
      policy(80, 15),
      deregistered(),
    ];
    expect(history.map(momentOf).filter((moment) => moment !== null)).toEqual([
      { at: at(0), kind: 'registered', reason: null, by: 'ada', detail: 'lab' },
      {
        at: at(61),
        kind: 'paused',
        reason: 'idle_timeout',
        by: 'system',
        detail: 'idle for 61.5 min, the timeout is 60',
      },
      { at: at(3), kind: 'status_changed', reason: null, by: null, detail: 'stopping, now stopped' },
      { at: at(70), kind: 'resumed', reason: 'manual', by: 'bob', detail: null },
      { at: at(4), kind: 'detection_off', reason: null, by: 'eve', detail: null },
      { at: at(80), kind: 'policy_changed', reason: null, by: 'ada', detail: 'idle timeout: the setting, now 15 min' },
    ]);
  });

  it('are at the time that their events tell', () => {
    expect([registered(), checked(7), pauseRequested(), resumed(8), deregistered()].map(occurredAt)).toEqual([
      at(0),
      at(7),
      at(1),
      at(8),
      at(9),
    ]);
  });
});
