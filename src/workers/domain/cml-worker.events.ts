/**
 * Everything that can happen to a CML worker. Type and field names are the storage format: they never change. A new
 * shape gets a new schema version and an upcaster (see contracts/). Times are ISO 8601, UTC, ending in `Z`.
 */
import type { IdleBaseSource, IdleReason, NotActedBecause, ThresholdSource } from './idle-policy.js';
import type { TelemetryEvent } from './telemetry.js';
import type { WorkerStatus } from './worker-status.js';

export type PauseReason = 'idle_timeout' | 'manual' | 'external';

export type ResumeReason = 'manual' | 'external' | 'auto';

/** What was known when a pause was decided or seen. */
export interface PauseEvidence {
  readonly last_activity_at: string | null;
  /** The telemetry event that last_activity_at came from. */
  readonly last_activity_event: { readonly timestamp: string; readonly category: string } | null;
  readonly idle_since: string;
  readonly idle_since_source: IdleBaseSource;
  readonly idle_threshold_minutes: number;
  readonly idle_threshold_source: ThresholdSource;
  /** The last successful telemetry check; null when there was none. */
  readonly checked_at: string | null;
}

export interface RecordedIdleDecision {
  readonly reason: IdleReason;
  readonly idle_since: string;
  readonly idle_since_source: IdleBaseSource;
  readonly idle_duration_minutes: number;
  readonly idle_threshold_minutes: number;
  readonly idle_threshold_source: ThresholdSource;
  readonly target_pause_at: string;
  readonly snooze_until: string | null;
  /** Why idleness is not acted on; null when it is, or when there is none. */
  readonly not_acted_because: NotActedBecause | null;
}

export type PauseAbandonedReason =
  | 'recent_activity'
  | 'resume_requested'
  | 'no_longer_due'
  | 'decided_afresh'
  | 'telemetry_unavailable'
  | 'ec2_refused'
  | 'terminated'
  /** Somebody else had stopped it before our stop. */
  | 'already_down';

export type ResumeAbandonedReason = 'pause_requested' | 'ec2_refused' | 'terminated' | 'already_up';

type Event<T extends string, D extends object> = { readonly type: T; readonly data: Readonly<D> };

export type WorkerRegistered = Event<
  'WorkerRegistered',
  {
    worker_id: string;
    aws_region: string;
    aws_instance_id: string;
    name: string;
    cml_endpoint: string | null;
    idle_timeout_minutes: number | null;
    status: WorkerStatus;
    registered_by: string;
    registered_at: string;
  }
>;

export type WorkerStatusChanged = Event<
  'WorkerStatusChanged',
  { previous_status: WorkerStatus; status: WorkerStatus; observed_at: string }
>;

export type WorkerActivityUpdated = Event<
  'WorkerActivityUpdated',
  {
    checked_at: string;
    last_activity_at: string | null;
    new_activity_count: number;
    recent_activity_events: readonly TelemetryEvent[];
    next_idle_check_at: string;
    target_pause_at: string | null;
    telemetry_event_count: number;
    telemetry_malformed_count: number;
    /** What CML has shown so far; the next check goes on from here. */
    telemetry_memory: { watermark: string | null; since: string | null; seen: readonly string[] };
    decision: RecordedIdleDecision;
  }
>;

/** The intent, written before EC2 is asked: a crash from here on is found and settled by the next job run. */
export type WorkerPauseRequested = Event<
  'WorkerPauseRequested',
  {
    pause_id: string;
    reason: Exclude<PauseReason, 'external'>;
    requested_by: string;
    requested_at: string;
    idle_duration_minutes: number | null;
    evidence: PauseEvidence;
  }
>;

export type WorkerPauseAbandoned = Event<
  'WorkerPauseAbandoned',
  { pause_id: string; reason: PauseAbandonedReason; detail: string | null; abandoned_at: string }
>;

export type WorkerPaused = Event<
  'WorkerPaused',
  {
    /** Null when the service did not stop it. */
    pause_id: string | null;
    reason: PauseReason;
    paused_by: string;
    paused_at: string;
    /** Null unless the reason is idle_timeout. */
    idle_duration_minutes: number | null;
    auto_pause_count: number;
    manual_pause_count: number;
    external_pause_count: number;
    /** What EC2 said of the instance. */
    status: WorkerStatus;
    evidence: PauseEvidence;
  }
>;

/** The intent, written before EC2 is asked, as with a pause. */
export type WorkerResumeRequested = Event<
  'WorkerResumeRequested',
  { resume_id: string; reason: Exclude<ResumeReason, 'external'>; requested_by: string; requested_at: string }
>;

export type WorkerResumeAbandoned = Event<
  'WorkerResumeAbandoned',
  { resume_id: string; reason: ResumeAbandonedReason; detail: string | null; abandoned_at: string }
>;

export type WorkerResumed = Event<
  'WorkerResumed',
  {
    /** Null when the service did not start it. */
    resume_id: string | null;
    reason: ResumeReason;
    resumed_by: string;
    resumed_at: string;
    auto_resume_count: number;
    manual_resume_count: number;
    external_resume_count: number;
    was_auto_paused: boolean;
    status: WorkerStatus;
  }
>;

export type WorkerIdleDetectionToggled = Event<
  'WorkerIdleDetectionToggled',
  { is_idle_detection_enabled: boolean; changed_by: string; changed_at: string }
>;

export type WorkerPolicyChanged = Event<
  'WorkerPolicyChanged',
  {
    previous_idle_timeout_minutes: number | null;
    idle_timeout_minutes: number | null;
    changed_by: string;
    changed_at: string;
  }
>;

export type WorkerDeregistered = Event<'WorkerDeregistered', { deregistered_by: string; deregistered_at: string }>;

export type CMLWorkerEvent =
  | WorkerRegistered
  | WorkerStatusChanged
  | WorkerActivityUpdated
  | WorkerPauseRequested
  | WorkerPauseAbandoned
  | WorkerPaused
  | WorkerResumeRequested
  | WorkerResumeAbandoned
  | WorkerResumed
  | WorkerIdleDetectionToggled
  | WorkerPolicyChanged
  | WorkerDeregistered;
