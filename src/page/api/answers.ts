/**
 * What the service's routes answer, as far as the page reads it. test/page/answers.types.ts holds these types against
 * those that the service answers with: the compiler finds whatever drifts.
 *
 * Times are ISO 8601, UTC, ending in `Z`.
 */

export type WorkerStatus =
  'pending' | 'starting' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated' | 'unknown';

export type IdleReason = 'recent_activity' | 'not_idle_yet' | 'in_snooze_period' | 'idle_timeout_exceeded';

export type ThresholdSource = 'worker' | 'setting';

export type PauseReason = 'idle_timeout' | 'manual' | 'external';

export type ResumeReason = 'manual' | 'external' | 'auto';

export type IdleBaseSource = 'last_activity_at' | 'last_resumed_at' | 'registered_at';

export type NotActedBecause = 'auto_pause_disabled' | 'idle_detection_disabled' | 'not_running' | 'clock_uncertain';

export interface CheckError {
  readonly at: string;
  readonly code: string;
  readonly failure: string;
  readonly message: string;
}

/** A row of `GET /workers`: a worker of any region, with its idle status as of `checked_at`. */
export interface WorkerRow {
  readonly worker_id: string;
  readonly name: string;
  readonly aws_region: string;
  readonly aws_instance_id: string;
  readonly cml_endpoint: string | null;
  readonly status: WorkerStatus;
  /** A pause or resume that is under way. */
  readonly power_change: 'pausing' | 'resuming' | null;
  readonly is_idle: boolean;
  readonly reason: IdleReason;
  readonly idle_since: string;
  readonly idle_duration_minutes: number;
  readonly idle_threshold_minutes: number;
  readonly idle_threshold_source: ThresholdSource;
  readonly last_activity_at: string | null;
  readonly in_snooze_period: boolean;
  readonly snooze_until: string | null;
  readonly auto_pause_enabled: boolean;
  readonly idle_detection_enabled: boolean;
  readonly eligible_for_pause: boolean;
  readonly target_pause_at: string | null;
  readonly next_idle_check_at: string | null;
  readonly paused_by: string | null;
  readonly pause_reason: PauseReason | null;
  readonly last_paused_at: string | null;
  readonly last_check_error: CheckError | null;
  readonly checked_at: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface TelemetryEvent {
  readonly timestamp: string;
  readonly category: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** `GET /region/{region}/workers/{id}/activity`. */
export interface WorkerActivity {
  readonly worker_id: string;
  readonly last_activity_at: string | null;
  readonly last_activity_check_at: string | null;
  readonly recent_activity_events: readonly TelemetryEvent[];
  readonly auto_pause_count: number;
  readonly manual_pause_count: number;
  readonly external_pause_count: number;
  readonly auto_resume_count: number;
  readonly manual_resume_count: number;
  readonly external_resume_count: number;
  readonly last_paused_at: string | null;
  readonly paused_by: string | null;
  readonly pause_reason: PauseReason | null;
  readonly last_resumed_at: string | null;
  readonly resumed_by: string | null;
  readonly resume_reason: ResumeReason | null;
  readonly was_auto_paused: boolean;
  readonly last_check_error: CheckError | null;
}

/** The decision of a check, as it was recorded. */
export interface RecordedIdleDecision {
  readonly reason: IdleReason;
  readonly idle_since: string;
  readonly idle_since_source: IdleBaseSource;
  readonly idle_duration_minutes: number;
  readonly idle_threshold_minutes: number;
  readonly idle_threshold_source: ThresholdSource;
  readonly target_pause_at: string;
  readonly snooze_until: string | null;
  readonly not_acted_because: NotActedBecause | null;
}

export type SegmentState = 'running' | 'idle' | 'paused' | 'unknown';

export interface Segment {
  readonly from: string;
  readonly to: string;
  readonly state: SegmentState;
}

export type MomentKind =
  'registered' | 'paused' | 'resumed' | 'detection_on' | 'detection_off' | 'policy_changed' | 'status_changed';

export interface Moment {
  readonly at: string;
  readonly kind: MomentKind;
  readonly reason: string | null;
  readonly by: string | null;
  readonly detail: string | null;
}

export interface LastCheck {
  readonly checked_at: string;
  readonly decision: RecordedIdleDecision;
  readonly new_activity_count: number;
  readonly telemetry_event_count: number;
  readonly telemetry_malformed_count: number;
}

/** `GET /region/{region}/workers/{id}/timeline`. */
export interface WorkerTimeline {
  readonly worker_id: string;
  readonly from: string;
  readonly to: string;
  /** The history before it was not read; null when all of it was. */
  readonly complete_since: string | null;
  readonly segments: readonly Segment[];
  readonly activity: readonly string[];
  readonly moments: readonly Moment[];
  readonly last_check: LastCheck | null;
}

/** What a command of a worker answers. */
export interface OperationResult {
  readonly is_success: boolean;
  readonly status: number;
  readonly data: boolean;
  readonly detail?: string;
  readonly consistency_token: string | null;
}

/** What a check that was asked for answers. */
export interface IdleDetectionResult {
  readonly reason: IdleReason;
  readonly paused: boolean;
  readonly not_acted_because: string | null;
  readonly is_idle: boolean;
  readonly idle_duration_minutes: number;
  readonly idle_threshold_minutes: number;
  readonly new_activity_count: number;
  readonly target_pause_at: string | null;
  readonly snooze_until: string | null;
}

export type SessionStatus = 'active' | 'paused' | 'completed' | 'cancelled' | 'abandoned';

/** A row of `GET /admin/coaching/sessions`. */
export interface SessionRow {
  readonly session_id: string;
  readonly tenant_id: string;
  readonly topic_id: string;
  readonly topic_name: string;
  readonly user_id: string;
  readonly status: SessionStatus;
  readonly pause_reason: 'manual' | 'inactivity' | null;
  readonly paused_by: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly last_activity_at: string;
  readonly is_idle: boolean;
  readonly inactive_minutes: number | null;
  readonly timeout_minutes: number;
  readonly auto_pause_at: string | null;
  readonly expires_at: string;
}

export interface JobRun {
  readonly outcome: 'succeeded' | 'failed';
  readonly started_at: string;
  readonly finished_at: string;
  readonly duration_ms: number;
  readonly summary: Readonly<Record<string, number>> | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** An item of `GET /jobs`. */
export interface JobStatus {
  readonly name: string;
  readonly interval_seconds: number;
  readonly running: boolean;
  readonly running_on?: string;
  readonly next_run_at: string | null;
  readonly last_run: JobRun | null;
  readonly last_success_at: string | null;
}

/** `GET /about`. */
export interface About {
  readonly name: string;
  readonly version: string;
  /** What everybody who looks at the page has to know: a simulated lab, for one. */
  readonly notice: string | null;
  readonly now: string;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

/** `GET /health/ready`, also when it answers 503. */
export interface Readiness {
  readonly status: 'ready' | 'not_ready';
  readonly reasons: readonly string[];
  readonly warnings: readonly string[];
  readonly projections: readonly {
    readonly name: string;
    readonly lag_events: number;
    readonly lag_seconds: number;
  }[];
}
