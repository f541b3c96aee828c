/**
 * What EC2 says of a CML worker's instance, and what follows from it: pauses and resumes that were not ours. Pure, as the
 * other decisions. Times are epoch milliseconds.
 */
import { iso } from '../../platform/time/iso.js';
import { abandonPause, abandonResume, evidenceOf, pausedEvent, resumedEvent } from './cml-worker.decisions.js';
import type { WorkerDecision } from './cml-worker.decisions.js';
import type { CMLWorkerEvent } from './cml-worker.events.js';
import { CMLWorker } from './cml-worker.js';
import type { CMLWorkerState, PauseIntent, RegisteredWorker, ResumeIntent } from './cml-worker.js';
import type { IdleSettings } from './idle-policy.js';
import type { WorkerStatus } from './worker-status.js';

const NO_CHANGE: readonly CMLWorkerEvent[] = [];

/**
 * How much later than the last start that we know of a launch time must be to tell of another one. Our own start is
 * recorded by our clock and launched by EC2's, and EC2 takes no signature that is five minutes off. A restart so soon
 * after a start is not missed: the snooze of that start still lasts.
 */
export const LAUNCH_TOLERANCE = 5 * 60_000;

type ObservationSettings = Pick<IdleSettings, 'idleTimeoutMinutes' | 'snoozeMinutes'>;

/** One look at EC2. */
export interface StatusObservation {
  readonly status: WorkerStatus;
  /** When EC2 last started the instance, by EC2's clock; null when it was not asked or does not say. */
  readonly launchTime: number | null;
  /** `power_changes` of the worker before EC2 was asked. */
  readonly powerChanges: number;
  readonly at: number;
}

/**
 * Takes in what EC2 said. An observation that is older than our own doing says nothing; an instance that went down or
 * up without us, or both since the last look, was paused or resumed from outside.
 */
export function observeStatus(
  state: CMLWorkerState,
  observation: StatusObservation,
  settings: ObservationSettings,
): WorkerDecision {
  if (state.kind !== 'registered' || observation.powerChanges !== state.power_changes) return NO_CHANGE;
  const { status, at } = observation;
  if (state.power.kind === 'up' && (status === 'stopping' || status === 'stopped')) {
    return [pausedOutside(state, status, at, settings)];
  }
  if (state.power.kind === 'down' && isUp(status)) return [resumedOutside(state, status, at)];
  if (wasRestarted(state, observation)) {
    // Nobody saw it stopped: when it was is not known, that it was is.
    const paused = pausedOutside(state, 'stopped', at, settings);
    return [paused, resumedOutside(after(state, paused), status, at)];
  }
  if (status === state.status) return NO_CHANGE;
  return [{ type: 'WorkerStatusChanged', data: { previous_status: state.status, status, observed_at: iso(at) } }];
}

/**
 * True when the instance of a worker that is up was stopped and started between two looks: EC2's launch time moves with
 * each start. A launch time in our future is no proof but a clock that is wrong, and is asked again at the next look.
 */
export function wasRestarted(
  worker: Pick<RegisteredWorker, 'power' | 'registered_at' | 'last_resumed_at'>,
  { status, launchTime, at }: Pick<StatusObservation, 'status' | 'launchTime' | 'at'>,
): boolean {
  if (worker.power.kind !== 'up' || !isUp(status) || launchTime === null || launchTime > at) return false;
  return launchTime > Math.max(worker.registered_at, worker.last_resumed_at ?? -Infinity) + LAUNCH_TOLERANCE;
}

/** EC2's answer to the first stop of an intent says that the instance was down already: somebody else has stopped it. */
export function foundDown(
  state: CMLWorkerState,
  { pause_id }: PauseIntent,
  status: WorkerStatus,
  at: number,
  settings: ObservationSettings,
): WorkerDecision {
  const abandoned = abandonPause(state, pause_id, 'already_down', null, at);
  const resume = state.kind === 'registered' && state.power.kind === 'pausing' ? state.power.resume : null;
  const decided = thenObserved(state, abandoned, status, at, settings);
  if (resume === null || 'refused' in decided) return decided;
  // The wish for a resume goes with the pause that it waits for. It still stands, now of a worker that is down.
  return [...decided, { type: 'WorkerResumeRequested', data: resume }];
}

/** The instance was up before anything was done for this intent: somebody else has started it. */
export function foundUp(
  state: CMLWorkerState,
  { resume_id }: ResumeIntent,
  status: WorkerStatus,
  at: number,
  settings: ObservationSettings,
): WorkerDecision {
  return thenObserved(state, abandonResume(state, resume_id, 'already_up', null, at), status, at, settings);
}

/** The intent is abandoned, and what EC2 says is taken in by the state without it; nothing when the intent is gone. */
function thenObserved(
  state: CMLWorkerState,
  abandoned: WorkerDecision,
  status: WorkerStatus,
  at: number,
  settings: ObservationSettings,
): WorkerDecision {
  const [event] = 'refused' in abandoned ? [] : abandoned;
  if (state.kind !== 'registered' || event === undefined) return abandoned;
  const worker = after(state, event);
  const observation = { status, launchTime: null, powerChanges: worker.power_changes, at };
  const observed = observeStatus(worker, observation, settings);
  return 'refused' in observed ? observed : [event, ...observed];
}

function after(worker: RegisteredWorker, event: CMLWorkerEvent): RegisteredWorker {
  const state = CMLWorker.evolve(worker, event);
  return state.kind === 'registered' ? state : worker;
}

function pausedOutside(
  state: RegisteredWorker,
  status: WorkerStatus,
  at: number,
  settings: ObservationSettings,
): CMLWorkerEvent {
  return pausedEvent(state, { reason: 'external', by: 'external', status, at }, evidenceOf(state, at, settings));
}

function resumedOutside(state: RegisteredWorker, status: WorkerStatus, at: number): CMLWorkerEvent {
  return resumedEvent(state, null, 'external', 'external', status, at);
}

function isUp(status: WorkerStatus): boolean {
  return status === 'running' || status === 'pending';
}
