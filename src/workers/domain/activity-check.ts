/** A check of a worker's telemetry: what it records, and the decision that is in the record. Pure. */
import { iso } from '../../platform/time/iso.js';
import { NOT_FOUND } from './cml-worker.decisions.js';
import type { WorkerDecision } from './cml-worker.decisions.js';
import type { WorkerActivityUpdated } from './cml-worker.events.js';
import type { CMLWorkerState, RegisteredWorker } from './cml-worker.js';
import { clockUncertain, decideIdle, minutesOf, whyNotActed } from './idle-policy.js';
import type { IdleDecision, IdleSettings, NotActedBecause } from './idle-policy.js';
import type { TelemetryReading } from './telemetry.js';

/** What a check of the telemetry needs beside the reading. */
export interface CheckContext {
  readonly at: number;
  readonly nextCheckAt: number;
  /** How many recent events are kept (WORKER_ACTIVITY_EVENTS_MAX_STORED). */
  readonly keepEvents: number;
  readonly clockSkewMs: number | null;
  readonly settings: IdleSettings;
}

export interface CheckDecision {
  readonly idle: IdleDecision;
  readonly notActedBecause: NotActedBecause | null;
  /** True when the worker is to be paused now. */
  readonly due: boolean;
}

/** Every successful check is recorded, whatever it decides. */
export function recordActivity(
  state: CMLWorkerState,
  reading: TelemetryReading,
  context: CheckContext,
): WorkerDecision {
  return state.kind === 'registered' ? [activityUpdated(state, reading, context)] : NOT_FOUND;
}

/** The decision that a recorded check stands for, whether it was made just now or by an earlier run of the command. */
export function checkDecisionOf({ data }: WorkerActivityUpdated): CheckDecision {
  const { decision } = data;
  const idleSince = Date.parse(decision.idle_since);
  const at = Date.parse(data.checked_at);
  const { reason, not_acted_because: notActedBecause, snooze_until: snoozeUntil } = decision;
  return {
    idle: {
      reason,
      idle_since: idleSince,
      idle_since_source: decision.idle_since_source,
      idle_duration_ms: Math.max(0, at - idleSince),
      idle_threshold_minutes: decision.idle_threshold_minutes,
      idle_threshold_source: decision.idle_threshold_source,
      is_idle: at >= idleSince + decision.idle_threshold_minutes * 60_000,
      target_pause_at: Date.parse(decision.target_pause_at),
      snooze_until: snoozeUntil === null ? null : Date.parse(snoozeUntil),
    },
    notActedBecause,
    due: reason === 'idle_timeout_exceeded' && notActedBecause === null,
  };
}

function activityUpdated(
  state: RegisteredWorker,
  reading: TelemetryReading,
  context: CheckContext,
): WorkerActivityUpdated {
  const { at, settings } = context;
  const lastActivityAt = later(state.last_activity_at, reading.lastActivityAt);
  const idle = decideIdle(at, { ...state, last_activity_at: lastActivityAt }, reading.newCount > 0, settings);
  const exceeded = idle.reason === 'idle_timeout_exceeded';
  const doubt = clockUncertain(at, state.last_activity_check_at, context.clockSkewMs, idle.idle_threshold_minutes);
  const notActedBecause = exceeded
    ? whyNotActed(settings, { ...state, running: state.status === 'running' }, doubt)
    : null;
  return {
    type: 'WorkerActivityUpdated',
    data: {
      checked_at: iso(at),
      last_activity_at: iso(lastActivityAt),
      new_activity_count: reading.newCount,
      recent_activity_events: [...reading.newEvents, ...state.recent_activity_events]
        .sort((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp))
        .slice(0, context.keepEvents),
      next_idle_check_at: iso(context.nextCheckAt),
      target_pause_at: state.status === 'running' ? iso(idle.target_pause_at) : null,
      telemetry_event_count: reading.total,
      telemetry_malformed_count: reading.malformed,
      telemetry_memory: {
        watermark: iso(reading.memory.watermark),
        since: iso(reading.memory.since),
        seen: reading.memory.seen,
      },
      decision: {
        reason: idle.reason,
        idle_since: iso(idle.idle_since),
        idle_since_source: idle.idle_since_source,
        idle_duration_minutes: minutesOf(idle.idle_duration_ms),
        idle_threshold_minutes: idle.idle_threshold_minutes,
        idle_threshold_source: idle.idle_threshold_source,
        target_pause_at: iso(idle.target_pause_at),
        snooze_until: iso(idle.snooze_until),
        not_acted_because: notActedBecause,
      },
    },
  };
}

function later(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : Math.max(a, b);
}
