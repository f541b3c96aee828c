import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import { SystemClock } from '../../../dist/platform/clock.js';
import { EmbeddedEventStore } from '../../../dist/platform/event-store/embedded/embedded-event-store.js';
import { EventCodec } from '../../../dist/platform/event-store/event-codec.js';
import { SoloLeases } from '../../../dist/platform/leases/solo-leases.js';
import { ProjectionEngine } from '../../../dist/platform/projections/projection-engine.js';
import { EmbeddedReadModelStore } from '../../../dist/platform/read-models/embedded/embedded-read-model-store.js';
import { cmlWorkerContract } from '../../../dist/workers/contracts/cml-worker.contract.js';
import { workersProjection } from '../../../dist/workers/projections/workers.projection.js';
import { inTurns, perSecond, ratioRow, showPerSecond } from '../support/measure.mjs';
import { clearScratch, scratchDirectory } from '../support/scratch.mjs';
import { writeLives } from '../support/worker-histories.mjs';

const WORKERS = 1_000;
const EVENTS_EACH = 60;
const ROUNDS = 7;

export const baselines = [
  'replay: JSON.parse of the same events, each a text in memory. The replay reads them from the store, folds them with the workers projection and commits documents and checkpoint to an empty read-model store',
];

/** A read model built from nothing, against parsing the same events. */
export async function run() {
  const directory = scratchDirectory('replay');
  const clock = new SystemClock();
  const events = EmbeddedEventStore.open(join(directory, 'events.sqlite'), { clock });
  await writeLives(events, WORKERS, EVENTS_EACH);
  const texts = await textsOf(events);
  const measured = await inTurns({
    subject: () => replay(events, clock, directory),
    baseline: () => perSecond(texts.length, () => parseAll(texts)),
    rounds: ROUNDS,
    warmUps: 2,
  });
  await events.close();
  clearScratch(directory);
  return [ratioRow('replay into a projection', measured, showPerSecond, { least: 0.5 })];
}

async function textsOf(events) {
  const texts = [];
  for (let after = null; ;) {
    const page = await events.readAll({ after, limit: 1_000 });
    texts.push(...page.events.map((event) => JSON.stringify(event)));
    after = page.position;
    if (page.live) return texts;
  }
}

function parseAll(texts) {
  for (const text of texts) if (JSON.parse(text) === null) throw new Error('An event is null.');
}

async function replay(events, clock, directory) {
  const readModels = EmbeddedReadModelStore.open(join(directory, `read-models-${randomUUID()}.sqlite`));
  const codec = new EventCodec();
  codec.registerCategory(cmlWorkerContract);
  const log = pino({ level: 'silent' });
  const engine = new ProjectionEngine({ events, readModels, codec, leases: new SoloLeases(), clock, log });
  engine.register(workersProjection);
  const rate = await perSecond(WORKERS * EVENTS_EACH, async () => {
    await engine.start();
    await engine.caughtUp();
  });
  const documents = await engine.view('workers').count();
  if (documents !== WORKERS) throw new Error(`The replay made ${documents} documents instead of ${WORKERS}.`);
  await engine.stop();
  await readModels.close();
  return rate;
}
