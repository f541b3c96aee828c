/** What people want to know of a worker's history apart from its checks: moments, each with who and why. Pure. */
import type { CMLWorkerEvent } from './cml-worker.events.js';
import { occurredAt } from './worker-timeline.js';

export const MOMENT_KINDS = [
  'registered',
  'paused',
  'resumed',
  'detection_on',
  'detection_off',
  'policy_changed',
  'status_changed',
] as const;

export type MomentKind = (typeof MOMENT_KINDS)[number];

export interface WorkerMoment {
  /** Epoch ms. */
  readonly at: number;
  readonly kind: MomentKind;
  /** Of a pause or resume. */
  readonly reason: string | null;
  /** Who did it; null when EC2 was only found so. */
  readonly by: string | null;
  /** More of it, for people. */
  readonly detail: string | null;
}

/** The moment that an event stands for; null when it is none: a check, or an intent that the outcome follows. */
export function momentOf(event: CMLWorkerEvent): WorkerMoment | null {
  const at = occurredAt(event);
  const plain = { at, reason: null, detail: null };
  switch (event.type) {
    case 'WorkerRegistered':
      return { ...plain, kind: 'registered', by: event.data.registered_by, detail: event.data.name };
    case 'WorkerPaused': {
      const { reason, paused_by: by, idle_duration_minutes: minutes, evidence } = event.data;
      const detail =
        minutes === null ? null : `idle for ${minutes} min, the timeout is ${evidence.idle_threshold_minutes}`;
      return { at, kind: 'paused', reason, by, detail };
    }
    case 'WorkerResumed':
      return { ...plain, kind: 'resumed', reason: event.data.reason, by: event.data.resumed_by };
    case 'WorkerIdleDetectionToggled': {
      const kind = event.data.is_idle_detection_enabled ? 'detection_on' : 'detection_off';
      return { ...plain, kind, by: event.data.changed_by };
    }
    case 'WorkerPolicyChanged': {
      const { previous_idle_timeout_minutes: before, idle_timeout_minutes: now, changed_by: by } = event.data;
      return { ...plain, kind: 'policy_changed', by, detail: `idle timeout: ${timeout(before)}, now ${timeout(now)}` };
    }
    case 'WorkerStatusChanged': {
      const { previous_status, status } = event.data;
      return { ...plain, kind: 'status_changed', by: null, detail: `${previous_status}, now ${status}` };
    }
    case 'WorkerActivityUpdated':
    case 'WorkerPauseRequested':
    case 'WorkerPauseAbandoned':
    case 'WorkerResumeRequested':
    case 'WorkerResumeAbandoned':
    case 'WorkerDeregistered':
      return null;
  }
}

function timeout(minutes: number | null): string {
  return minutes === null ? 'the setting' : `${minutes} min`;
}
