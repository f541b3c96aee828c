import type { CMLWorkerState, PauseIntent, RegisteredWorker, ResumeIntent } from '../domain/cml-worker.js';

type Pausing = RegisteredWorker & { readonly power: { readonly kind: 'pausing' } };

/** The intent of this pause stands. */
export function isPausing(state: CMLWorkerState, { pause_id }: PauseIntent): state is Pausing {
  return state.kind === 'registered' && state.power.kind === 'pausing' && state.power.pause.pause_id === pause_id;
}

/** The intent of this resume stands, and nothing stands before it. */
export function isResuming(state: CMLWorkerState, { resume_id }: ResumeIntent): boolean {
  return state.kind === 'registered' && state.power.kind === 'resuming' && state.power.resume.resume_id === resume_id;
}

/** The worker was paused, whatever has been asked for since. */
export function wasPaused(state: CMLWorkerState): boolean {
  return state.kind === 'registered' && (state.power.kind === 'down' || state.power.kind === 'resuming');
}
