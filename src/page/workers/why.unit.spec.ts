import { describe, expect, it } from '@jest/globals';
import { MINUTE, NOON, time, workerRow } from '../../../test/page/support/worker-row.js';
import type { LastCheck, RecordedIdleDecision } from '../api/answers.js';
import { exactTime } from '../time/format.js';
import { currentState, snoozeText, whyCheckFailed, whyDecided, whyNow } from './why.js';

const at = (minutes: number) => NOON + minutes * MINUTE;
const exact = (minutes: number) => exactTime(at(minutes));

function check(decision: Partial<RecordedIdleDecision>, more: Partial<LastCheck> = {}): LastCheck {
  return {
    checked_at: time(30),
    new_activity_count: 0,
    telemetry_event_count: 3_136,
    telemetry_malformed_count: 0,
    decision: {
      reason: 'not_idle_yet',
      idle_since: time(0),
      idle_since_source: 'last_activity_at',
      idle_duration_minutes: 30,
      idle_threshold_minutes: 60,
      idle_threshold_source: 'setting',
      target_pause_at: time(60),
      snooze_until: null,
      not_acted_because: null,
      ...decision,
    },
    ...more,
  };
}

describe('Why a worker is as it is', () => {
  it('running: when it will be paused, and by what', () => {
    expect(whyNow(workerRow(), at(10))).toBe(
      `It runs, and will be paused by the first check after ${exact(60)} unless somebody uses it before.`,
    );
    expect(whyNow(workerRow(), at(61))).toMatch(/The next check pauses it, unless it finds new activity/);
  });

  it('running although it could be paused: what forbids it', () => {
    expect(whyNow(workerRow({ auto_pause_enabled: false }), at(61))).toMatch(/switched off for the whole service/);
    expect(whyNow(workerRow({ idle_detection_enabled: false }), at(61))).toMatch(/switched off for this worker/);
    const error = { at: time(30), code: 'x', failure: 'y', message: 'z' };
    expect(whyNow(workerRow({ last_check_error: error }), at(61))).toMatch(/its checks fail/);
  });

  it('paused: by whom, when and why', () => {
    const paused = { status: 'stopped', last_paused_at: time(60), paused_by: 'ada' } as const;
    const why = (row: Parameters<typeof workerRow>[0]) => whyNow(workerRow({ ...paused, ...row }), at(70));
    expect(why({ pause_reason: 'idle_timeout', paused_by: 'system' })).toBe(
      `It was paused automatically on ${exact(60)}, because it had been idle for its whole timeout.`,
    );
    expect(why({ pause_reason: 'manual' })).toBe(`It was paused by ada on ${exact(60)}.`);
    expect(why({ pause_reason: 'external' })).toMatch(/^It was stopped outside of Dormouse/);
    expect(why({ pause_reason: null })).toMatch(/not running when it was registered/);
  });

  it('between the two', () => {
    expect(whyNow(workerRow({ power_change: 'pausing' }), at(1))).toBe('It is being paused right now.');
    expect(whyNow(workerRow({ status: 'shutting-down' }), at(1))).toMatch(/EC2 says that it is shutting down/);
  });
});

describe('Why the last check decided what it decided', () => {
  it('somebody used the worker', () => {
    const why = whyDecided(check({ reason: 'recent_activity' }, { new_activity_count: 3 }), null, at(31));
    expect(why).toEqual([
      `The last check was 1 minute ago, at ${exact(30)}. It read 3136 telemetry events and found 3 new activity events.`,
      'Somebody uses the worker, so it stays.',
      'The timeout of 60 minutes is the global setting.',
    ]);
  });

  it('not idle for long enough, counted from what', () => {
    const why = whyDecided(
      check({ idle_since_source: 'last_resumed_at', idle_threshold_source: 'worker' }),
      null,
      at(31),
    );
    expect(why[1]).toBe(
      `It had been idle for 30 minutes, since ${exact(0)}, its last resume: not yet for 60 minutes, so it stayed.`,
    );
    expect(why[2]).toBe('The timeout of 60 minutes is this worker’s own.');
  });

  it('protected after a resume', () => {
    const why = whyDecided(check({ reason: 'in_snooze_period', snooze_until: time(45) }), null, at(31));
    expect(why[1]).toContain(`it had been resumed shortly before, and is protected until ${exact(45)}, so it stayed`);
  });

  it('idle for too long, and what was made of it', () => {
    const exceeded = { reason: 'idle_timeout_exceeded', idle_duration_minutes: 61 } as const;
    expect(whyDecided(check(exceeded), 'idle_timeout', at(62)).slice(1, 3)).toEqual([
      `It had been idle for 61 minutes, since ${exact(0)}, its last activity: its timeout of 60 minutes was over.`,
      'So it was paused.',
    ]);
    expect(whyDecided(check(exceeded), null, at(62))[2]).toBe('So it was to be paused.');
    const notActed = check({ ...exceeded, not_acted_because: 'clock_uncertain' });
    expect(whyDecided(notActed, null, at(62))[2]).toMatch(/^It was not paused, because a clock could not be trusted/);
  });

  it('with what could not be read', () => {
    const [first] = whyDecided(check({}, { telemetry_malformed_count: 2, telemetry_event_count: 1 }), null, at(30));
    expect(first).toContain(
      'It read 1 telemetry event and found nothing new. 2 events could not be read and were skipped.',
    );
  });

  it('and that a failed check decides nothing', () => {
    const error = { at: time(30), code: 'telemetry_unavailable', failure: 'timeout', message: 'CML did not answer' };
    expect(whyCheckFailed({ last_check_error: error }, at(32))).toBe(
      'A check failed 2 minutes ago: CML did not answer. Nothing is concluded from that: what cannot be read is never taken for idleness.',
    );
    expect(whyCheckFailed({ last_check_error: null }, at(32))).toBeNull();
  });
});

describe('The current state', () => {
  it('is Active, Idle (XX minutes) or Paused', () => {
    expect(currentState(workerRow(), at(59))).toBe('Active');
    expect(currentState(workerRow(), at(75.9))).toBe('Idle (75 minutes)');
    expect(currentState(workerRow({ idle_threshold_minutes: 0.25 }), at(0.5))).toBe('Idle (30 seconds)');
    expect(currentState(workerRow({ status: 'stopped' }), at(75))).toBe('Paused');
  });

  it('tells for how long it is protected, and when it is not', () => {
    const row = workerRow({ snooze_until: time(12) });
    expect(snoozeText(row, at(0))).toBe('Protected from auto-pause for 12 minutes');
    expect(snoozeText(row, at(11.5))).toBe('Protected from auto-pause for 30 seconds');
    expect(snoozeText(row, at(12))).toBeNull();
    expect(snoozeText(workerRow(), at(0))).toBeNull();
  });
});
