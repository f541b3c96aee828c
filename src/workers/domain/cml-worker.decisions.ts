/**
 * What may be done with a CML worker: one pure function per decision, from state to events, `[]` for no change, or a
 * refusal. The moment, the actor and the ids come with the call. Times are epoch milliseconds.
 */
import { iso } from '../../platform/time/iso.js';
import type {
  CMLWorkerEvent,
  PauseAbandonedReason,
  PauseEvidence,
  PauseReason,
  ResumeAbandonedReason,
} from './cml-worker.events.js';
import type { CMLWorkerState, PauseIntent, RegisteredWorker, ResumeIntent } from './cml-worker.js';
import { clockUncertain, decideIdle, minutesOf, whyNotActed } from './idle-policy.js';
import type { IdleDecision, IdleSettings } from './idle-policy.js';
import type { WorkerStatus } from './worker-status.js';

export type WorkerRefusalCode =
  'worker_not_found' | 'worker_already_registered' | 'worker_terminated' | 'power_change_pending';

export interface WorkerRefusal {
  readonly refused: WorkerRefusalCode;
  readonly message: string;
}

export type WorkerDecision = readonly CMLWorkerEvent[] | WorkerRefusal;

const NO_CHANGE: readonly CMLWorkerEvent[] = [];

export const NOT_FOUND: WorkerRefusal = {
  refused: 'worker_not_found',
  message: 'No worker is registered under this id.',
};

export const TERMINATED: WorkerRefusal = {
  refused: 'worker_terminated',
  message: 'The instance is terminated: it can be neither paused nor resumed, and cannot become a worker.',
};

const PENDING: WorkerRefusal = {
  refused: 'power_change_pending',
  message: 'A pause or resume of this worker is not settled yet. Try again when the next status sync has run.',
};

/** True for an instance that is gone for good, or on its way there. */
export function isTerminated(status: WorkerStatus): boolean {
  return status === 'terminated' || status === 'shutting-down';
}

export interface Registration {
  readonly workerId: string;
  readonly awsRegion: string;
  readonly awsInstanceId: string;
  readonly name: string;
  readonly cmlEndpoint: string | null;
  readonly idleTimeoutMinutes: number | null;
  readonly status: WorkerStatus;
  readonly by: string;
  readonly at: number;
}

/** A worker that was deregistered may be registered again; its stream goes on. */
export function registerWorker(state: CMLWorkerState, registration: Registration): WorkerDecision {
  if (state.kind === 'registered') {
    return {
      refused: 'worker_already_registered',
      message: `Instance ${state.aws_instance_id} in ${state.aws_region} is registered as worker ${state.worker_id}.`,
    };
  }
  if (isTerminated(registration.status)) return TERMINATED;
  return [
    {
      type: 'WorkerRegistered',
      data: {
        worker_id: registration.workerId,
        aws_region: registration.awsRegion,
        aws_instance_id: registration.awsInstanceId,
        name: registration.name,
        cml_endpoint: registration.cmlEndpoint,
        idle_timeout_minutes: registration.idleTimeoutMinutes,
        status: registration.status,
        registered_by: registration.by,
        registered_at: iso(registration.at),
      },
    },
  ];
}

export function deregisterWorker(state: CMLWorkerState, by: string, at: number): WorkerDecision {
  if (state.kind !== 'registered') return NOT_FOUND;
  if (hasPendingIntent(state)) return PENDING;
  return [{ type: 'WorkerDeregistered', data: { deregistered_by: by, deregistered_at: iso(at) } }];
}

/** True while the outcome of a pause or resume is not recorded. */
export function hasPendingIntent(state: RegisteredWorker): boolean {
  return state.power.kind === 'pausing' || state.power.kind === 'resuming';
}

export interface PauseRequest {
  readonly pauseId: string;
  readonly reason: Exclude<PauseReason, 'external'>;
  readonly by: string;
  readonly at: number;
  readonly settings: IdleSettings;
}

/**
 * The intent to pause. Nothing to do when the worker is down or on its way there. An auto-pause must still be due by
 * what the state says now; when it is not, nothing changes.
 */
export function requestPause(state: CMLWorkerState, request: PauseRequest): WorkerDecision {
  if (state.kind !== 'registered') return NOT_FOUND;
  if (isTerminated(state.status)) return TERMINATED;
  const auto = request.reason === 'idle_timeout';
  // The later wish would be lost behind a resume whose outcome nobody knows.
  if (state.power.kind === 'resuming' && !auto) return PENDING;
  if (state.power.kind !== 'up') return NO_CHANGE;
  const idle = decideIdle(request.at, state, false, request.settings);
  if (auto && !stillDue(state, idle, request)) return NO_CHANGE;
  return [
    {
      type: 'WorkerPauseRequested',
      data: {
        pause_id: request.pauseId,
        reason: request.reason,
        requested_by: request.by,
        requested_at: iso(request.at),
        idle_duration_minutes: auto ? minutesOf(idle.idle_duration_ms) : null,
        evidence: evidenceOf(state, request.at, request.settings),
      },
    },
  ];
}

function stillDue(state: RegisteredWorker, idle: IdleDecision, { settings, at }: PauseRequest): boolean {
  if (idle.reason !== 'idle_timeout_exceeded') return false;
  const doubt = clockUncertain(at, state.last_activity_check_at, null, idle.idle_threshold_minutes);
  return whyNotActed(settings, { ...state, running: state.status === 'running' }, doubt) === null;
}

/**
 * EC2 has stopped the instance for us: the pause is a fact, recorded once. It is recorded even when the intent is gone
 * by now, because a stop without its event must not exist.
 */
export function confirmPause(
  state: CMLWorkerState,
  pause: PauseIntent,
  status: WorkerStatus,
  at: number,
): WorkerDecision {
  if (state.kind !== 'registered') return NOT_FOUND;
  if (state.power.kind === 'down' || state.power.kind === 'resuming') return NO_CHANGE;
  const { pause_id, reason, requested_by, idle_duration_minutes, evidence } = pause;
  const facts = { reason, by: requested_by, status, at, pauseId: pause_id, idleDurationMinutes: idle_duration_minutes };
  return [pausedEvent(state, facts, evidence)];
}

export function abandonPause(
  state: CMLWorkerState,
  pauseId: string,
  reason: PauseAbandonedReason,
  detail: string | null,
  at: number,
): WorkerDecision {
  if (state.kind !== 'registered' || state.power.kind !== 'pausing' || state.power.pause.pause_id !== pauseId) {
    return NO_CHANGE;
  }
  return [{ type: 'WorkerPauseAbandoned', data: { pause_id: pauseId, reason, detail, abandoned_at: iso(at) } }];
}

export interface ResumeRequest {
  readonly resumeId: string;
  readonly by: string;
  readonly at: number;
}

/** The intent to resume; nothing to do when the worker is up. May be asked for while a pause is under way. */
export function requestResume(state: CMLWorkerState, request: ResumeRequest): WorkerDecision {
  if (state.kind !== 'registered') return NOT_FOUND;
  if (isTerminated(state.status)) return TERMINATED;
  if (state.power.kind === 'up' || state.power.kind === 'resuming') return NO_CHANGE;
  if (state.power.kind === 'pausing' && state.power.resume) return NO_CHANGE;
  return [
    {
      type: 'WorkerResumeRequested',
      data: { resume_id: request.resumeId, reason: 'manual', requested_by: request.by, requested_at: iso(request.at) },
    },
  ];
}

export function confirmResume(
  state: CMLWorkerState,
  resume: ResumeIntent,
  status: WorkerStatus,
  at: number,
): WorkerDecision {
  if (state.kind !== 'registered') return NOT_FOUND;
  // An answer that comes after the instance has ended says nothing any more.
  if (isTerminated(state.status)) return NO_CHANGE;
  // A worker with a pause under way has not been down yet.
  if (state.power.kind === 'up' || state.power.kind === 'pausing') return NO_CHANGE;
  return [resumedEvent(state, resume.resume_id, resume.reason, resume.requested_by, status, at)];
}

export function abandonResume(
  state: CMLWorkerState,
  resumeId: string,
  reason: ResumeAbandonedReason,
  detail: string | null,
  at: number,
): WorkerDecision {
  if (state.kind !== 'registered' || state.power.kind !== 'resuming' || state.power.resume.resume_id !== resumeId) {
    return NO_CHANGE;
  }
  return [{ type: 'WorkerResumeAbandoned', data: { resume_id: resumeId, reason, detail, abandoned_at: iso(at) } }];
}

export function toggleIdleDetection(state: CMLWorkerState, enabled: boolean, by: string, at: number): WorkerDecision {
  if (state.kind !== 'registered') return NOT_FOUND;
  if (state.is_idle_detection_enabled === enabled) return NO_CHANGE;
  return [
    {
      type: 'WorkerIdleDetectionToggled',
      data: { is_idle_detection_enabled: enabled, changed_by: by, changed_at: iso(at) },
    },
  ];
}

export function changePolicy(state: CMLWorkerState, minutes: number | null, by: string, at: number): WorkerDecision {
  if (state.kind !== 'registered') return NOT_FOUND;
  if (state.idle_timeout_minutes === minutes) return NO_CHANGE;
  return [
    {
      type: 'WorkerPolicyChanged',
      data: {
        previous_idle_timeout_minutes: state.idle_timeout_minutes,
        idle_timeout_minutes: minutes,
        changed_by: by,
        changed_at: iso(at),
      },
    },
  ];
}

/** What is known of the worker's idleness at that moment. */
export function evidenceOf(
  state: RegisteredWorker,
  at: number,
  settings: Pick<IdleSettings, 'idleTimeoutMinutes' | 'snoozeMinutes'>,
): PauseEvidence {
  const idle = decideIdle(at, state, false, settings);
  const newest = state.recent_activity_events[0];
  return {
    last_activity_at: iso(state.last_activity_at),
    last_activity_event: newest ? { timestamp: newest.timestamp, category: newest.category } : null,
    idle_since: iso(idle.idle_since),
    idle_since_source: idle.idle_since_source,
    idle_threshold_minutes: idle.idle_threshold_minutes,
    idle_threshold_source: idle.idle_threshold_source,
    checked_at: iso(state.last_activity_check_at),
  };
}

export interface PauseFacts {
  readonly reason: PauseReason;
  readonly by: string;
  readonly status: WorkerStatus;
  readonly at: number;
  readonly pauseId?: string;
  readonly idleDurationMinutes?: number | null;
}

/** The pause as a fact, with the counters after it. */
export function pausedEvent(state: RegisteredWorker, facts: PauseFacts, evidence: PauseEvidence): CMLWorkerEvent {
  const { reason } = facts;
  return {
    type: 'WorkerPaused',
    data: {
      pause_id: facts.pauseId ?? null,
      reason,
      paused_by: facts.by,
      paused_at: iso(facts.at),
      idle_duration_minutes: facts.idleDurationMinutes ?? null,
      auto_pause_count: state.auto_pause_count + (reason === 'idle_timeout' ? 1 : 0),
      manual_pause_count: state.manual_pause_count + (reason === 'manual' ? 1 : 0),
      external_pause_count: state.external_pause_count + (reason === 'external' ? 1 : 0),
      status: facts.status,
      evidence,
    },
  };
}

/** The resume as a fact, with the counters after it. */
export function resumedEvent(
  state: RegisteredWorker,
  resumeId: string | null,
  reason: 'manual' | 'external' | 'auto',
  by: string,
  status: WorkerStatus,
  at: number,
): CMLWorkerEvent {
  return {
    type: 'WorkerResumed',
    data: {
      resume_id: resumeId,
      reason,
      resumed_by: by,
      resumed_at: iso(at),
      auto_resume_count: state.auto_resume_count + (reason === 'auto' ? 1 : 0),
      manual_resume_count: state.manual_resume_count + (reason === 'manual' ? 1 : 0),
      external_resume_count: state.external_resume_count + (reason === 'external' ? 1 : 0),
      was_auto_paused: state.was_auto_paused,
      status,
    },
  };
}
