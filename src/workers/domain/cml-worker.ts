/**
 * The CMLWorker aggregate: stream name, state, fold. Its events are in cml-worker.events.ts, its decisions in
 * cml-worker.decisions.ts. Pure: no clock, no ids, no I/O.
 *
 * Field names are the source document's ("CMLWorkerState Extensions"). Times in the state are epoch milliseconds.
 */
import type {
  CMLWorkerEvent,
  PauseReason,
  ResumeReason,
  WorkerPauseRequested,
  WorkerRegistered,
  WorkerResumeRequested,
} from './cml-worker.events.js';
import { NO_TELEMETRY_SEEN } from './telemetry.js';
import { parseTelemetryTimestamp } from './telemetry-timestamp.js';
import type { TelemetryEvent, TelemetryMemory } from './telemetry.js';
import type { WorkerStatus } from './worker-status.js';

export type PauseIntent = WorkerPauseRequested['data'];
export type ResumeIntent = WorkerResumeRequested['data'];

/**
 * What the service knows of the instance's power, apart from EC2's momentary state: `pausing` and `resuming` hold an
 * intent whose outcome is not recorded yet. A resume may be asked for while a pause is under way.
 */
export type Power =
  | { readonly kind: 'up' }
  | { readonly kind: 'pausing'; readonly pause: PauseIntent; readonly resume: ResumeIntent | null }
  | { readonly kind: 'down' }
  | { readonly kind: 'resuming'; readonly resume: ResumeIntent };

export interface RegisteredWorker {
  readonly kind: 'registered';
  readonly worker_id: string;
  readonly aws_region: string;
  readonly aws_instance_id: string;
  readonly name: string;
  readonly cml_endpoint: string | null;
  readonly registered_at: number;
  readonly status: WorkerStatus;
  readonly power: Power;
  /**
   * Counts every step of a pause or resume. An EC2 reading taken at an earlier count is older than our own doing and
   * says nothing.
   */
  readonly power_changes: number;
  readonly is_idle_detection_enabled: boolean;
  readonly idle_timeout_minutes: number | null;
  readonly last_activity_at: number | null;
  readonly last_activity_check_at: number | null;
  /** Newest first. */
  readonly recent_activity_events: readonly TelemetryEvent[];
  readonly telemetry_memory: TelemetryMemory;
  readonly auto_pause_count: number;
  readonly manual_pause_count: number;
  readonly external_pause_count: number;
  readonly auto_resume_count: number;
  readonly manual_resume_count: number;
  readonly external_resume_count: number;
  readonly last_paused_at: number | null;
  readonly last_resumed_at: number | null;
  readonly paused_by: string | null;
  readonly pause_reason: PauseReason | null;
  readonly resumed_by: string | null;
  readonly resume_reason: ResumeReason | null;
  readonly was_auto_paused: boolean;
  readonly next_idle_check_at: number | null;
  readonly target_pause_at: number | null;
}

export type CMLWorkerState =
  { readonly kind: 'unregistered' } | RegisteredWorker | { readonly kind: 'deregistered'; readonly worker_id: string };

export const CMLWorker = {
  category: 'cmlWorker',
  stateVersion: 1,
  initialState: { kind: 'unregistered' } as CMLWorkerState,
  evolve,
} as const;

/** Folds one event. Never throws: an event that does not fit leaves the state as it is. */
export function evolve(state: CMLWorkerState, event: CMLWorkerEvent): CMLWorkerState {
  if (event.type === 'WorkerRegistered') return registered(event);
  return state.kind === 'registered' ? evolveRegistered(state, event) : state;
}

function evolveRegistered(state: RegisteredWorker, event: Exclude<CMLWorkerEvent, WorkerRegistered>): CMLWorkerState {
  switch (event.type) {
    case 'WorkerStatusChanged':
      return { ...state, status: event.data.status, power: powerAfterStatus(state.power, event.data.status) };
    case 'WorkerActivityUpdated':
      return activityUpdated(state, event.data);
    case 'WorkerPauseRequested':
      return {
        ...state,
        power: { kind: 'pausing', pause: event.data, resume: null },
        power_changes: state.power_changes + 1,
      };
    case 'WorkerPauseAbandoned':
      return { ...state, power: { kind: 'up' }, power_changes: state.power_changes + 1 };
    case 'WorkerPaused':
      return paused(state, event.data);
    case 'WorkerResumeRequested':
      return { ...state, power: resumeRequested(state.power, event.data), power_changes: state.power_changes + 1 };
    case 'WorkerResumeAbandoned':
      return { ...state, power: { kind: 'down' }, power_changes: state.power_changes + 1 };
    case 'WorkerResumed':
      return resumed(state, event.data);
    case 'WorkerIdleDetectionToggled':
      return { ...state, is_idle_detection_enabled: event.data.is_idle_detection_enabled };
    case 'WorkerPolicyChanged':
      return { ...state, idle_timeout_minutes: event.data.idle_timeout_minutes };
    case 'WorkerDeregistered':
      return { kind: 'deregistered', worker_id: state.worker_id };
    default: {
      const unknown: never = event;
      return unknown ? state : state;
    }
  }
}

function registered({ data }: WorkerRegistered): RegisteredWorker {
  return {
    kind: 'registered',
    worker_id: data.worker_id,
    aws_region: data.aws_region,
    aws_instance_id: data.aws_instance_id,
    name: data.name,
    cml_endpoint: data.cml_endpoint,
    registered_at: Date.parse(data.registered_at),
    status: data.status,
    power: isDown(data.status) ? { kind: 'down' } : { kind: 'up' },
    power_changes: 0,
    is_idle_detection_enabled: true,
    idle_timeout_minutes: data.idle_timeout_minutes,
    last_activity_at: null,
    last_activity_check_at: null,
    recent_activity_events: [],
    telemetry_memory: NO_TELEMETRY_SEEN,
    auto_pause_count: 0,
    manual_pause_count: 0,
    external_pause_count: 0,
    auto_resume_count: 0,
    manual_resume_count: 0,
    external_resume_count: 0,
    last_paused_at: null,
    last_resumed_at: null,
    paused_by: null,
    pause_reason: null,
    resumed_by: null,
    resume_reason: null,
    was_auto_paused: false,
    next_idle_check_at: null,
    target_pause_at: null,
  };
}

type DataOf<T extends CMLWorkerEvent['type']> = Extract<CMLWorkerEvent, { type: T }>['data'];

function activityUpdated(state: RegisteredWorker, data: DataOf<'WorkerActivityUpdated'>): RegisteredWorker {
  return {
    ...state,
    last_activity_at: instant(data.last_activity_at),
    last_activity_check_at: instant(data.checked_at),
    recent_activity_events: data.recent_activity_events,
    telemetry_memory: {
      watermark: instant(data.telemetry_memory.watermark),
      since: instant(data.telemetry_memory.since),
      seen: data.telemetry_memory.seen,
    },
    next_idle_check_at: instant(data.next_idle_check_at),
    target_pause_at: instant(data.target_pause_at),
  };
}

function paused(state: RegisteredWorker, data: DataOf<'WorkerPaused'>): RegisteredWorker {
  const waiting = state.power.kind === 'pausing' ? state.power.resume : null;
  return {
    ...state,
    status: data.status,
    power: waiting ? { kind: 'resuming', resume: waiting } : { kind: 'down' },
    power_changes: state.power_changes + 1,
    auto_pause_count: data.auto_pause_count,
    manual_pause_count: data.manual_pause_count,
    external_pause_count: data.external_pause_count,
    last_paused_at: instant(data.paused_at),
    paused_by: data.paused_by,
    pause_reason: data.reason,
    was_auto_paused: data.reason === 'idle_timeout',
    next_idle_check_at: null,
    target_pause_at: null,
  };
}

function resumed(state: RegisteredWorker, data: DataOf<'WorkerResumed'>): RegisteredWorker {
  return {
    ...state,
    status: data.status,
    power: { kind: 'up' },
    power_changes: state.power_changes + 1,
    auto_resume_count: data.auto_resume_count,
    manual_resume_count: data.manual_resume_count,
    external_resume_count: data.external_resume_count,
    last_resumed_at: instant(data.resumed_at),
    resumed_by: data.resumed_by,
    resume_reason: data.reason,
    was_auto_paused: data.was_auto_paused,
    next_idle_check_at: null,
    target_pause_at: null,
  };
}

function resumeRequested(power: Power, resume: ResumeIntent): Power {
  return power.kind === 'pausing' ? { ...power, resume } : { kind: 'resuming', resume };
}

/** A terminated instance is down for good; any other plain change of status moves no power. */
function powerAfterStatus(power: Power, status: WorkerStatus): Power {
  return status === 'terminated' ? { kind: 'down' } : power;
}

function isDown(status: WorkerStatus): boolean {
  return status === 'stopped' || status === 'stopping' || status === 'terminated' || status === 'shutting-down';
}

function instant(iso: string): number;
function instant(iso: string | null): number | null;
function instant(iso: string | null): number | null {
  // Not Date.parse, which takes twice as long: a replay reads six times from every check.
  return iso === null ? null : parseTelemetryTimestamp(iso);
}
