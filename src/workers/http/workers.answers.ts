import { ApiProperty } from '@nestjs/swagger';
import type { PauseReason, ResumeReason } from '../domain/cml-worker.events.js';
import type { IdleBaseSource, IdleReason, NotActedBecause, ThresholdSource } from '../domain/idle-policy.js';
import { MOMENT_KINDS } from '../domain/worker-moments.js';
import type { MomentKind } from '../domain/worker-moments.js';
import { TIMELINE_STATES } from '../domain/worker-timeline.js';
import type { TimelineState } from '../domain/worker-timeline.js';
import { WORKER_STATUSES } from '../domain/worker-status.js';
import type { WorkerStatus } from '../domain/worker-status.js';

const TIME = { type: String, format: 'date-time', example: '2026-01-01T10:00:00.000Z' } as const;
const MAYBE_TIME = { ...TIME, nullable: true } as const;
const MAYBE_TEXT = { type: String, nullable: true } as const;
const MAYBE_NUMBER = { type: Number, nullable: true } as const;
const REASONS: IdleReason[] = ['recent_activity', 'not_idle_yet', 'in_snooze_period', 'idle_timeout_exceeded'];

/** A worker. */
export class WorkerDto {
  @ApiProperty({ format: 'uuid' }) readonly worker_id!: string;
  @ApiProperty() readonly name!: string;
  @ApiProperty() readonly aws_region!: string;
  @ApiProperty() readonly aws_instance_id!: string;
  @ApiProperty(MAYBE_TEXT) readonly cml_endpoint!: string | null;
  @ApiProperty({ enum: WORKER_STATUSES }) readonly status!: WorkerStatus;
  @ApiProperty() readonly is_idle_detection_enabled!: boolean;
  @ApiProperty({ ...MAYBE_NUMBER, description: 'null: the global setting' }) readonly idle_timeout_minutes!:
    number | null;
  @ApiProperty(TIME) readonly registered_at!: string;
  @ApiProperty(MAYBE_TIME) readonly last_activity_at!: string | null;
  @ApiProperty(MAYBE_TIME) readonly last_activity_check_at!: string | null;
  @ApiProperty(MAYBE_TIME) readonly last_paused_at!: string | null;
  @ApiProperty({ ...MAYBE_TEXT, enum: ['idle_timeout', 'manual', 'external', null] })
  readonly pause_reason!: PauseReason | null;
  @ApiProperty(MAYBE_TIME) readonly last_resumed_at!: string | null;
  @ApiProperty(MAYBE_TIME) readonly next_idle_check_at!: string | null;
  @ApiProperty(MAYBE_TIME) readonly target_pause_at!: string | null;
}

export class WorkerPageDto {
  @ApiProperty({ type: [WorkerDto] }) readonly items!: readonly WorkerDto[];
  @ApiProperty({ ...MAYBE_TEXT, description: 'Pass as `after` for the next page; null on the last one' })
  readonly next!: string | null;
}

export class TelemetryEventDto {
  @ApiProperty(TIME) readonly timestamp!: string;
  @ApiProperty() readonly category!: string;
  @ApiProperty({ type: Object, additionalProperties: true }) readonly data!: Readonly<Record<string, unknown>>;
}

export class CheckErrorDto {
  @ApiProperty(TIME) readonly at!: string;
  @ApiProperty() readonly code!: string;
  @ApiProperty() readonly failure!: string;
  @ApiProperty() readonly message!: string;
}

/** Recent activity, lifecycle times and counts. */
export class WorkerActivityDto {
  @ApiProperty({ format: 'uuid' }) readonly worker_id!: string;
  @ApiProperty(MAYBE_TIME) readonly last_activity_at!: string | null;
  @ApiProperty(MAYBE_TIME) readonly last_activity_check_at!: string | null;
  @ApiProperty({ type: [TelemetryEventDto] }) readonly recent_activity_events!: readonly TelemetryEventDto[];
  @ApiProperty() readonly auto_pause_count!: number;
  @ApiProperty() readonly manual_pause_count!: number;
  @ApiProperty() readonly external_pause_count!: number;
  @ApiProperty() readonly auto_resume_count!: number;
  @ApiProperty() readonly manual_resume_count!: number;
  @ApiProperty() readonly external_resume_count!: number;
  @ApiProperty(MAYBE_TIME) readonly last_paused_at!: string | null;
  @ApiProperty(MAYBE_TEXT) readonly paused_by!: string | null;
  @ApiProperty({ ...MAYBE_TEXT, enum: ['idle_timeout', 'manual', 'external', null] })
  readonly pause_reason!: PauseReason | null;
  @ApiProperty(MAYBE_TIME) readonly last_resumed_at!: string | null;
  @ApiProperty(MAYBE_TEXT) readonly resumed_by!: string | null;
  @ApiProperty({ ...MAYBE_TEXT, enum: ['manual', 'external', 'auto', null] })
  readonly resume_reason!: ResumeReason | null;
  @ApiProperty() readonly was_auto_paused!: boolean;
  @ApiProperty(MAYBE_TIME) readonly next_idle_check_at!: string | null;
  @ApiProperty(MAYBE_TIME) readonly target_pause_at!: string | null;
  @ApiProperty() readonly is_idle_detection_enabled!: boolean;
  @ApiProperty() readonly in_snooze_period!: boolean;
  @ApiProperty(MAYBE_TIME) readonly snooze_until!: string | null;
  @ApiProperty() readonly idle_duration_minutes!: number;
  @ApiProperty({ type: CheckErrorDto, nullable: true }) readonly last_check_error!: CheckErrorDto | null;
}

/** Is it idle, and when will it be paused? As of `checked_at`, the time of the request. */
export class WorkerIdleStatusDto {
  @ApiProperty({ format: 'uuid' }) readonly worker_id!: string;
  @ApiProperty({ enum: WORKER_STATUSES }) readonly status!: WorkerStatus;
  @ApiProperty() readonly is_idle!: boolean;
  @ApiProperty({ enum: REASONS }) readonly reason!: IdleReason;
  @ApiProperty(TIME) readonly idle_since!: string;
  @ApiProperty() readonly idle_duration_minutes!: number;
  @ApiProperty() readonly idle_threshold_minutes!: number;
  @ApiProperty({ enum: ['worker', 'setting'] }) readonly idle_threshold_source!: ThresholdSource;
  @ApiProperty(MAYBE_TIME) readonly last_activity_at!: string | null;
  @ApiProperty() readonly in_snooze_period!: boolean;
  @ApiProperty(MAYBE_TIME) readonly snooze_until!: string | null;
  @ApiProperty() readonly auto_pause_enabled!: boolean;
  @ApiProperty() readonly idle_detection_enabled!: boolean;
  @ApiProperty() readonly eligible_for_pause!: boolean;
  @ApiProperty(MAYBE_TIME) readonly target_pause_at!: string | null;
  @ApiProperty(MAYBE_TIME) readonly next_idle_check_at!: string | null;
  @ApiProperty(TIME) readonly checked_at!: string;
}

/** A worker of any region, with what its idle status and activity say in short. As of `checked_at`. */
export class WorkerOverviewDto extends WorkerIdleStatusDto {
  @ApiProperty() readonly name!: string;
  @ApiProperty() readonly aws_region!: string;
  @ApiProperty() readonly aws_instance_id!: string;
  @ApiProperty(MAYBE_TEXT) readonly cml_endpoint!: string | null;
  @ApiProperty({
    ...MAYBE_TEXT,
    enum: ['pausing', 'resuming', null],
    description: 'A pause or resume that is under way',
  })
  readonly power_change!: 'pausing' | 'resuming' | null;
  @ApiProperty(MAYBE_TIME) readonly last_paused_at!: string | null;
  @ApiProperty(MAYBE_TEXT) readonly paused_by!: string | null;
  @ApiProperty({ ...MAYBE_TEXT, enum: ['idle_timeout', 'manual', 'external', null] })
  readonly pause_reason!: PauseReason | null;
  @ApiProperty({ type: CheckErrorDto, nullable: true }) readonly last_check_error!: CheckErrorDto | null;
}

export class WorkerOverviewPageDto {
  @ApiProperty({ type: [WorkerOverviewDto] }) readonly items!: readonly WorkerOverviewDto[];
  @ApiProperty({ ...MAYBE_TEXT, description: 'Pass as `after` for the next page; null on the last one' })
  readonly next!: string | null;
}

export class TimelineSegmentDto {
  @ApiProperty(TIME) readonly from!: string;
  @ApiProperty({ ...TIME, description: 'Where the next one begins' }) readonly to!: string;
  @ApiProperty({
    enum: TIMELINE_STATES,
    description: 'paused: its instance was down, whoever stopped it; idle: up, with its idle timeout passed',
  })
  readonly state!: TimelineState;
}

export class WorkerMomentDto {
  @ApiProperty(TIME) readonly at!: string;
  @ApiProperty({ enum: MOMENT_KINDS }) readonly kind!: MomentKind;
  @ApiProperty({ ...MAYBE_TEXT, description: 'Of a pause or resume' }) readonly reason!: string | null;
  @ApiProperty({ ...MAYBE_TEXT, description: 'null: EC2 was found so' }) readonly by!: string | null;
  @ApiProperty({ ...MAYBE_TEXT, description: 'More of it, for people' }) readonly detail!: string | null;
}

/** What a check decided, as it is recorded. */
export class RecordedIdleDecisionDto {
  @ApiProperty({ enum: REASONS }) readonly reason!: IdleReason;
  @ApiProperty(TIME) readonly idle_since!: string;
  @ApiProperty({ enum: ['last_activity_at', 'last_resumed_at', 'registered_at'] })
  readonly idle_since_source!: IdleBaseSource;
  @ApiProperty() readonly idle_duration_minutes!: number;
  @ApiProperty() readonly idle_threshold_minutes!: number;
  @ApiProperty({ enum: ['worker', 'setting'] }) readonly idle_threshold_source!: ThresholdSource;
  @ApiProperty(TIME) readonly target_pause_at!: string;
  @ApiProperty(MAYBE_TIME) readonly snooze_until!: string | null;
  @ApiProperty({ ...MAYBE_TEXT, description: 'Why nothing was paused although the worker was idle' })
  readonly not_acted_because!: NotActedBecause | null;
}

export class LastCheckDto {
  @ApiProperty(TIME) readonly checked_at!: string;
  @ApiProperty({ type: RecordedIdleDecisionDto }) readonly decision!: RecordedIdleDecisionDto;
  @ApiProperty() readonly new_activity_count!: number;
  @ApiProperty() readonly telemetry_event_count!: number;
  @ApiProperty() readonly telemetry_malformed_count!: number;
}

/** What the worker was doing in the last days. */
export class WorkerTimelineDto {
  @ApiProperty({ format: 'uuid' }) readonly worker_id!: string;
  @ApiProperty(TIME) readonly from!: string;
  @ApiProperty(TIME) readonly to!: string;
  @ApiProperty({
    ...MAYBE_TIME,
    description: 'What was before was not read, because there is too much of it; null: nothing is missing',
  })
  readonly complete_since!: string | null;
  @ApiProperty({ type: [TimelineSegmentDto], description: 'From `from` to `to`, without gaps' })
  readonly segments!: readonly TimelineSegmentDto[];
  @ApiProperty({ type: [String], format: 'date-time', description: 'When there was activity, oldest first' })
  readonly activity!: readonly string[];
  @ApiProperty({ type: [WorkerMomentDto], description: 'Oldest first' }) readonly moments!: readonly WorkerMomentDto[];
  @ApiProperty({ type: LastCheckDto, nullable: true }) readonly last_check!: LastCheckDto | null;
}

/** What the decision stands on. */
export class IdleEvidenceDto {
  @ApiProperty(MAYBE_TIME) readonly last_activity_at!: string | null;
  @ApiProperty({ type: TelemetryEventDto, nullable: true }) readonly last_activity_event!: TelemetryEventDto | null;
  @ApiProperty(TIME) readonly idle_since!: string;
  @ApiProperty({ enum: ['last_activity_at', 'last_resumed_at', 'registered_at'] }) readonly idle_since_source!: string;
  @ApiProperty() readonly idle_threshold_minutes!: number;
  @ApiProperty({ enum: ['worker', 'setting'] }) readonly idle_threshold_source!: ThresholdSource;
  @ApiProperty(MAYBE_NUMBER) readonly telemetry_event_count!: number | null;
  @ApiProperty(MAYBE_NUMBER) readonly telemetry_malformed_count!: number | null;
  @ApiProperty({ ...MAYBE_TIME, description: 'null: telemetry was not asked, the worker is not running' })
  readonly checked_at!: string | null;
}

/** What DetectWorkerIdle found and did (source document: IdleDetectionResultDto). */
export class IdleDetectionResultDto {
  @ApiProperty({ format: 'uuid' }) readonly worker_id!: string;
  @ApiProperty({ enum: REASONS }) readonly reason!: IdleReason;
  @ApiProperty() readonly paused!: boolean;
  @ApiProperty({ ...MAYBE_TEXT, description: 'Why nothing was paused although the worker is idle' })
  readonly not_acted_because!: string | null;
  @ApiProperty() readonly is_idle!: boolean;
  @ApiProperty() readonly idle_duration_minutes!: number;
  @ApiProperty() readonly idle_threshold_minutes!: number;
  @ApiProperty() readonly new_activity_count!: number;
  @ApiProperty(MAYBE_TIME) readonly target_pause_at!: string | null;
  @ApiProperty(MAYBE_TIME) readonly snooze_until!: string | null;
  @ApiProperty(MAYBE_TIME) readonly next_idle_check_at!: string | null;
  @ApiProperty({ type: IdleEvidenceDto }) readonly evidence!: IdleEvidenceDto;
  @ApiProperty(MAYBE_TEXT) readonly consistency_token!: string | null;
}

/** Result of an operation (source document: OperationResult[bool]). */
export class OperationResultDto {
  @ApiProperty() readonly is_success!: boolean;
  @ApiProperty() readonly status!: number;
  @ApiProperty({ type: Boolean }) readonly data!: boolean;
  @ApiProperty({ required: false }) readonly detail?: string;
  @ApiProperty(MAYBE_TEXT) readonly consistency_token!: string | null;
}

export class TelemetryEventsDto {
  @ApiProperty({ format: 'uuid' }) readonly worker_id!: string;
  @ApiProperty({ type: [TelemetryEventDto], description: 'Relevant events, newest first' })
  readonly items!: readonly TelemetryEventDto[];
  @ApiProperty({ description: 'Relevant events in all' }) readonly relevant_count!: number;
  @ApiProperty({ description: 'Events in CML’s answer' }) readonly total_count!: number;
  @ApiProperty({ description: 'Events that could not be read and were skipped' }) readonly malformed_count!: number;
}

/** The instance as EC2 describes it now. */
export class EC2InstanceStateDto {
  @ApiProperty({ format: 'uuid' }) readonly worker_id!: string;
  @ApiProperty() readonly aws_instance_id!: string;
  @ApiProperty({ description: 'EC2’s own word' }) readonly state!: string;
  @ApiProperty({ enum: WORKER_STATUSES }) readonly status!: WorkerStatus;
  @ApiProperty(MAYBE_TEXT) readonly instance_type!: string | null;
  @ApiProperty(MAYBE_TIME) readonly launch_time!: string | null;
  @ApiProperty({ type: Object, additionalProperties: { type: 'string' } }) readonly tags!: Readonly<
    Record<string, string>
  >;
  @ApiProperty(MAYBE_TEXT) readonly private_ip_address!: string | null;
  @ApiProperty(MAYBE_TEXT) readonly public_ip_address!: string | null;
  @ApiProperty(MAYBE_TEXT) readonly availability_zone!: string | null;
  @ApiProperty(MAYBE_TEXT) readonly state_transition_reason!: string | null;
}
