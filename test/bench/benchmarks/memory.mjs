import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { limitRow, showMegabytes } from '../support/measure.mjs';
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

const WORKERS = 6;
const RUNS = 5;
const IDLE_MS = 20_000;

export const baselines = [
  'idle memory: resident memory (VmRSS) of the service as npm start runs it, with 6 workers of 3,136 telemetry events each, 20 s after five runs of both jobs; beside a Node process that does nothing',
];

/** What the service keeps of the machine's memory while it has nothing to do. */
export async function run() {
  const directory = scratchDirectory('memory');
  const lab = await startLab({ telemetryEvents: 3_136, instances: WORKERS });
  const service = await startService(environmentFor(lab, { DATA_DIR: directory }));
  await untilReady(service.url);
  const client = clientOf(service.url);
  for (let i = 0; i < WORKERS; i++) {
    const body = { aws_instance_id: instanceId(i), cml_endpoint: lab.cmlUrl };
    await client.post(`/region/${REGION}/workers/import`, body);
  }
  for (let run = 0; run < RUNS; run++) {
    await lab.use(2);
    await client.post('/jobs/worker-status-sync/run');
    await client.post('/jobs/activity-detection/run');
    await client.get(`/region/${REGION}/workers`);
  }
  await client.close();
  const bare = spawn(process.execPath, ['--eval', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
  await delay(IDLE_MS);
  const idle = memoryOf(service.child.pid, 'VmRSS');
  const baseline = memoryOf(bare.pid, 'VmRSS');
  bare.kill();
  await service.stop();
  await lab.stop();
  clearScratch(directory);
  return [limitRow('idle memory of the running service', idle, showMegabytes, { most: 150, baseline })];
}
