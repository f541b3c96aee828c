/**
 * What a worker was doing, when: told from its events, for people. Pure. Times are epoch milliseconds, UTC.
 *
 * - `paused`: its instance was down, whoever stopped it.
 * - `running`: it was up, and the idle rule's timeout had not passed since the latest of activity, resume and registration.
 *   What a check finds out about the time before it counts for that time.
 * - `idle`: it was up, and the timeout had passed.
 * - `unknown`: it was not registered, EC2 gave a status that the service does not know, or no event tells.
 */
import { MINUTE } from '../../platform/time/idle-clock.js';
import type { CMLWorkerEvent, WorkerActivityUpdated } from './cml-worker.events.js';
import type { WorkerStatus } from './worker-status.js';

export const TIMELINE_STATES = ['running', 'idle', 'paused', 'unknown'] as const;

export type TimelineState = (typeof TIMELINE_STATES)[number];

export interface TimelineSegment {
  readonly from: number;
  /** Exclusive: where the next one begins. */
  readonly to: number;
  readonly state: TimelineState;
}

export interface TimelineWindow {
  readonly from: number;
  readonly to: number;
}

type Power = 'up' | 'down' | 'unknown';

/** What an event changes in what the timeline goes by. */
export interface TimelineChange {
  readonly at: number;
  readonly power?: Power;
  /** The worker was seen up, which is news only where nothing else is known. */
  readonly seenUp?: boolean;
  /** The idle clock counts from here on, unless it counts from a later time. */
  readonly idleSince?: number;
  /** The idle timeout that holds from here on; null: the setting's. */
  readonly timeoutMinutes?: number | null;
}

/** What holds at a moment. */
interface Standing {
  readonly power: Power | 'unseen';
  /** -Infinity: nothing tells. */
  readonly idleSince: number;
  readonly timeoutMinutes: number;
}

/** When it happened, by the event's own account. */
export function occurredAt(event: CMLWorkerEvent): number {
  return Date.parse(timeOf(event));
}

function timeOf({ type, data }: CMLWorkerEvent): string {
  switch (type) {
    case 'WorkerRegistered':
      return data.registered_at;
    case 'WorkerStatusChanged':
      return data.observed_at;
    case 'WorkerActivityUpdated':
      return data.checked_at;
    case 'WorkerPauseRequested':
    case 'WorkerResumeRequested':
      return data.requested_at;
    case 'WorkerPauseAbandoned':
    case 'WorkerResumeAbandoned':
      return data.abandoned_at;
    case 'WorkerPaused':
      return data.paused_at;
    case 'WorkerResumed':
      return data.resumed_at;
    case 'WorkerIdleDetectionToggled':
    case 'WorkerPolicyChanged':
      return data.changed_at;
    case 'WorkerDeregistered':
      return data.deregistered_at;
  }
}

/** What the event changes; null when that is nothing that the timeline shows. */
export function changeOf(event: CMLWorkerEvent): TimelineChange | null {
  const at = occurredAt(event);
  switch (event.type) {
    case 'WorkerRegistered': {
      const { status, idle_timeout_minutes: timeoutMinutes } = event.data;
      return { at, power: powerOf(status), idleSince: at, timeoutMinutes };
    }
    case 'WorkerStatusChanged':
      return { at, power: powerOf(event.data.status) };
    case 'WorkerActivityUpdated': {
      const { idle_since, idle_threshold_minutes: timeoutMinutes } = event.data.decision;
      return { at, seenUp: wasUp(event), idleSince: Date.parse(idle_since), timeoutMinutes };
    }
    case 'WorkerPaused':
      return { at, power: 'down', timeoutMinutes: event.data.evidence.idle_threshold_minutes };
    case 'WorkerResumed':
      return { at, power: 'up', idleSince: at };
    case 'WorkerPolicyChanged':
      return { at, timeoutMinutes: event.data.idle_timeout_minutes };
    case 'WorkerDeregistered':
      return { at, power: 'unknown' };
    case 'WorkerPauseRequested':
    case 'WorkerPauseAbandoned':
    case 'WorkerResumeRequested':
    case 'WorkerResumeAbandoned':
    case 'WorkerIdleDetectionToggled':
      return null;
  }
}

/** True for an event that says by itself how things stood from then on: what came before it is not needed. */
export function isAnchor(event: CMLWorkerEvent): boolean {
  if (event.type === 'WorkerActivityUpdated') return wasUp(event);
  return event.type === 'WorkerRegistered' || event.type === 'WorkerPaused';
}

/** A check tells when it would pause the worker, but only of one that runs. */
function wasUp({ data }: WorkerActivityUpdated): boolean {
  return data.target_pause_at !== null;
}

/** The times of activity that a check knew of, as ISO 8601 UTC; the same ones come again in later checks. */
export function activityIn({ data }: WorkerActivityUpdated): string[] {
  const times = data.recent_activity_events.map(({ timestamp }) => timestamp);
  return data.last_activity_at === null ? times : [...times, data.last_activity_at];
}

/**
 * The window as segments: in order, without gaps or overlaps, no two of the same state next to each other.
 *
 * @param changes in the order of their events, from the last one before the window that {@link isAnchor} on, if there is one
 * @param activity times of activity, in any order
 * @param settingMinutes the setting's idle timeout, for when none is recorded
 */
export function segmentsOf(
  changes: readonly TimelineChange[],
  activity: readonly number[],
  window: TimelineWindow,
  settingMinutes: number,
): TimelineSegment[] {
  const segments: TimelineSegment[] = [];
  let standing: Standing = { power: 'unseen', idleSince: -Infinity, timeoutMinutes: settingMinutes };
  let from = window.from;
  for (const change of inTime(changes, activity)) {
    const to = Math.min(change.at, window.to);
    if (to > from) {
      addSegments(segments, standing, from, to);
      from = to;
    }
    standing = after(standing, change, settingMinutes);
  }
  if (window.to > from) addSegments(segments, standing, from, window.to);
  return segments;
}

/** A clock that went back does not make a later event an earlier one; activity is where it was. */
function inTime(changes: readonly TimelineChange[], activity: readonly number[]): TimelineChange[] {
  let latest = -Infinity;
  const inOrder = changes.map((change) => {
    latest = Math.max(latest, change.at);
    return { ...change, at: latest };
  });
  return [...inOrder, ...activity.map((at) => ({ at, idleSince: at }))].sort((a, b) => a.at - b.at);
}

function after(standing: Standing, change: TimelineChange, settingMinutes: number): Standing {
  const { timeoutMinutes, seenUp } = change;
  return {
    power: change.power ?? (seenUp && standing.power === 'unseen' ? 'up' : standing.power),
    idleSince: Math.max(standing.idleSince, change.idleSince ?? -Infinity),
    timeoutMinutes: timeoutMinutes === undefined ? standing.timeoutMinutes : (timeoutMinutes ?? settingMinutes),
  };
}

function addSegments(segments: TimelineSegment[], standing: Standing, from: number, to: number): void {
  if (standing.power !== 'up' || standing.idleSince === -Infinity) {
    return add(segments, { from, to, state: standing.power === 'down' ? 'paused' : 'unknown' });
  }
  // A timeout may be a decimal: idle is the first whole millisecond at which it has passed.
  const idleFrom = Math.ceil(standing.idleSince + standing.timeoutMinutes * MINUTE);
  if (idleFrom > from) add(segments, { from, to: Math.min(idleFrom, to), state: 'running' });
  if (idleFrom < to) add(segments, { from: Math.max(idleFrom, from), to, state: 'idle' });
}

/** Appends a segment, or makes the last one longer when it goes on. */
function add(segments: TimelineSegment[], segment: TimelineSegment): void {
  const last = segments.at(-1);
  if (last?.state === segment.state) segments[segments.length - 1] = { ...last, to: segment.to };
  else segments.push(segment);
}

function powerOf(status: WorkerStatus): Power {
  switch (status) {
    case 'pending':
    case 'starting':
    case 'running':
      return 'up';
    case 'stopping':
    case 'stopped':
    case 'shutting-down':
    case 'terminated':
      return 'down';
    case 'unknown':
      return 'unknown';
  }
}
