import type { WorkerRow } from '../../../src/page/api/answers.js';

export const NOON = Date.parse('2026-03-04T12:00:00.000Z');
export const MINUTE = 60_000;

/** Minutes after noon, as answers have it. */
export const time = (minutes: number): string => new Date(NOON + minutes * MINUTE).toISOString();

/** A running worker, last used at noon, to be paused at one o'clock and checked at half past twelve. */
export function workerRow(row: Partial<WorkerRow> = {}): WorkerRow {
  return {
    worker_id: '5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01',
    name: 'lab',
    aws_region: 'us-east-1',
    aws_instance_id: 'i-0123456789abcdef0',
    cml_endpoint: null,
    status: 'running',
    power_change: null,
    is_idle: false,
    reason: 'not_idle_yet',
    idle_since: time(0),
    idle_duration_minutes: 0,
    idle_threshold_minutes: 60,
    idle_threshold_source: 'setting',
    last_activity_at: time(0),
    in_snooze_period: false,
    snooze_until: null,
    auto_pause_enabled: true,
    idle_detection_enabled: true,
    eligible_for_pause: false,
    target_pause_at: time(60),
    next_idle_check_at: time(30),
    paused_by: null,
    pause_reason: null,
    last_paused_at: null,
    last_check_error: null,
    checked_at: time(0),
    ...row,
  };
}
