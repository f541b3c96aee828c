import type { CMLWorkerEvent } from './cml-worker.events.js';

/**
 * Present schema version of every event type of the category `cmlWorker`. When a shape changes: raise the version, add
 * `upcasters[old]`, and commit a sample of the new version beside the old ones (samples/).
 */
export const CML_WORKER_EVENT_TYPES: { readonly [T in CMLWorkerEvent['type']]: { readonly version: number } } = {
  WorkerRegistered: { version: 1 },
  WorkerStatusChanged: { version: 1 },
  WorkerActivityUpdated: { version: 1 },
  WorkerPauseRequested: { version: 1 },
  WorkerPauseAbandoned: { version: 1 },
  WorkerPaused: { version: 1 },
  WorkerResumeRequested: { version: 1 },
  WorkerResumeAbandoned: { version: 1 },
  WorkerResumed: { version: 1 },
  WorkerIdleDetectionToggled: { version: 1 },
  WorkerPolicyChanged: { version: 1 },
  WorkerDeregistered: { version: 1 },
};
