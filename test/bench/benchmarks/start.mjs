import { join } from 'node:path';
import { SystemClock } from '../../../dist/platform/clock.js';
import { EmbeddedEventStore } from '../../../dist/platform/event-store/embedded/embedded-event-store.js';
import { limitRow, median, milliseconds, showMilliseconds } from '../support/measure.mjs';
import { environmentFor, startService, untilReady } from '../support/processes.mjs';
import { clearScratch, scratchDirectory } from '../support/scratch.mjs';
import { writeLives } from '../support/worker-histories.mjs';

const WORKERS = 1_000;
const EVENTS_EACH = 100;
const STARTS = 5;

export const baselines = [
  'start to ready: from starting the process to /health/ready answering 200, with 100,000 stored events in 1,000 streams; beside the same with nothing stored. "Read models built anew" is the first start without read-models.sqlite',
];

/** How long it takes from nothing to a service that is ready. */
export async function run() {
  const full = scratchDirectory('start');
  const empty = scratchDirectory('start-empty');
  const events = EmbeddedEventStore.open(join(full, 'events.sqlite'), { clock: new SystemClock() });
  await writeLives(events, WORKERS, EVENTS_EACH);
  await events.close();
  const anew = await startToReady(full);
  await startToReady(empty);
  const [withEvents, without] = [[], []];
  for (let start = 0; start < STARTS; start++) {
    withEvents.push(await startToReady(full));
    without.push(await startToReady(empty));
  }
  for (const directory of [full, empty]) clearScratch(directory);
  const baseline = median(without);
  return [
    limitRow('start to ready, 100,000 stored events', median(withEvents), showMilliseconds, { most: 2_000, baseline }),
    limitRow('... read models built anew', anew, showMilliseconds, { baseline }),
  ];
}

async function startToReady(directory) {
  let service;
  const whole = await milliseconds(async () => {
    service = await startService(environmentFor({}, { DATA_DIR: directory }));
    await untilReady(service.url);
  });
  await service.stop();
  return whole;
}
