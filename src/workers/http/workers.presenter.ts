import type { IdleDetectionResult } from '../commands/detect-worker-idle.command.js';
import { iso } from '../../platform/time/iso.js';
import { minutesOf } from '../domain/idle-policy.js';
import type { CmlTelemetry } from '../gateways/cml-api.port.js';
import type { Ec2Instance } from '../gateways/ec2.port.js';
import type { WorkerDocument } from '../projections/workers.projection.js';
import type { WorkerActivity } from '../queries/get-worker-activity.query.js';
import type { WorkerIdleStatus } from '../queries/get-worker-idle-status.query.js';
import type { WorkerTimeline } from '../queries/get-worker-timeline.query.js';
import type { WorkerOverview } from '../queries/list-all-workers.query.js';
import type {
  EC2InstanceStateDto,
  IdleDetectionResultDto,
  TelemetryEventsDto,
  WorkerActivityDto,
  WorkerDto,
  WorkerIdleStatusDto,
  WorkerOverviewDto,
  WorkerTimelineDto,
} from './workers.answers.js';

/** Documents and results as the answers of the HTTP interface: epoch milliseconds become ISO 8601 UTC. */
export function workerDto(worker: Omit<WorkerDocument, 'power_change_pending'>): WorkerDto {
  return {
    worker_id: worker.worker_id,
    name: worker.name,
    aws_region: worker.aws_region,
    aws_instance_id: worker.aws_instance_id,
    cml_endpoint: worker.cml_endpoint,
    status: worker.status,
    is_idle_detection_enabled: worker.is_idle_detection_enabled,
    idle_timeout_minutes: worker.idle_timeout_minutes,
    registered_at: iso(worker.registered_at),
    last_activity_at: iso(worker.last_activity_at),
    last_activity_check_at: iso(worker.last_activity_check_at),
    last_paused_at: iso(worker.last_paused_at),
    pause_reason: worker.pause_reason,
    last_resumed_at: iso(worker.last_resumed_at),
    next_idle_check_at: iso(worker.next_idle_check_at),
    target_pause_at: iso(worker.target_pause_at),
  };
}

export function workerActivityDto({ worker, idle, lastCheckError }: WorkerActivity): WorkerActivityDto {
  return {
    worker_id: worker.worker_id,
    last_activity_at: iso(worker.last_activity_at),
    last_activity_check_at: iso(worker.last_activity_check_at),
    recent_activity_events: worker.recent_activity_events,
    auto_pause_count: worker.auto_pause_count,
    manual_pause_count: worker.manual_pause_count,
    external_pause_count: worker.external_pause_count,
    auto_resume_count: worker.auto_resume_count,
    manual_resume_count: worker.manual_resume_count,
    external_resume_count: worker.external_resume_count,
    last_paused_at: iso(worker.last_paused_at),
    paused_by: worker.paused_by,
    pause_reason: worker.pause_reason,
    last_resumed_at: iso(worker.last_resumed_at),
    resumed_by: worker.resumed_by,
    resume_reason: worker.resume_reason,
    was_auto_paused: worker.was_auto_paused,
    next_idle_check_at: iso(worker.next_idle_check_at),
    target_pause_at: iso(worker.target_pause_at),
    is_idle_detection_enabled: worker.is_idle_detection_enabled,
    in_snooze_period: idle.snooze_until !== null,
    snooze_until: iso(idle.snooze_until),
    idle_duration_minutes: minutesOf(idle.idle_duration_ms),
    last_check_error: lastCheckError && { ...lastCheckError, at: iso(lastCheckError.at) },
  };
}

export function workerIdleStatusDto(status: WorkerIdleStatus): WorkerIdleStatusDto {
  const { worker, idle } = status;
  return {
    worker_id: worker.worker_id,
    status: worker.status,
    is_idle: idle.is_idle,
    reason: idle.reason,
    idle_since: iso(idle.idle_since),
    idle_duration_minutes: minutesOf(idle.idle_duration_ms),
    idle_threshold_minutes: idle.idle_threshold_minutes,
    idle_threshold_source: idle.idle_threshold_source,
    last_activity_at: iso(worker.last_activity_at),
    in_snooze_period: idle.snooze_until !== null,
    snooze_until: iso(idle.snooze_until),
    auto_pause_enabled: status.autoPauseEnabled,
    idle_detection_enabled: worker.is_idle_detection_enabled,
    eligible_for_pause: idle.reason === 'idle_timeout_exceeded' && status.notActedBecause === null,
    target_pause_at: worker.status === 'running' ? iso(idle.target_pause_at) : null,
    next_idle_check_at: iso(worker.next_idle_check_at),
    checked_at: iso(status.at),
  };
}

export function workerOverviewDto(overview: WorkerOverview): WorkerOverviewDto {
  const { worker, lastCheckError } = overview;
  const { kind } = worker.power;
  return {
    ...workerIdleStatusDto(overview),
    name: worker.name,
    aws_region: worker.aws_region,
    aws_instance_id: worker.aws_instance_id,
    cml_endpoint: worker.cml_endpoint,
    power_change: kind === 'pausing' || kind === 'resuming' ? kind : null,
    last_paused_at: iso(worker.last_paused_at),
    paused_by: worker.paused_by,
    pause_reason: worker.pause_reason,
    last_check_error: lastCheckError && { ...lastCheckError, at: iso(lastCheckError.at) },
  };
}

export function workerTimelineDto(timeline: WorkerTimeline): WorkerTimelineDto {
  const { lastCheck } = timeline;
  return {
    worker_id: timeline.workerId,
    from: iso(timeline.from),
    to: iso(timeline.to),
    complete_since: iso(timeline.completeSince),
    segments: timeline.segments.map(({ from, to, state }) => ({ from: iso(from), to: iso(to), state })),
    activity: timeline.activity.map((at) => iso(at)),
    moments: timeline.moments.map((moment) => ({ ...moment, at: iso(moment.at) })),
    last_check: lastCheck && {
      checked_at: lastCheck.checked_at,
      decision: { ...lastCheck.decision },
      new_activity_count: lastCheck.new_activity_count,
      telemetry_event_count: lastCheck.telemetry_event_count,
      telemetry_malformed_count: lastCheck.telemetry_malformed_count,
    },
  };
}

export function idleDetectionResultDto(result: IdleDetectionResult, token: string | null): IdleDetectionResultDto {
  const { worker, idle, check } = result;
  const newest = worker.recent_activity_events[0];
  return {
    worker_id: worker.worker_id,
    reason: idle.reason,
    paused: result.paused,
    not_acted_because: result.notActedBecause,
    is_idle: idle.is_idle,
    idle_duration_minutes: minutesOf(idle.idle_duration_ms),
    idle_threshold_minutes: idle.idle_threshold_minutes,
    new_activity_count: check?.new_activity_count ?? 0,
    target_pause_at: worker.status === 'running' ? iso(idle.target_pause_at) : null,
    snooze_until: iso(idle.snooze_until),
    next_idle_check_at: iso(worker.next_idle_check_at),
    evidence: {
      last_activity_at: iso(worker.last_activity_at),
      last_activity_event: newest ?? null,
      idle_since: iso(idle.idle_since),
      idle_since_source: idle.idle_since_source,
      idle_threshold_minutes: idle.idle_threshold_minutes,
      idle_threshold_source: idle.idle_threshold_source,
      telemetry_event_count: check?.telemetry_event_count ?? null,
      telemetry_malformed_count: check?.telemetry_malformed_count ?? null,
      checked_at: check?.checked_at ?? null,
    },
    consistency_token: token,
  };
}

export function telemetryEventsDto(workerId: string, telemetry: CmlTelemetry): TelemetryEventsDto {
  return {
    worker_id: workerId,
    items: telemetry.newEvents,
    relevant_count: telemetry.newCount,
    total_count: telemetry.total,
    malformed_count: telemetry.malformed,
  };
}

export function ec2InstanceStateDto(workerId: string, instance: Ec2Instance): EC2InstanceStateDto {
  return {
    worker_id: workerId,
    aws_instance_id: instance.instanceId,
    state: instance.state,
    status: instance.status,
    instance_type: instance.instanceType,
    launch_time: iso(instance.launchTime),
    tags: instance.tags,
    private_ip_address: instance.privateIpAddress,
    public_ip_address: instance.publicIpAddress,
    availability_zone: instance.availabilityZone,
    state_transition_reason: instance.stateTransitionReason,
  };
}
