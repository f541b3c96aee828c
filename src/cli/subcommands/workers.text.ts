import type {
  IdleDetectionResultDto,
  OperationResultDto,
  WorkerActivityDto,
  WorkerDto,
  WorkerIdleStatusDto,
} from '../../workers/http/workers.answers.js';
import { amount, fields, minutes, moment, printable, table } from '../text.js';

/** A worker in full, as `workers show` gathers it. */
export interface WorkerDetails {
  readonly worker: WorkerDto;
  readonly activity: WorkerActivityDto;
  readonly idle_status: WorkerIdleStatusDto;
}

export function workerTable(workers: readonly WorkerDto[], region: string): string[] {
  if (workers.length === 0) return [`No workers in ${printable(region)}.`];
  return table(
    ['NAME', 'STATUS', 'LAST ACTIVITY', 'PAUSE DUE', 'LAST PAUSED', 'WHY', 'WORKER ID'],
    workers.map((worker) => [
      worker.name,
      worker.status,
      moment(worker.last_activity_at),
      worker.is_idle_detection_enabled ? moment(worker.target_pause_at) : 'off',
      moment(worker.last_paused_at),
      worker.pause_reason ?? '-',
      worker.worker_id,
    ]),
  );
}

export function workerText({ worker, activity, idle_status: idle }: WorkerDetails): string[] {
  const error = activity.last_check_error;
  const detection = [
    idle.idle_detection_enabled ? undefined : 'idle detection is off for this worker',
    idle.auto_pause_enabled ? undefined : 'auto-pause is off for the whole service',
  ];
  return [
    `${printable(worker.name)}  ${worker.worker_id}`,
    ...fields({
      status: worker.status,
      instance: `${worker.aws_instance_id} in ${worker.aws_region}`,
      CML: worker.cml_endpoint ?? 'https, at the address of the instance',
      registered: moment(worker.registered_at),
      'last activity': worker.last_activity_at === null ? 'none seen' : moment(worker.last_activity_at),
      'last check': worker.last_activity_check_at === null ? 'none yet' : moment(worker.last_activity_check_at),
      'check failed': error ? `${moment(error.at)}: ${error.message}` : undefined,
      'next check': moment(worker.next_idle_check_at),
      idle: idleText(idle),
      'pause due': idle.target_pause_at === null ? undefined : moment(idle.target_pause_at),
      'not paused because': detection.filter((line) => line !== undefined).join('; ') || undefined,
      'last paused': by(activity.last_paused_at, activity.paused_by, activity.pause_reason),
      'last resumed': by(activity.last_resumed_at, activity.resumed_by, activity.resume_reason),
      pauses: `${activity.auto_pause_count} automatic, ${activity.manual_pause_count} manual, ${activity.external_pause_count} from outside`,
      resumes: `${activity.auto_resume_count} automatic, ${activity.manual_resume_count} manual, ${activity.external_resume_count} from outside`,
    }),
    ...(activity.recent_activity_events.length === 0 ? [] : ['  recent activity:']),
    ...activity.recent_activity_events.map(
      ({ timestamp, category }) => `    ${moment(timestamp)}  ${printable(category)}`,
    ),
  ];
}

export function detectionText(name: string, result: IdleDetectionResultDto): string[] {
  const { evidence } = result;
  const verdict = result.paused ? 'paused' : result.is_idle ? 'idle, not paused' : 'not idle';
  return [
    `${printable(name)}: ${verdict} (${result.reason})`,
    ...fields({
      'idle for': `${minutes(result.idle_duration_minutes)} of ${minutes(result.idle_threshold_minutes)} (${thresholdSource(evidence.idle_threshold_source)})`,
      'idle since': `${moment(evidence.idle_since)} (${evidence.idle_since_source})`,
      'last activity': moment(evidence.last_activity_at),
      'new activity': amount(result.new_activity_count, 'event'),
      'pause due': result.target_pause_at === null ? undefined : moment(result.target_pause_at),
      'snoozed until': result.snooze_until === null ? undefined : moment(result.snooze_until),
      'not acted because': result.not_acted_because ?? undefined,
    }),
  ];
}

/** @param done what has been done when it has been, e.g. `paused` */
export function operationText(name: string, done: string, { data, status, detail }: OperationResultDto): string[] {
  const outcome = !data ? `not ${done}` : status === 202 ? `will be ${done}` : done;
  return [`${printable(name)}: ${outcome}.${detail === undefined ? '' : ` ${printable(detail)}`}`];
}

/** Where a timeout comes from, in words. */
export function thresholdSource(source: 'worker' | 'setting'): string {
  return source === 'worker' ? "the worker's own" : 'WORKER_IDLE_TIMEOUT_MINUTES';
}

function idleText(idle: WorkerIdleStatusDto): string {
  const numbers = `${minutes(idle.idle_duration_minutes)} of ${minutes(idle.idle_threshold_minutes)}, ${thresholdSource(idle.idle_threshold_source)}`;
  const snooze = idle.snooze_until === null ? '' : `, snoozed until ${moment(idle.snooze_until)}`;
  return `${idle.is_idle ? 'yes' : 'no'}: ${idle.reason} (${numbers}${snooze})`;
}

function by(at: string | null, who: string | null, why: string | null): string {
  return at === null ? 'never' : `${moment(at)} by ${who ?? 'unknown'} (${why ?? 'unknown'})`;
}
