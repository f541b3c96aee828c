/** What a worker's row says about it at a moment. Pure; times are epoch ms by the service's clock. */
import type { WorkerRow, WorkerStatus } from '../api/answers.js';
import { countdown, duration } from '../time/format.js';

const MINUTE = 60_000;

export type IdleState = 'active' | 'idle' | 'paused' | 'unknown';

type IdleFacts = Pick<WorkerRow, 'status' | 'idle_since' | 'idle_threshold_minutes'>;
type PauseFacts = Pick<
  WorkerRow,
  | 'status'
  | 'auto_pause_enabled'
  | 'idle_detection_enabled'
  | 'target_pause_at'
  | 'next_idle_check_at'
  | 'last_check_error'
>;

/** Crosses from active to idle by itself, at exactly the timeout, as the service decides it. */
export function idleStateOf(row: IdleFacts, now: number): IdleState {
  if (row.status === 'stopped' || row.status === 'stopping') return 'paused';
  if (row.status !== 'running') return 'unknown';
  return now >= idleFrom(row) ? 'idle' : 'active';
}

/** How long nothing has happened. Never negative. */
export function idleMs(row: Pick<WorkerRow, 'idle_since'>, now: number): number {
  return Math.max(0, now - Date.parse(row.idle_since));
}

/** "Active", "Idle (12 min)", "Paused", or nothing to say. */
export function idleText(row: IdleFacts, now: number): string {
  const state = idleStateOf(row, now);
  switch (state) {
    case 'active':
      return 'Active';
    case 'idle':
      return `Idle (${duration(idleMs(row, now))})`;
    case 'paused':
      return 'Paused';
    case 'unknown':
      return '–';
  }
}

/** When a worker will be paused, or why not. */
export type PauseForecast =
  | { readonly kind: 'never'; readonly because: 'not_running' | 'auto_pause_disabled' | 'idle_detection_disabled' }
  | { readonly kind: 'counting'; readonly at: number }
  /** Its time is over: the next check pauses it. `checkAt` is null when no check is planned, or its time is over too. */
  | { readonly kind: 'due'; readonly checkAt: number | null }
  /** Its time is over, but its checks fail: without them nothing is paused. */
  | { readonly kind: 'held_back' };

export function pauseForecast(row: PauseFacts, now: number): PauseForecast {
  if (row.status !== 'running' || row.target_pause_at === null) return { kind: 'never', because: 'not_running' };
  if (!row.auto_pause_enabled) return { kind: 'never', because: 'auto_pause_disabled' };
  if (!row.idle_detection_enabled) return { kind: 'never', because: 'idle_detection_disabled' };
  const at = Date.parse(row.target_pause_at);
  if (now < at) return { kind: 'counting', at };
  if (row.last_check_error) return { kind: 'held_back' };
  const checkAt = row.next_idle_check_at === null ? null : Date.parse(row.next_idle_check_at);
  return { kind: 'due', checkAt: checkAt !== null && checkAt > now ? checkAt : null };
}

/** "12:03", "due at the next check, in 0:12", "due now". */
export function forecastText(forecast: PauseForecast, now: number): string {
  switch (forecast.kind) {
    case 'never':
      return forecast.because === 'not_running' ? '–' : 'Auto-pause is off';
    case 'counting':
      return countdown(forecast.at - now);
    case 'held_back':
      return 'Not while its checks fail';
    case 'due':
      return forecast.checkAt === null ? 'Due now' : `Due at the next check, in ${countdown(forecast.checkAt - now)}`;
  }
}

/** Sorts by when it comes: counting ones by their time, due ones first, those that never are last. */
export function forecastOrder(row: PauseFacts, now: number): number {
  const forecast = pauseForecast(row, now);
  switch (forecast.kind) {
    case 'due':
      return 0;
    case 'counting':
      return forecast.at;
    case 'held_back':
      return Number.MAX_SAFE_INTEGER;
    case 'never':
      return Number.POSITIVE_INFINITY;
  }
}

export type AutoPause = 'on' | 'off_everywhere' | 'off';

export function autoPauseOf(row: Pick<WorkerRow, 'auto_pause_enabled' | 'idle_detection_enabled'>): AutoPause {
  if (!row.auto_pause_enabled) return 'off_everywhere';
  return row.idle_detection_enabled ? 'on' : 'off';
}

/** What may be asked of a worker in this state. The service decides; this only offers. */
export function offers(status: WorkerStatus): { readonly pause: boolean; readonly resume: boolean } {
  return {
    pause: status === 'running' || status === 'pending' || status === 'starting',
    resume: status === 'stopped' || status === 'stopping',
  };
}

function idleFrom(row: IdleFacts): number {
  return Date.parse(row.idle_since) + row.idle_threshold_minutes * MINUTE;
}
