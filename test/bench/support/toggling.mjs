import { newCommandContext } from '../../../dist/platform/commands/command-context.js';
import { CMLWorker } from '../../../dist/workers/domain/cml-worker.js';
import { toggleIdleDetection } from '../../../dist/workers/domain/cml-worker.decisions.js';

/** The event of {@link toggle}. @param {boolean} is_idle_detection_enabled */
export function toggled(is_idle_detection_enabled) {
  const changed_at = new Date(Date.UTC(2025, 10, 19)).toISOString();
  return {
    type: 'WorkerIdleDetectionToggled',
    data: { is_idle_detection_enabled, changed_by: 'benchmark', changed_at },
  };
}

/**
 * The command that the benchmarks give a registered worker: it switches idle detection, so it always writes one event.
 *
 * @param {import('../../../dist/platform/commands/aggregate-store.js').AggregateStore} aggregates
 * @param {string} id
 */
export async function toggle(aggregates, id, context = newCommandContext('benchmark')) {
  const done = await aggregates.transact(CMLWorker, id, context, (state) =>
    toggleIdleDetection(state, !state.is_idle_detection_enabled, 'benchmark', Date.UTC(2025, 10, 20)),
  );
  if (done.events?.length !== 1) throw new Error('The command wrote nothing.');
}
