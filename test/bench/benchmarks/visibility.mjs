import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { SystemClock } from '../../../dist/platform/clock.js';
import { EmbeddedEventStore } from '../../../dist/platform/event-store/embedded/embedded-event-store.js';
import { EventCodec } from '../../../dist/platform/event-store/event-codec.js';
import { SoloLeases } from '../../../dist/platform/leases/solo-leases.js';
import { openMongo } from '../../../dist/platform/mongodb/open-mongo.js';
import { ProjectionEngine } from '../../../dist/platform/projections/projection-engine.js';
import { EmbeddedReadModelStore } from '../../../dist/platform/read-models/embedded/embedded-read-model-store.js';
import { cmlWorkerContract } from '../../../dist/workers/contracts/cml-worker.contract.js';
import { workersProjection } from '../../../dist/workers/projections/workers.projection.js';
import { leftOut, limitRow, milliseconds, showMilliseconds } from '../support/measure.mjs';
import { clearScratch, scratchDirectory } from '../support/scratch.mjs';
import { HOW_TO_HAVE_MONGODB, startMongoDb } from '../support/servers.mjs';
import { toggled } from '../support/toggling.mjs';
import { newEvent, registration, streamOf } from '../support/worker-histories.mjs';

const WORKERS = 1_000;
const EVENTS_PER_SECOND = 1_000;
const SECONDS = 60;
const WARM_UP_SECONDS = 3;
const BURST = 5_000;
/** Nothing takes as long, or it counts as this. */
const PATIENCE_MS = 10_000;

const log = pino({ level: 'silent' });

export const baselines = [
  'append to visible: from the moment at which an event is due to be appended, one each millisecond, to the moment at which waitFor of the workers view says that a query sees it; the events go to 1,000 streams of the embedded store, one append each; beside it, the same until the append is answered, which also tells how busy the machine was. The lag after 5,000 events that were appended at once is counted from the last append’s answer until the view has reached it. With MongoDB the projection holds its lease and writes under its fence',
];

/**
 * How late the views are, with events coming all the time and after many at once.
 *
 * @param {{ seconds?: number }} [options] How long they come.
 */
export async function run({ seconds = SECONDS } = {}) {
  const rows = [...(await lateness('embedded view', seconds, openEmbedded))];
  const server = await startMongoDb();
  if (!server) return [...rows, leftOut('append to visible, MongoDB', HOW_TO_HAVE_MONGODB)];
  try {
    rows.push(...(await lateness('MongoDB', seconds, openMongoDb(server.uri))));
  } finally {
    await server.stop();
  }
  return rows;
}

async function openEmbedded(_events, directory) {
  return {
    readModels: EmbeddedReadModelStore.open(join(directory, 'read-models.sqlite')),
    leases: new SoloLeases(),
  };
}

const openMongoDb = (uri) => (events) => openMongo(uri, { events, leaseSeconds: 10, log });

async function lateness(name, seconds, openReadModels) {
  const directory = scratchDirectory('visibility');
  const events = EmbeddedEventStore.open(join(directory, 'events.sqlite'), { clock: new SystemClock() });
  const { readModels, leases } = await openReadModels(events, directory);
  const codec = new EventCodec();
  codec.registerCategory(cmlWorkerContract);
  const engine = new ProjectionEngine({ events, readModels, codec, leases, clock: new SystemClock(), log });
  engine.register(workersProjection);
  await engine.start();
  const load = new Load(events, engine.view('workers'));
  try {
    await load.begin();
    await load.steady(WARM_UP_SECONDS);
    const { stored, visible } = await load.steady(seconds);
    const lag = await load.burst();
    const rate = `${EVENTS_PER_SECOND.toLocaleString('en')} events/s for ${seconds} s`;
    return [
      limitRow(`${name}: append to visible, ${rate}, p99`, percentile(visible, 99), showMilliseconds, {
        most: 50,
        baseline: percentile(stored, 99),
      }),
      limitRow('... median', percentile(visible, 50), showMilliseconds, { baseline: percentile(stored, 50) }),
      limitRow('... longest', percentile(visible, 100), showMilliseconds, { baseline: percentile(stored, 100) }),
      limitRow(`... lag after ${BURST.toLocaleString('en')} events at once`, lag, showMilliseconds, { most: 1_000 }),
    ];
  } finally {
    await engine.stop();
    await leases.close();
    await readModels.close();
    await events.close();
    clearScratch(directory);
  }
}

/** Appends to the streams of all workers in turns, and waits for the view. */
class Load {
  appended = 0;

  constructor(events, view) {
    this.events = events;
    this.view = view;
    this.streams = Array.from({ length: WORKERS }, (_, index) => ({ name: streamOf(index), revision: 'no_stream' }));
  }

  /** Makes the workers. */
  async begin() {
    const appends = this.streams.map((stream, index) => this.append(stream, registration(index)));
    const positions = await Promise.all(appends);
    await this.seen(Math.max(...positions));
  }

  /** @returns {Promise<{ stored: number[], visible: number[] }>} how long each event took to be so, ms, shortest first */
  async steady(seconds) {
    const count = seconds * EVENTS_PER_SECOND;
    const begun = performance.now();
    const waits = [];
    for (let sent = 0; sent < count;) {
      const due = Math.min(count, Math.floor(((performance.now() - begun) * EVENTS_PER_SECOND) / 1_000));
      for (; sent < due; sent++) waits.push(this.follow(begun + (sent * 1_000) / EVENTS_PER_SECOND));
      await delay(1);
    }
    const all = await Promise.all(waits);
    const sorted = (name) => all.map((wait) => wait[name]).sort((a, b) => a - b);
    return { stored: sorted('stored'), visible: sorted('visible') };
  }

  /** @returns {Promise<number>} how long the view is behind after all have been appended, ms */
  async burst() {
    const positions = await Promise.all(Array.from({ length: BURST }, () => this.appendNext()));
    return await milliseconds(() => this.seen(Math.max(...positions)));
  }

  async follow(dueAt) {
    const position = await this.appendNext();
    const stored = performance.now() - dueAt;
    await this.seen(position);
    return { stored, visible: performance.now() - dueAt };
  }

  async seen(position) {
    if (!(await this.view.waitFor(position, PATIENCE_MS))) throw new Error('The view is not moving on.');
  }

  appendNext() {
    const stream = this.streams[this.appended % WORKERS];
    return this.append(stream, toggled(Math.floor(this.appended++ / WORKERS) % 2 === 1));
  }

  async append(stream, event) {
    const expected = stream.revision;
    stream.revision = expected === 'no_stream' ? 0 : expected + 1;
    return (await this.events.append(stream.name, [newEvent(event, randomUUID())], expected)).position;
  }
}

/** @param {readonly number[]} sorted */
function percentile(sorted, percent) {
  return sorted[Math.min(sorted.length - 1, Math.ceil((sorted.length * percent) / 100) - 1)];
}
