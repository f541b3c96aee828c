import { describe, expect, it } from '@jest/globals';
import { checkDecisionOf, recordActivity } from './activity-check.js';
import type { CheckContext } from './activity-check.js';
import type { WorkerActivityUpdated } from './cml-worker.events.js';
import { CMLWorker } from './cml-worker.js';
import type { TelemetryReading } from './telemetry.js';
import { specify } from '../../../test/support/given-when-then.js';
import type { Given } from '../../../test/support/given-when-then.js';
import {
  SETTINGS,
  active,
  at,
  checked,
  deregistered,
  newActivity,
  paused,
  reading,
  registered,
  resumed,
  time,
} from '../../../test/support/worker-history.js';

const { given } = specify(CMLWorker);

const context = (minutes: number, overrides: Partial<CheckContext> = {}): CheckContext => ({
  at: at(minutes),
  nextCheckAt: at(minutes + 30),
  keepEvents: 10,
  clockSkewMs: null,
  settings: SETTINGS,
  ...overrides,
});

function check(
  worker: Given<(typeof CMLWorker)['initialState'], Parameters<(typeof CMLWorker)['evolve']>[1]>,
  minutes: number,
  read: TelemetryReading = reading(),
  overrides: Partial<CheckContext> = {},
) {
  const outcome = worker.when((state) => recordActivity(state, read, context(minutes, overrides)));
  const [event] = outcome.events as readonly WorkerActivityUpdated[];
  if (!event) throw new Error('A successful check is always recorded.');
  return { outcome, event, ...checkDecisionOf(event) };
}

describe('A successful check', () => {
  it('is written with what it saw, what comes next and why', () => {
    const { event } = check(given(registered()), 10, { ...newActivity(7), total: 12, malformed: 2 });
    expect(event.data).toEqual({
      checked_at: time(10),
      last_activity_at: time(7),
      new_activity_count: 1,
      recent_activity_events: [{ timestamp: time(7), category: 'start_node', data: {} }],
      next_idle_check_at: time(40),
      target_pause_at: time(67),
      telemetry_event_count: 12,
      telemetry_malformed_count: 2,
      telemetry_memory: { watermark: null, since: null, seen: [] },
      decision: {
        reason: 'recent_activity',
        idle_since: time(7),
        idle_since_source: 'last_activity_at',
        idle_duration_minutes: 3,
        idle_threshold_minutes: 60,
        idle_threshold_source: 'setting',
        target_pause_at: time(67),
        snooze_until: null,
        not_acted_because: null,
      },
    });
  });

  it('moves the state on', () => {
    const memory = { watermark: at(9), since: at(-6), seen: ['x'] };
    check(given(registered()), 10, { ...newActivity(7), memory }).outcome.thenState({
      last_activity_at: at(7),
      last_activity_check_at: at(10),
      next_idle_check_at: at(40),
      target_pause_at: at(67),
      telemetry_memory: memory,
    });
  });

  it('is written even when it finds nothing, and keeps the previous recent events', () => {
    const { event, outcome } = check(given(registered(), active(10)), 40);
    expect(event.data).toMatchObject({ new_activity_count: 0, last_activity_at: time(10) });
    outcome.thenState({ recent_activity_events: [{ timestamp: time(10), category: 'start_lab' }] });
  });

  it('keeps the newest events first, and no more than asked for', () => {
    const { event } = check(given(registered(), active(10)), 40, newActivity(30), { keepEvents: 2 });
    const timestamps = event.data.recent_activity_events.map(({ timestamp }) => timestamp);
    expect(timestamps).toEqual([time(30), time(10)]);
    const one = check(given(registered(), active(10)), 40, newActivity(30), { keepEvents: 1 });
    expect(one.event.data.recent_activity_events.map(({ timestamp }) => timestamp)).toEqual([time(30)]);
  });

  it('never moves last_activity_at backwards', () => {
    const { event, idle } = check(given(registered(), active(50)), 60, newActivity(20));
    expect(event.data.last_activity_at).toBe(time(50));
    expect(idle).toMatchObject({ reason: 'recent_activity', idle_since: at(50) });
  });

  it('of a worker that is not registered is refused', () => {
    for (const worker of [given(), given(registered(), deregistered())]) {
      worker.when((state) => recordActivity(state, reading(), context(1))).thenRefused('worker_not_found');
    }
  });
});

describe('A check makes a pause due', () => {
  it('when the timeout is exceeded and nothing forbids it', () => {
    expect(check(given(registered()), 60)).toMatchObject({ due: true, notActedBecause: null });
    expect(check(given(registered()), 59.999)).toMatchObject({ due: false, notActedBecause: null });
  });

  it.each([
    ['auto_pause_disabled', { settings: { ...SETTINGS, autoPauseEnabled: false } }],
    ['clock_uncertain', { clockSkewMs: -40 * 60_000 }],
  ])('but not with %s, which is recorded with the decision', (because, overrides) => {
    const { event, due, notActedBecause } = check(given(registered()), 90, reading(), overrides);
    expect({ due, notActedBecause }).toEqual({ due: false, notActedBecause: because });
    expect(event.data.decision).toMatchObject({ reason: 'idle_timeout_exceeded', not_acted_because: because });
  });

  it('but not with its detection off, nor when it is not running', () => {
    const off = {
      type: 'WorkerIdleDetectionToggled',
      data: { is_idle_detection_enabled: false, changed_by: 'ada', changed_at: time(1) },
    } as const;
    expect(check(given(registered(), off), 90)).toMatchObject({
      due: false,
      notActedBecause: 'idle_detection_disabled',
    });
    expect(check(given(registered(), paused()), 90)).toMatchObject({ due: false, notActedBecause: 'not_running' });
  });

  it('but not when our clock has gone back since the last check', () => {
    expect(check(given(registered(), checked(200)), 90)).toMatchObject({
      due: false,
      notActedBecause: 'clock_uncertain',
    });
  });

  it('and the reason not to act is only told of idleness', () => {
    const settings = { ...SETTINGS, autoPauseEnabled: false };
    expect(check(given(registered()), 5, reading(), { settings })).toMatchObject({ notActedBecause: null });
  });

  it('after the snooze of a resume, not in it', () => {
    const worker = given(registered({ idle_timeout_minutes: 5 }), paused(), resumed(10, { status: 'running' }));
    expect(check(worker, 69)).toMatchObject({ due: false, idle: { reason: 'in_snooze_period', snooze_until: at(70) } });
    expect(check(worker, 70)).toMatchObject({ due: true });
  });

  it('never for a worker without a target: one that is not running has none', () => {
    expect(check(given(registered(), paused()), 90).event.data.target_pause_at).toBeNull();
  });
});
