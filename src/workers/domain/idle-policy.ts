/**
 * When is a worker idle, and may it be paused for that? Pure: the same function decides the pause and answers the
 * idle-status query. Times are epoch milliseconds, UTC.
 */
import { idleClock, MINUTE } from '../../platform/time/idle-clock.js';

/** The settings that the decision depends on. */
export interface IdleSettings {
  /** WORKER_IDLE_TIMEOUT_MINUTES; a worker's own value goes before it. */
  readonly idleTimeoutMinutes: number;
  /** WORKER_AUTO_PAUSE_SNOOZE_MINUTES: no auto-pause for so long after a resume. */
  readonly snoozeMinutes: number;
  /** WORKER_AUTO_PAUSE_ENABLED. */
  readonly autoPauseEnabled: boolean;
}

/** What the decision looks at in a worker. */
export interface IdleFacts {
  readonly registered_at: number;
  readonly last_activity_at: number | null;
  readonly last_resumed_at: number | null;
  /** null: the global setting. */
  readonly idle_timeout_minutes: number | null;
}

export type IdleReason = 'recent_activity' | 'not_idle_yet' | 'in_snooze_period' | 'idle_timeout_exceeded';

export type IdleBaseSource = 'last_activity_at' | 'last_resumed_at' | 'registered_at';

export type ThresholdSource = 'worker' | 'setting';

/** The decision with its numbers. */
export interface IdleDecision {
  readonly reason: IdleReason;
  /** The idle base: the latest of last activity, last resume and registration. */
  readonly idle_since: number;
  readonly idle_since_source: IdleBaseSource;
  /** Never negative. */
  readonly idle_duration_ms: number;
  readonly idle_threshold_minutes: number;
  readonly idle_threshold_source: ThresholdSource;
  /** True from exactly the timeout on, snoozed or not. */
  readonly is_idle: boolean;
  /** When a pause is due if no activity comes: the timeout's end or the snooze's, whichever is later. */
  readonly target_pause_at: number;
  /** End of the snooze; null when the worker was never resumed or the snooze is over. */
  readonly snooze_until: number | null;
}

/** Why `idle_timeout_exceeded` is not acted on. */
export type NotActedBecause = 'auto_pause_disabled' | 'idle_detection_disabled' | 'not_running' | 'clock_uncertain';

/** @param newActivity whether this check found a new relevant event; wins whatever its timestamp */
export function decideIdle(
  now: number,
  facts: IdleFacts,
  newActivity: boolean,
  settings: Pick<IdleSettings, 'idleTimeoutMinutes' | 'snoozeMinutes'>,
): IdleDecision {
  const base = idleBase(facts);
  const threshold = effectiveTimeout(facts, settings);
  const idle = idleClock(now, base.at, threshold.minutes);
  const snoozeEnd = facts.last_resumed_at === null ? null : facts.last_resumed_at + settings.snoozeMinutes * MINUTE;
  const snoozed = snoozeEnd !== null && now < snoozeEnd;
  const reason: IdleReason = newActivity
    ? 'recent_activity'
    : !idle.reached
      ? 'not_idle_yet'
      : snoozed
        ? 'in_snooze_period'
        : 'idle_timeout_exceeded';
  return {
    reason,
    idle_since: base.at,
    idle_since_source: base.source,
    idle_duration_ms: idle.idleMs,
    idle_threshold_minutes: threshold.minutes,
    idle_threshold_source: threshold.source,
    is_idle: idle.reached,
    target_pause_at: Math.max(idle.dueAt, snoozeEnd ?? idle.dueAt),
    snooze_until: snoozed ? snoozeEnd : null,
  };
}

/** The latest of last activity, last resume and registration, and which of them it is. */
export function idleBase(facts: IdleFacts): { at: number; source: IdleBaseSource } {
  let base: { at: number; source: IdleBaseSource } = { at: facts.registered_at, source: 'registered_at' };
  if (facts.last_resumed_at !== null && facts.last_resumed_at >= base.at) {
    base = { at: facts.last_resumed_at, source: 'last_resumed_at' };
  }
  if (facts.last_activity_at !== null && facts.last_activity_at >= base.at) {
    base = { at: facts.last_activity_at, source: 'last_activity_at' };
  }
  return base;
}

/** The timeout that holds for this worker, and where it comes from. */
export function effectiveTimeout(
  facts: Pick<IdleFacts, 'idle_timeout_minutes'>,
  settings: Pick<IdleSettings, 'idleTimeoutMinutes'>,
): { minutes: number; source: ThresholdSource } {
  return facts.idle_timeout_minutes === null
    ? { minutes: settings.idleTimeoutMinutes, source: 'setting' }
    : { minutes: facts.idle_timeout_minutes, source: 'worker' };
}

/** The first thing that forbids acting on idleness; null when nothing does. */
export function whyNotActed(
  settings: Pick<IdleSettings, 'autoPauseEnabled'>,
  worker: { readonly is_idle_detection_enabled: boolean; readonly running: boolean },
  clockUncertain = false,
): NotActedBecause | null {
  if (!settings.autoPauseEnabled) return 'auto_pause_disabled';
  if (!worker.is_idle_detection_enabled) return 'idle_detection_disabled';
  if (!worker.running) return 'not_running';
  if (clockUncertain) return 'clock_uncertain';
  return null;
}

/**
 * A clock that cannot be trusted overstates idleness: ours has gone back since the last check, or CML's is so far
 * behind ours that the difference could make up the timeout. Then nothing is paused.
 *
 * @param clockSkewMs CML's clock minus ours, null when CML did not tell
 */
export function clockUncertain(
  now: number,
  lastCheckAt: number | null,
  clockSkewMs: number | null,
  thresholdMinutes: number,
): boolean {
  if (lastCheckAt !== null && now < lastCheckAt) return true;
  const tolerated = Math.max((thresholdMinutes * MINUTE) / 2, 2 * MINUTE);
  return clockSkewMs !== null && clockSkewMs < -tolerated;
}

/** Milliseconds as minutes, to a thousandth. */
export function minutesOf(milliseconds: number): number {
  return Math.round(milliseconds / 60) / 1000;
}
