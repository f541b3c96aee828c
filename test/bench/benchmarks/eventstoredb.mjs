import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { EventStoreDBClient, jsonEvent, NO_STREAM, streamNameFilter } from '@eventstore/db-client';
import { pino } from 'pino';
import { SystemClock } from '../../../dist/platform/clock.js';
import { AggregateStore } from '../../../dist/platform/commands/aggregate-store.js';
import { newCommandContext } from '../../../dist/platform/commands/command-context.js';
import { SnapshotStore } from '../../../dist/platform/commands/snapshot-store.js';
import { EventCodec } from '../../../dist/platform/event-store/event-codec.js';
import { EventStoreDbEventStore } from '../../../dist/platform/event-store/eventstoredb/eventstoredb-event-store.js';
import { EmbeddedReadModelStore } from '../../../dist/platform/read-models/embedded/embedded-read-model-store.js';
import { CMLWorker } from '../../../dist/workers/domain/cml-worker.js';
import { cmlWorkerContract } from '../../../dist/workers/contracts/cml-worker.contract.js';
import { inTurns, perSecond, ratioRow, showPerSecond } from '../support/measure.mjs';
import { clearScratch, scratchDirectory } from '../support/scratch.mjs';
import { startEventStoreDb } from '../support/servers.mjs';
import { lifeOf, newEvent, registration } from '../support/worker-histories.mjs';
import { toggle, toggled } from '../support/toggling.mjs';

/** How many at once, each on a stream of its own, and how many of each in one measurement: short ones, often in turns. */
const ONE = { writers: 1, each: 400 };
const MANY = { writers: 32, each: 80 };
const APPEND_ROUNDS = 25;

/** Events that are caught up with. */
const HISTORY = { streams: 400, eventsEach: 50, appended: 10 };
const CATCH_UP_ROUNDS = 15;
const BATCH = 250;

export const baselines = [
  'a command over EventStoreDB: appendToStream of @eventstore/db-client over a connection of its own with the same settings, of events of the same kind, made before, at their expected revisions, on as many streams. A command switches a worker’s idle detection: it decides on the state it has kept, appends, and keeps the new one; snapshots, one in 100 events, go to an embedded store',
  'catch-up from EventStoreDB: subscribeToAll of the bare client with the same filter and read-ahead, counting the same events',
];

/** The EventStoreDB adapter beside the bare client, on the same server. */
export async function run() {
  const server = await startEventStoreDb();
  const directory = scratchDirectory('eventstoredb-adapter');
  const log = pino({ level: 'silent' });
  const events = await EventStoreDbEventStore.open(server.connectionString, { log });
  const bare = EventStoreDBClient.connectionString(server.connectionString);
  const readModels = EmbeddedReadModelStore.open(join(directory, 'read-models.sqlite'));
  const codec = new EventCodec();
  codec.registerCategory(cmlWorkerContract);
  const aggregates = new AggregateStore(events, codec, new SnapshotStore(readModels, log), new SystemClock());
  try {
    const one = await commands({ events, bare, aggregates }, ONE);
    const many = await commands({ events, bare, aggregates }, MANY);
    const caughtUp = await catchUp({ events, bare });
    return [
      ratioRow('EventStoreDB: a command on a warm stream, one after another', one, showPerSecond, { least: 0.9 }),
      ratioRow('... 32 at once, each on its stream', many, showPerSecond, { least: 0.7 }),
      ratioRow('EventStoreDB: catch-up', caughtUp, showPerSecond, { least: 0.9 }),
    ];
  } finally {
    await events.close();
    await bare.dispose();
    await readModels.close();
    await server.stop();
    clearScratch(directory);
  }
}

async function commands({ events, bare, aggregates }, { writers, each }) {
  const count = writers * each;
  const ids = Array.from({ length: writers }, () => randomUUID());
  for (const id of ids) {
    await events.append(`${CMLWorker.category}-${id}`, [newEvent(registration(0), randomUUID())], 'no_stream');
  }
  const subject = () => {
    const loads = ids.map((id) => ({
      id,
      contexts: Array.from({ length: each }, () => newCommandContext('benchmark')),
    }));
    return perSecond(count, () =>
      Promise.all(
        loads.map(async ({ id, contexts }) => {
          for (const context of contexts) await toggle(aggregates, id, context);
        }),
      ),
    );
  };
  const streams = ids.map((id) => ({ name: `bare-${id}`, revision: NO_STREAM }));
  const baseline = () => {
    const loads = streams.map((stream) => ({
      stream,
      appends: Array.from({ length: each }, (_, i) => jsonEvent(newEvent(toggled(i % 2 === 0), randomUUID()))),
    }));
    return perSecond(count, () =>
      Promise.all(
        loads.map(async ({ stream, appends }) => {
          for (const event of appends) {
            const options = { expectedRevision: stream.revision };
            stream.revision = (await bare.appendToStream(stream.name, event, options)).nextExpectedRevision;
          }
        }),
      ),
    );
  };
  return await inTurns({ subject, baseline, rounds: APPEND_ROUNDS });
}

async function catchUp({ events, bare }) {
  const prefix = `benchHistory${randomUUID().slice(0, 8)}-`;
  const { streams, eventsEach, appended } = HISTORY;
  const count = streams * eventsEach;
  // Not through what was measured before: looking past it would be the server's work on both sides.
  const after = await events.head();
  const lives = Array.from({ length: streams }, (_, index) => lifeOf(index, eventsEach));
  for (let from = 0; from < eventsEach; from += appended) {
    await Promise.all(
      lives.map((life, index) => {
        const some = life.slice(from, from + appended).map((event) => newEvent(event, randomUUID()));
        return events.append(`${prefix}${index}`, some, from === 0 ? 'no_stream' : from - 1);
      }),
    );
  }
  return await inTurns({
    subject: () => perSecond(count, () => follow(events, prefix, after, count)),
    baseline: () => perSecond(count, () => followBare(bare, prefix, after, count)),
    rounds: CATCH_UP_ROUNDS,
    warmUps: 2,
  });
}

async function follow(events, prefix, after, count) {
  const stop = new AbortController();
  const filter = { streamPrefixes: [prefix] };
  let seen = 0;
  for await (const batch of events.subscribe({ after, filter, signal: stop.signal, batchSize: BATCH })) {
    seen += batch.events.length;
    if (seen >= count) stop.abort();
  }
  if (seen !== count) throw new Error(`The subscription handed over ${seen} events instead of ${count}.`);
}

async function followBare(bare, prefix, after, count) {
  const filter = streamNameFilter({ prefixes: [prefix], checkpointInterval: 1 });
  const fromPosition = { commit: BigInt(after), prepare: BigInt(after) };
  const subscription = bare.subscribeToAll({ fromPosition, filter }, { highWaterMark: 128 });
  const { promise, resolve, reject } = Promise.withResolvers();
  let seen = 0;
  subscription.on('error', reject);
  subscription.on('data', ({ event }) => {
    if (event && ++seen === count) resolve();
  });
  await promise;
  await subscription.unsubscribe();
}
