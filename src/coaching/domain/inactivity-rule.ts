/**
 * When has a session been quiet for too long? Pure: the same function decides the automatic pause and answers the check
 * query. Times are epoch milliseconds, UTC.
 */
import { idleClock } from '../../platform/time/idle-clock.js';
import type { InactivityTimeout } from './coaching-topic.js';

export const INACTIVITY_CLOCKS = ['updated_at', 'last_activity_at'] as const;

/** Which of a session's times the rule counts from (COACHING_INACTIVITY_CLOCK). */
export type InactivityClock = (typeof INACTIVITY_CLOCKS)[number];

/** What the rule is asked with. */
export interface InactivityRule {
  readonly timeout: InactivityTimeout;
  readonly clock: InactivityClock;
}

/** The judgement with its numbers. */
export interface Inactivity {
  /** The time that the rule's clock shows. */
  readonly since: number;
  /** Never negative; to a thousandth, rounded up, so that what has exceeded any timeout is never 0. */
  readonly inactive_minutes: number;
  /** Longer than the timeout: exactly the timeout is not. */
  readonly exceeded: boolean;
  /** The timeout's end: a sweep after it finds the session due, unless something happens. */
  readonly auto_pause_at: number;
}

/** How long a session has been quiet, and whether that is too long. */
export function judgeInactivity(
  now: number,
  session: Readonly<Record<InactivityClock, number>>,
  { timeout, clock }: InactivityRule,
): Inactivity {
  const since = session[clock];
  const { idleMs, passed, dueAt } = idleClock(now, since, timeout.minutes);
  return { since, inactive_minutes: Math.ceil(idleMs / 60) / 1000, exceeded: passed, auto_pause_at: dueAt };
}
