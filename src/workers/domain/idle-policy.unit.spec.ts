import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { clockUncertain, decideIdle, effectiveTimeout, idleBase, minutesOf, whyNotActed } from './idle-policy.js';
import type { IdleFacts } from './idle-policy.js';
import { MINUTE, NOON, SETTINGS, at } from '../../../test/support/worker-history.js';

const facts = (overrides: Partial<IdleFacts> = {}): IdleFacts => ({
  registered_at: NOON,
  last_activity_at: null,
  last_resumed_at: null,
  idle_timeout_minutes: null,
  ...overrides,
});

describe('The decision', () => {
  describe('1: a new relevant event is recent_activity', () => {
    it('and says when a pause is due if nothing more comes', () => {
      expect(decideIdle(at(10), facts({ last_activity_at: at(5) }), true, SETTINGS)).toMatchObject({
        reason: 'recent_activity',
        target_pause_at: at(65),
      });
    });

    it('even when the new event is older than the timeout', () => {
      const decision = decideIdle(at(500), facts({ last_activity_at: at(10) }), true, SETTINGS);
      expect(decision).toMatchObject({ reason: 'recent_activity', is_idle: true, idle_duration_ms: 490 * MINUTE });
    });

    it('even in the snooze', () => {
      const resumed = facts({ last_resumed_at: at(10), idle_timeout_minutes: 1 });
      expect(decideIdle(at(30), resumed, true, SETTINGS).reason).toBe('recent_activity');
    });
  });

  describe('2: idle base + timeout > now is not_idle_yet', () => {
    it('until one millisecond before the timeout', () => {
      expect(decideIdle(at(60) - 1, facts(), false, SETTINGS)).toMatchObject({
        reason: 'not_idle_yet',
        is_idle: false,
        target_pause_at: at(60),
      });
    });

    it('and no longer at exactly the timeout', () => {
      expect(decideIdle(at(60), facts(), false, SETTINGS)).toMatchObject({
        reason: 'idle_timeout_exceeded',
        is_idle: true,
      });
    });

    it('goes before the snooze', () => {
      const resumed = facts({ last_resumed_at: at(10) });
      expect(decideIdle(at(20), resumed, false, SETTINGS)).toMatchObject({
        reason: 'not_idle_yet',
        snooze_until: at(70),
      });
    });
  });

  describe('3: now < last_resumed_at + snooze is in_snooze_period', () => {
    const resumed = facts({ last_resumed_at: at(10), idle_timeout_minutes: 5 });

    it('until one millisecond before its end', () => {
      expect(decideIdle(at(70) - 1, resumed, false, SETTINGS)).toMatchObject({
        reason: 'in_snooze_period',
        is_idle: true,
        snooze_until: at(70),
        target_pause_at: at(70),
      });
    });

    it('and is over at exactly its end', () => {
      expect(decideIdle(at(70), resumed, false, SETTINGS)).toMatchObject({
        reason: 'idle_timeout_exceeded',
        snooze_until: null,
      });
    });
  });

  it('4: none of these is idle_timeout_exceeded, with the idle duration', () => {
    expect(decideIdle(at(95), facts(), false, SETTINGS)).toEqual({
      reason: 'idle_timeout_exceeded',
      idle_since: NOON,
      idle_since_source: 'registered_at',
      idle_duration_ms: 95 * MINUTE,
      idle_threshold_minutes: 60,
      idle_threshold_source: 'setting',
      is_idle: true,
      target_pause_at: at(60),
      snooze_until: null,
    });
  });

  it('never has a negative idle duration', () => {
    expect(decideIdle(at(-5), facts(), false, SETTINGS)).toMatchObject({
      reason: 'not_idle_yet',
      idle_duration_ms: 0,
    });
  });

  it('takes decimals of a minute', () => {
    const hasty = facts({ idle_timeout_minutes: 0.05 });
    expect(decideIdle(NOON + 2_999, hasty, false, SETTINGS).reason).toBe('not_idle_yet');
    expect(decideIdle(NOON + 3_000, hasty, false, SETTINGS).reason).toBe('idle_timeout_exceeded');
  });

  it('is exactly the table, for any numbers', () => {
    const instant = fc.integer({ min: NOON, max: at(600) });
    const arbitrary = fc.record({
      now: instant,
      registered_at: instant,
      last_activity_at: fc.option(instant),
      last_resumed_at: fc.option(instant),
      idle_timeout_minutes: fc.option(fc.integer({ min: 1, max: 300 })),
      snoozeMinutes: fc.integer({ min: 1, max: 300 }),
      newActivity: fc.boolean(),
    });
    fc.assert(
      fc.property(arbitrary, ({ now, snoozeMinutes, newActivity, ...worker }) => {
        const settings = { ...SETTINGS, snoozeMinutes };
        const decision = decideIdle(now, worker, newActivity, settings);
        const base = Math.max(worker.registered_at, worker.last_activity_at ?? 0, worker.last_resumed_at ?? 0);
        const timeout = (worker.idle_timeout_minutes ?? 60) * MINUTE;
        const snoozeEnd = (worker.last_resumed_at ?? -Infinity) + snoozeMinutes * MINUTE;
        const expected = newActivity
          ? 'recent_activity'
          : base + timeout > now
            ? 'not_idle_yet'
            : now < snoozeEnd
              ? 'in_snooze_period'
              : 'idle_timeout_exceeded';
        expect(decision.reason).toBe(expected);
        expect(decision.idle_since).toBe(base);
        expect(decision.idle_duration_ms).toBe(Math.max(0, now - base));
        expect(decision.is_idle).toBe(now >= base + timeout);
        // What is promised as the time of the pause is the first instant at which it is due.
        const due = (when: number) => decideIdle(when, worker, false, settings).reason === 'idle_timeout_exceeded';
        expect(due(decision.target_pause_at)).toBe(true);
        expect(due(decision.target_pause_at - 1)).toBe(false);
      }),
    );
  });
});

describe('The idle base', () => {
  it.each([
    ['registered_at when there is nothing else', {}, at(0), 'registered_at'],
    ['last_activity_at when it is later', { last_activity_at: at(1) }, at(1), 'last_activity_at'],
    ['last_resumed_at when it is later', { last_activity_at: at(1), last_resumed_at: at(2) }, at(2), 'last_resumed_at'],
    ['registered_at when activity was before it', { last_activity_at: at(-1) }, at(0), 'registered_at'],
  ] as const)('is %s', (_, overrides, when, source) => {
    expect(idleBase(facts(overrides))).toEqual({ at: when, source });
  });
});

describe('The effective timeout', () => {
  it('is the worker’s own, or else the setting', () => {
    expect(effectiveTimeout({ idle_timeout_minutes: 5 }, SETTINGS)).toEqual({ minutes: 5, source: 'worker' });
    expect(effectiveTimeout({ idle_timeout_minutes: null }, SETTINGS)).toEqual({ minutes: 60, source: 'setting' });
  });
});

describe('Idleness is acted on', () => {
  const on = { is_idle_detection_enabled: true, running: true };

  it.each([
    ['not when auto-pause is off', { autoPauseEnabled: false }, on, 'auto_pause_disabled'],
    ['not when its detection is off', {}, { ...on, is_idle_detection_enabled: false }, 'idle_detection_disabled'],
    ['not when it is not running', {}, { ...on, running: false }, 'not_running'],
    ['when none of these holds', {}, on, null],
  ] as const)('%s', (_, settings, worker, because) => {
    expect(whyNotActed({ ...SETTINGS, ...settings }, worker)).toBe(because);
  });

  it('not while a clock is in doubt', () => {
    expect(whyNotActed(SETTINGS, on, true)).toBe('clock_uncertain');
  });
});

describe('A clock is in doubt', () => {
  it('when ours has gone back since the last check', () => {
    expect(clockUncertain(at(9), at(10), null, 60)).toBe(true);
    expect(clockUncertain(at(10), at(10), null, 60)).toBe(false);
  });

  it('when CML’s is behind ours by more than half the timeout', () => {
    expect(clockUncertain(at(10), null, -30 * MINUTE - 1, 60)).toBe(true);
    expect(clockUncertain(at(10), null, -30 * MINUTE, 60)).toBe(false);
    expect(clockUncertain(at(10), null, 300 * MINUTE, 60)).toBe(false);
  });

  it('but a difference of two minutes is tolerated however short the timeout', () => {
    expect(clockUncertain(at(10), null, -2 * MINUTE, 0.1)).toBe(false);
  });
});

describe('Minutes', () => {
  it('are told to a thousandth', () => {
    expect([90_000, 1, 59_999, 0].map(minutesOf)).toEqual([1.5, 0, 1, 0]);
  });
});
