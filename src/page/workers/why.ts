/** Why a worker runs, or does not, in sentences with the numbers. Pure; times are epoch ms by the service's clock. */
import type {
  IdleBaseSource,
  LastCheck,
  NotActedBecause,
  PauseReason,
  ThresholdSource,
  WorkerActivity,
  WorkerRow,
} from '../api/answers.js';
import { counted, exactTime, minutesText, relativeTime } from '../time/format.js';
import { idleMs, idleStateOf, pauseForecast } from './worker-state.js';

const MINUTE = 60_000;

const SINCE: Readonly<Record<IdleBaseSource, string>> = {
  last_activity_at: 'its last activity',
  last_resumed_at: 'its last resume',
  registered_at: 'its registration',
};

const NOT_ACTED: Readonly<Record<NotActedBecause, string>> = {
  auto_pause_disabled: 'It was not paused, because automatic pauses are switched off for the whole service.',
  idle_detection_disabled: 'It was not paused, because idle detection is switched off for this worker.',
  not_running: 'It was not paused, because it was not running.',
  clock_uncertain:
    'It was not paused, because a clock could not be trusted: ours had gone back, or that of CML was too far behind.',
};

/** The short answer: why it is still running and when it will stop, or why it is not running. */
export function whyNow(row: WorkerRow, now: number): string {
  if (row.power_change === 'pausing') return 'It is being paused right now.';
  if (row.power_change === 'resuming') return 'It is being resumed right now.';
  const state = idleStateOf(row, now);
  if (state === 'paused') return whyPaused(row);
  if (state === 'unknown') return `It is not watched while EC2 says that it is ${row.status.replace('-', ' ')}.`;
  const forecast = pauseForecast(row, now);
  switch (forecast.kind) {
    case 'never':
      return forecast.because === 'auto_pause_disabled'
        ? 'It keeps running: automatic pauses are switched off for the whole service.'
        : forecast.because === 'idle_detection_disabled'
          ? 'It keeps running: idle detection is switched off for this worker.'
          : 'It keeps running: no pause is planned.';
    case 'counting':
      return `It runs, and will be paused by the first check after ${exactTime(forecast.at)} unless somebody uses it before.`;
    case 'held_back':
      return 'Its timeout is over, but its checks fail: what cannot be read is never taken for idleness, so it keeps running.';
    case 'due':
      return 'Nobody has used it for its whole timeout. The next check pauses it, unless it finds new activity.';
  }
}

/**
 * What the last successful check found, and why it decided as it did.
 *
 * @param pausedFor why the worker is paused; null while it is not
 */
export function whyDecided(
  { decision, ...check }: LastCheck,
  pausedFor: PauseReason | null,
  now: number,
): readonly string[] {
  const checkedAt = Date.parse(check.checked_at);
  const idle = minutesText(decision.idle_duration_minutes);
  const timeout = minutesText(decision.idle_threshold_minutes);
  const since = `since ${exactTime(Date.parse(decision.idle_since))}, ${SINCE[decision.idle_since_source]}`;
  const sentences = [
    `The last check was ${relativeTime(checkedAt, now)}, at ${exactTime(checkedAt)}. ${telemetrySentence(check)}`,
  ];
  switch (decision.reason) {
    case 'recent_activity':
      sentences.push('Somebody uses the worker, so it stays.');
      break;
    case 'not_idle_yet':
      sentences.push(`It had been idle for ${idle}, ${since}: not yet for ${timeout}, so it stayed.`);
      break;
    case 'in_snooze_period':
      sentences.push(
        `It had been idle for ${idle}, ${since}, longer than its timeout of ${timeout}; but it had been resumed shortly before${untilText(decision.snooze_until)}, so it stayed.`,
      );
      break;
    case 'idle_timeout_exceeded':
      sentences.push(`It had been idle for ${idle}, ${since}: its timeout of ${timeout} was over.`);
      if (decision.not_acted_because) sentences.push(NOT_ACTED[decision.not_acted_because]);
      else sentences.push(pausedFor === 'idle_timeout' ? 'So it was paused.' : 'So it was to be paused.');
      break;
  }
  sentences.push(timeoutSentence(timeout, decision.idle_threshold_source));
  return sentences;
}

/** The check that failed after the last good one; null when none did. */
export function whyCheckFailed(
  { last_check_error: error }: Pick<WorkerActivity, 'last_check_error'>,
  now: number,
): string | null {
  if (!error) return null;
  const at = Date.parse(error.at);
  return `A check failed ${relativeTime(at, now)}: ${ended(error.message)} Nothing is concluded from that: what cannot be read is never taken for idleness.`;
}

/** "Protected from auto-pause for 12 minutes"; null when it is not. */
export function snoozeText({ snooze_until }: Pick<WorkerRow, 'snooze_until'>, now: number): string | null {
  const left = snooze_until === null ? 0 : Date.parse(snooze_until) - now;
  if (left <= 0) return null;
  const minutes = left < MINUTE ? left / MINUTE : Math.ceil(left / MINUTE);
  return `Protected from auto-pause for ${minutesText(minutes)}`;
}

/** "Active", or "Idle (12 minutes)". */
export function currentState(row: WorkerRow, now: number): string {
  const state = idleStateOf(row, now);
  if (state === 'idle') return `Idle (${minutesText(idleMinutes(row, now))})`;
  return { active: 'Active', paused: 'Paused', unknown: 'Not watched' }[state];
}

function whyPaused({ pause_reason, paused_by, last_paused_at }: WorkerRow): string {
  const when = last_paused_at === null ? '' : ` on ${exactTime(Date.parse(last_paused_at))}`;
  switch (pause_reason) {
    case 'idle_timeout':
      return `It was paused automatically${when}, because it had been idle for its whole timeout.`;
    case 'manual':
      return `It was paused by ${paused_by ?? 'somebody'}${when}.`;
    case 'external':
      return `It was stopped outside of Dormouse (in the AWS console, for one); that was seen${when}.`;
    case null:
      return 'It was not running when it was registered, and has not been since.';
  }
}

function telemetrySentence(check: Omit<LastCheck, 'decision' | 'checked_at'>): string {
  const found =
    check.new_activity_count === 0 ? 'nothing new' : counted(check.new_activity_count, 'new activity event');
  const malformed = check.telemetry_malformed_count;
  const skipped =
    malformed === 0
      ? ''
      : ` ${counted(malformed, 'event')} could not be read and ${malformed === 1 ? 'was' : 'were'} skipped.`;
  return `It read ${counted(check.telemetry_event_count, 'telemetry event')} and found ${found}.${skipped}`;
}

function timeoutSentence(timeout: string, source: ThresholdSource): string {
  return source === 'worker'
    ? `The timeout of ${timeout} is this worker’s own.`
    : `The timeout of ${timeout} is the global setting.`;
}

function untilText(snoozeUntil: string | null): string {
  return snoozeUntil === null ? '' : `, and is protected until ${exactTime(Date.parse(snoozeUntil))}`;
}

function idleMinutes(row: WorkerRow, now: number): number {
  const ms = idleMs(row, now);
  return ms < MINUTE ? ms / MINUTE : Math.floor(ms / MINUTE);
}

function ended(sentence: string): string {
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}
