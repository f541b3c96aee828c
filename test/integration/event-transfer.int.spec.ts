import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { ManualClock } from '../../src/platform/clock.js';
import { EventCodec } from '../../src/platform/event-store/event-codec.js';
import { EmbeddedEventStore } from '../../src/platform/event-store/embedded/embedded-event-store.js';
import type { EventStore } from '../../src/platform/event-store/event-store.port.js';
import { importHistory } from '../../src/platform/event-transfer/import-history.js';
import { EventStoreDbEventStore } from '../../src/platform/event-store/eventstoredb/eventstoredb-event-store.js';
import { SoloLeases } from '../../src/platform/leases/solo-leases.js';
import { ProjectionEngine } from '../../src/platform/projections/projection-engine.js';
import { EmbeddedReadModelStore } from '../../src/platform/read-models/embedded/embedded-read-model-store.js';
import type { CMLWorkerEvent } from '../../src/workers/domain/cml-worker.events.js';
import { cmlWorkerContract } from '../../src/workers/contracts/cml-worker.contract.js';
import type { WorkerDocument } from '../../src/workers/projections/workers.projection.js';
import { workersProjection } from '../../src/workers/projections/workers.projection.js';
import { startEventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import { append, carried, exported, fileOf, into, newEvent } from '../support/history-files.js';
import {
  active,
  checked,
  deregistered,
  NOON,
  paused,
  pauseRequested,
  registered,
  resumed,
  resumeRequested,
  statusChanged,
} from '../support/worker-history.js';

/** Stored events have ids that are UUIDs. */
const PAUSE = { pause_id: '62d4eb8b-3139-586d-b79f-6bd4427c7d8f' };
const RESUME = { resume_id: 'f78e9eab-a06b-57c4-9c15-56da0ff7303e' };

/** Lives that meet every state a worker's document can have. */
const LIVES: readonly (readonly CMLWorkerEvent[])[] = [
  [registered(), checked(30), active(45)],
  [registered({ name: 'größer' }), checked(30), pauseRequested(PAUSE), paused(PAUSE)],
  [
    ...[registered(), pauseRequested(PAUSE), paused(PAUSE), statusChanged('stopped', 'stopping')],
    ...[resumeRequested(RESUME), resumed(4, RESUME)],
  ],
  [registered(), checked(30), deregistered()],
  [registered(), checked(30), pauseRequested(PAUSE)],
];

const clock = new ManualClock(NOON);
const codec = new EventCodec();
codec.registerCategory(cmlWorkerContract);

let directory: string;
let closing: (() => Promise<void>)[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dormouse-transfer-'));
  closing = [];
});

afterEach(async () => {
  for (const close of closing.toReversed()) await close();
  await rm(directory, { recursive: true });
});

function eventStore(): EventStore {
  const store = EmbeddedEventStore.open(join(directory, `${randomUUID()}.sqlite`), { clock });
  closing.push(() => store.close());
  return store;
}

/** Writes the lives, their events interleaved as those of real workers are. */
async function live(store: EventStore): Promise<void> {
  const workers = LIVES.map(() => randomUUID());
  for (let step = 0; step < Math.max(...LIVES.map((life) => life.length)); step++) {
    for (const [index, life] of LIVES.entries()) {
      const event = life[step];
      if (!event) continue;
      const id = randomUUID();
      const time = new Date(NOON).toISOString();
      const metadata = { $correlationId: id, $causationId: id, time, actor: 'ada', command_id: id };
      await store.append(`cmlWorker-${workers[index]}`, [codec.encode(event, id, metadata)], 'any');
    }
  }
}

/** The workers' documents, as the engine makes them of a history. */
async function documentsOf(events: EventStore): Promise<Record<string, WorkerDocument>> {
  const readModels = EmbeddedReadModelStore.open(join(directory, `${randomUUID()}.sqlite`));
  const engine = new ProjectionEngine({
    events,
    readModels,
    codec,
    leases: new SoloLeases(),
    clock,
    log: pino({ level: 'silent' }),
  });
  engine.register(workersProjection);
  closing.push(async () => {
    await engine.stop();
    await readModels.close();
  });
  await engine.start();
  await engine.caughtUp();
  const found = await engine.view<WorkerDocument>('workers').find({});
  return Object.fromEntries(found.map(({ id, document }) => [id, document]));
}

describe('A history of workers that was moved', () => {
  it('makes the same read models as the one it was made of', async () => {
    const [source, target] = [eventStore(), eventStore()];
    await live(source);
    await importHistory(fileOf(await exported(source)), into(target));

    const documents = await documentsOf(source);
    expect(Object.values(documents).map(({ status }) => status)).toHaveLength(LIVES.length - 1);
    expect(await documentsOf(target)).toEqual(documents);
  });
});

describe('A history of any store', () => {
  /** A real EventStoreDB, when there is one; else the server of the tests that speaks its protocol. */
  async function eventStoreDb(): Promise<EventStore> {
    const given = process.env['EVENTSTOREDB_TEST_URI'];
    const server = given === undefined ? await startEventStoreDbServer() : undefined;
    if (server) closing.push(() => server.dispose());
    const log = pino({ level: 'silent' });
    const store = await EventStoreDbEventStore.open(given ?? server?.connectionString ?? '', { log });
    closing.push(() => store.close());
    return store;
  }

  it('moves to EventStoreDB and back, and an interrupted move goes on', async () => {
    const [first, second, last] = [eventStore(), await eventStoreDb(), eventStore()];
    // Others use an EventStoreDB as well: only streams of this category are looked at.
    const category = `moved${randomUUID().replaceAll('-', '')}`;
    for (let n = 0; n < 200; n++) {
      await append(first, `${category}-${n % 7}`, newEvent({ n, text: 'größer 記録 \u2028' }), newEvent({ n }));
    }
    const file = await exported(first);

    const stop = new AbortController();
    const interrupted = importHistory(fileOf(file), into(second), {
      signal: stop.signal,
      onProgress: (phase, done) => {
        if (phase === 'importing' && done === 100) stop.abort(new Error('Interrupted.'));
      },
    });
    await expect(interrupted).rejects.toThrow('Interrupted.');
    expect(await importHistory(fileOf(file), into(second))).toMatchObject({ streams: 7, present: 100, imported: 300 });
    const back = await exported(second, [category]);
    expect(carried(back)).toEqual(carried(file));

    await importHistory(fileOf(back), into(last));
    expect(carried(await exported(last))).toEqual(carried(file));
  }, 60_000);
});
