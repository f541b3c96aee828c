import { defineProjection, idOfStream } from '../../platform/projections/projection.js';
import { hasPendingIntent } from '../domain/cml-worker.decisions.js';
import type { CMLWorkerEvent } from '../domain/cml-worker.events.js';
import type { RegisteredWorker } from '../domain/cml-worker.js';
import { CMLWorker } from '../domain/cml-worker.js';
import { NO_TELEMETRY_SEEN } from '../domain/telemetry.js';
import { cmlWorkerContract } from '../contracts/cml-worker.contract.js';

/** A worker as the queries see it: the aggregate's state, without the memory of telemetry, which only checks need. */
export interface WorkerDocument extends RegisteredWorker {
  /** A pause or resume is under way, or was left undone by a process that died: how jobs find it. */
  readonly power_change_pending: boolean;
}

/**
 * One document per registered worker, serving all worker queries and the jobs' candidates. It folds with the aggregate's
 * own `evolve`, so the view cannot come to another opinion than the decisions.
 */
export const workersProjection = defineProjection<WorkerDocument, CMLWorkerEvent>({
  name: 'workers',
  version: 2,
  category: CMLWorker.category,
  eventTypes: Object.keys(cmlWorkerContract.types) as CMLWorkerEvent['type'][],
  indexes: [
    { fields: ['aws_region', 'name'] },
    { fields: ['aws_region', 'status', 'name'] },
    { fields: ['status', 'is_idle_detection_enabled'] },
    { fields: ['power_change_pending'] },
    // The workers of all regions.
    { fields: ['name'] },
    { fields: ['status', 'name'] },
  ],
  documentId: ({ stream }) => idOfStream(stream),
  apply(document, { event }) {
    const after = CMLWorker.evolve(document ?? CMLWorker.initialState, event);
    if (after.kind !== 'registered') return null;
    if (after === document) return document;
    // Fresh from `evolve` and nobody else's: copying it once more would be a twentieth of a replay.
    return Object.assign(after, {
      telemetry_memory: NO_TELEMETRY_SEEN,
      power_change_pending: hasPendingIntent(after),
    });
  },
});
