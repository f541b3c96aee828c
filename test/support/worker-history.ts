import type {
  CMLWorkerEvent,
  PauseEvidence,
  WorkerActivityUpdated,
  WorkerPaused,
  WorkerPauseRequested,
  WorkerRegistered,
  WorkerResumed,
  WorkerResumeRequested,
} from '../../src/workers/domain/cml-worker.events.js';
import type { IdleSettings } from '../../src/workers/domain/idle-policy.js';
import { NO_TELEMETRY_SEEN } from '../../src/workers/domain/telemetry.js';
import type { TelemetryReading } from '../../src/workers/domain/telemetry.js';
import type { WorkerStatus } from '../../src/workers/domain/worker-status.js';

/** Histories of a worker for tests: each function is one event, its data what the test does not care about unless given. */
export const NOON = Date.parse('2026-03-04T12:00:00.000Z');
export const MINUTE = 60_000;
export const WORKER_ID = '5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01';

/** The defaults of the service. */
export const SETTINGS: IdleSettings = { idleTimeoutMinutes: 60, snoozeMinutes: 60, autoPauseEnabled: true };

export const at = (minutes: number): number => NOON + minutes * MINUTE;
export const time = (minutes: number): string => new Date(at(minutes)).toISOString();

/** Registered at noon, running. */
export function registered(data: Partial<WorkerRegistered['data']> = {}): WorkerRegistered {
  return {
    type: 'WorkerRegistered',
    data: {
      worker_id: WORKER_ID,
      aws_region: 'us-east-1',
      aws_instance_id: 'i-0123456789abcdef0',
      name: 'lab',
      cml_endpoint: null,
      idle_timeout_minutes: null,
      status: 'running',
      registered_by: 'ada',
      registered_at: time(0),
      ...data,
    },
  };
}

/** A check, minutes after noon. */
export function checked(minutes: number, data: Partial<WorkerActivityUpdated['data']> = {}): WorkerActivityUpdated {
  return {
    type: 'WorkerActivityUpdated',
    data: {
      checked_at: time(minutes),
      last_activity_at: null,
      new_activity_count: 0,
      recent_activity_events: [],
      next_idle_check_at: time(minutes + 30),
      target_pause_at: time(60),
      telemetry_event_count: 0,
      telemetry_malformed_count: 0,
      telemetry_memory: { watermark: null, since: null, seen: [] },
      decision: {
        reason: 'not_idle_yet',
        idle_since: time(0),
        idle_since_source: 'registered_at',
        idle_duration_minutes: minutes,
        idle_threshold_minutes: 60,
        idle_threshold_source: 'setting',
        target_pause_at: time(60),
        snooze_until: null,
        not_acted_because: null,
      },
      ...data,
    },
  };
}

/** A check that saw a user at that minute. */
export function active(minutes: number): WorkerActivityUpdated {
  return checked(minutes, {
    last_activity_at: time(minutes),
    new_activity_count: 1,
    recent_activity_events: [{ timestamp: time(minutes), category: 'start_lab', data: {} }],
  });
}

export const EVIDENCE: PauseEvidence = {
  last_activity_at: null,
  last_activity_event: null,
  idle_since: time(0),
  idle_since_source: 'registered_at',
  idle_threshold_minutes: 60,
  idle_threshold_source: 'setting',
  checked_at: time(60),
};

export function pauseRequested(data: Partial<WorkerPauseRequested['data']> = {}): WorkerPauseRequested {
  return {
    type: 'WorkerPauseRequested',
    data: {
      pause_id: 'p1',
      reason: 'manual',
      requested_by: 'ada',
      requested_at: time(1),
      idle_duration_minutes: null,
      evidence: EVIDENCE,
      ...data,
    },
  };
}

export function paused(data: Partial<WorkerPaused['data']> = {}): WorkerPaused {
  return {
    type: 'WorkerPaused',
    data: {
      pause_id: 'p1',
      reason: 'manual',
      paused_by: 'ada',
      paused_at: time(1),
      idle_duration_minutes: null,
      auto_pause_count: 0,
      manual_pause_count: 1,
      external_pause_count: 0,
      status: 'stopping',
      evidence: EVIDENCE,
      ...data,
    },
  };
}

export function resumeRequested(data: Partial<WorkerResumeRequested['data']> = {}): WorkerResumeRequested {
  return {
    type: 'WorkerResumeRequested',
    data: { resume_id: 'r1', reason: 'manual', requested_by: 'bob', requested_at: time(2), ...data },
  };
}

export function resumed(minutes: number, data: Partial<WorkerResumed['data']> = {}): WorkerResumed {
  return {
    type: 'WorkerResumed',
    data: {
      resume_id: 'r1',
      reason: 'manual',
      resumed_by: 'bob',
      resumed_at: time(minutes),
      auto_resume_count: 0,
      manual_resume_count: 1,
      external_resume_count: 0,
      was_auto_paused: false,
      status: 'pending',
      ...data,
    },
  };
}

export function statusChanged(status: WorkerStatus, previous: WorkerStatus = 'running'): CMLWorkerEvent {
  return { type: 'WorkerStatusChanged', data: { previous_status: previous, status, observed_at: time(3) } };
}

export function deregistered(): CMLWorkerEvent {
  return { type: 'WorkerDeregistered', data: { deregistered_by: 'ada', deregistered_at: time(9) } };
}

/** What a check read; nothing new unless said. */
export function reading(overrides: Partial<TelemetryReading> = {}): TelemetryReading {
  return {
    total: 0,
    malformed: 0,
    newEvents: [],
    newCount: 0,
    lastActivityAt: null,
    memory: NO_TELEMETRY_SEEN,
    ...overrides,
  };
}

/** A reading with one new event, minutes after noon. */
export function newActivity(minutes: number): TelemetryReading {
  const event = { timestamp: time(minutes), category: 'start_node', data: {} };
  return reading({ total: 1, newCount: 1, newEvents: [event], lastActivityAt: at(minutes) });
}
