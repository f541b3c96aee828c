import { setTimeout as delay } from 'node:timers/promises';
import { limitRow, median, showMegabytes, showMilliseconds } from '../support/measure.mjs';
import {
  clientOf,
  environmentFor,
  memoryOf,
  REGION,
  startLab,
  startService,
  untilReady,
} from '../support/processes.mjs';
import { clearScratch, scratchDirectory } from '../support/scratch.mjs';
import { instanceId } from '../support/worker-histories.mjs';

const EVENTS = 500_000;
const CHECKS = 3;
const EVERY_MS = 5;

export const baselines = [
  '500,000 events: the most memory that the service’s process ever had (VmHWM), and the longest that a client which asks for /health/live every 5 ms waited for an answer during three checks, beside the same while nothing is checked',
];

/** Checks of a worker whose telemetry is enormous, while others want answers too. */
export async function run() {
  const directory = scratchDirectory('large');
  const lab = await startLab({ telemetryEvents: EVENTS, instances: 1 });
  const service = await startService(environmentFor(lab, { DATA_DIR: directory }));
  await untilReady(service.url);
  const client = clientOf(service.url);
  const worker = await client.post(`/region/${REGION}/workers/import`, {
    aws_instance_id: instanceId(0),
    cml_endpoint: lab.cmlUrl,
  });
  const quiet = await longestWait(client, () => delay(1_000));
  const longest = [];
  for (let check = 0; check < CHECKS; check++) {
    longest.push(await longestWait(client, () => detect(client, worker.worker_id)));
    await lab.use(1);
  }
  const peak = memoryOf(service.child.pid, 'VmHWM');
  await client.close();
  await service.stop();
  await lab.stop();
  clearScratch(directory);
  const wait = Math.max(...longest);
  return [
    limitRow('telemetry of 500,000 events: memory at most', peak, showMegabytes, { most: 600 }),
    limitRow('... longest wait of other requests', wait, showMilliseconds, { most: 100, baseline: quiet }),
  ];
}

async function detect(client, workerId) {
  const result = await client.post(`/region/${REGION}/workers/${workerId}/detect-idle`);
  if (result.reason === undefined) throw new Error(`The check says ${JSON.stringify(result)}`);
}

/** The longest that a small request took while `work` went on, ms. */
async function longestWait(client, work) {
  const waits = [];
  let over = false;
  const working = work().finally(() => {
    over = true;
  });
  while (!over) {
    const sentAt = performance.now();
    await client.get('/health/live');
    waits.push(performance.now() - sentAt);
    await delay(EVERY_MS);
  }
  await working;
  if (waits.length < 10) throw new Error(`Only ${waits.length} requests, median ${median(waits)} ms.`);
  return Math.max(...waits);
}
