import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { SystemClock } from '../../../src/platform/clock.js';
import { EmbeddedEventStore } from '../../../src/platform/event-store/embedded/embedded-event-store.js';
import type { JsonObject } from '../../../src/platform/json.js';
import { CMLWorker } from '../../../src/workers/domain/cml-worker.js';
import type { CMLWorkerEvent } from '../../../src/workers/domain/cml-worker.events.js';
import { registered } from '../../support/worker-history.js';

const AT_ONCE = 50;

/**
 * Writes a history of so many workers, `worker-1` and on: every second one stopped, the others running and not watched, so
 * that a service which starts with it leaves them as they are.
 */
export async function writeWorkers(dataDirectory: string, count: number): Promise<void> {
  const events = EmbeddedEventStore.open(join(dataDirectory, 'events.sqlite'), { clock: new SystemClock() });
  const at = new Date().toISOString();
  const write = async (number: number): Promise<void> => {
    const id = randomUUID();
    const history: readonly CMLWorkerEvent[] = [
      registered({
        worker_id: id,
        name: `worker-${number}`,
        aws_region: number % 3 === 0 ? 'eu-west-1' : 'us-east-1',
        aws_instance_id: `i-${number.toString(16).padStart(17, '0')}`,
        status: number % 2 === 0 ? 'stopped' : 'running',
        registered_at: at,
      }),
      {
        type: 'WorkerIdleDetectionToggled',
        data: { is_idle_detection_enabled: false, changed_by: 'ada', changed_at: at },
      },
    ];
    await events.append(
      `${CMLWorker.category}-${id}`,
      history.map(({ type, data }) => ({ id: randomUUID(), type, data: asJson(data), metadata: metadataAt(at) })),
      'no_stream',
    );
  };
  for (let from = 1; from <= count; from += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, count - from + 1) }, (_, index) => from + index);
    await Promise.all(numbers.map(write));
  }
  await events.close();
}

/** Domain events are JSON; their types are interfaces without an index. */
function asJson(data: CMLWorkerEvent['data']): JsonObject {
  return Object.fromEntries(Object.entries(data));
}

function metadataAt(time: string) {
  const id = randomUUID();
  return { $correlationId: id, $causationId: id, schema_version: 1, time, actor: 'ada', command_id: id };
}
