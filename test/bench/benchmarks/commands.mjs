import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import { SystemClock } from '../../../dist/platform/clock.js';
import { AggregateStore } from '../../../dist/platform/commands/aggregate-store.js';
import { newCommandContext } from '../../../dist/platform/commands/command-context.js';
import { SnapshotStore } from '../../../dist/platform/commands/snapshot-store.js';
import { EmbeddedEventStore } from '../../../dist/platform/event-store/embedded/embedded-event-store.js';
import { EventCodec } from '../../../dist/platform/event-store/event-codec.js';
import { EmbeddedReadModelStore } from '../../../dist/platform/read-models/embedded/embedded-read-model-store.js';
import { CMLWorker } from '../../../dist/workers/domain/cml-worker.js';
import { cmlWorkerContract } from '../../../dist/workers/contracts/cml-worker.contract.js';
import { SeededRandom } from '../../../dist/simulated-lab/seeded-random.js';
import {
  concurrently,
  inTurns,
  milliseconds,
  perSecond,
  ratioRow,
  showMicroseconds,
  showPerSecond,
} from '../support/measure.mjs';
import { clearScratch, scratchDirectory } from '../support/scratch.mjs';
import { toggle, toggled } from '../support/toggling.mjs';
import { newEvent, registration, streamOf, workerId } from '../support/worker-histories.mjs';

const STREAMS = 20_000;
const CONCURRENCY = 64;
const ROUNDS = 5;

const LONG = { index: 1_000_001, length: 100_000 };
const SHORT = { index: 1_000_002, length: 100 };
const COMMANDS_ON_ONE = 300;
const COLD_COMMANDS = 40;

export const baselines = [
  'commands over 20,000 streams: EventStore.append of events of the same kind, made before, over the same 20,000 streams at the same revisions, 64 at once. A command switches a worker’s idle detection: load, decide, append; each stream gets one in each round',
  'a command on a long stream: the same command on a stream of 100 events; "after a start" means that nothing is cached',
];

/** The command path: many streams against bare appends, a long stream against a short one. */
export async function run() {
  const directory = scratchDirectory('commands');
  const stores = openStores(directory);
  const rows = [...(await manyStreams(stores)), ...(await longStream(stores))];
  await stores.events.close();
  await stores.readModels.close();
  clearScratch(directory);
  return rows;
}

function openStores(directory) {
  const clock = new SystemClock();
  const codec = new EventCodec();
  codec.registerCategory(cmlWorkerContract);
  const events = EmbeddedEventStore.open(join(directory, 'events.sqlite'), { clock });
  const readModels = EmbeddedReadModelStore.open(join(directory, 'read-models.sqlite'));
  const snapshots = new SnapshotStore(readModels, pino({ level: 'silent' }));
  /** As a process that has just started has it. */
  const newAggregates = () => new AggregateStore(events, codec, snapshots, clock);
  return { events, readModels, newAggregates };
}

/** Two sets of streams of the same kind: one is written by commands, one by appends. */
async function manyStreams({ events, newAggregates }) {
  const random = new SeededRandom('commands');
  const indexes = Array.from({ length: STREAMS }, (_, index) => ({ index, key: random.next() }));
  const order = indexes.sort((a, b) => a.key - b.key).map(({ index }) => index);
  await register(events, [...order, ...order.map((index) => STREAMS + index)]);
  const aggregates = newAggregates();
  const subject = () => {
    const commands = order.map((index) => ({ id: workerId(index), context: newCommandContext('benchmark') }));
    return perSecond(STREAMS, () =>
      concurrently(CONCURRENCY, commands, ({ id, context }) => toggle(aggregates, id, context)),
    );
  };
  let revision = -1;
  const baseline = () => {
    const expected = ++revision;
    const event = toggled(expected % 2 === 1);
    const appends = order.map((index) => ({
      stream: streamOf(STREAMS + index),
      append: [newEvent(event, randomUUID())],
    }));
    return perSecond(STREAMS, () =>
      concurrently(CONCURRENCY, appends, ({ stream, append }) => events.append(stream, append, expected)),
    );
  };
  const first = await inTurns({ subject, baseline, rounds: 1, warmUps: 0 });
  const later = await inTurns({ subject, baseline, rounds: ROUNDS, warmUps: 0 });
  return [
    ratioRow('commands over 20,000 streams, 64 at once', later, showPerSecond, { least: 0.6 }),
    ratioRow('... their first ones, every stream has to be read', first, showPerSecond, {}),
  ];
}

async function register(events, indexes) {
  await concurrently(CONCURRENCY, indexes, (index) =>
    events.append(streamOf(index), [newEvent(registration(index), randomUUID())], 'no_stream'),
  );
}

async function longStream({ events, newAggregates }) {
  for (const { index, length } of [LONG, SHORT]) await writeStream(events, index, length);
  const aggregates = newAggregates();
  // The first load reads all of it and takes a snapshot, as commands do that have written so much.
  for (const { index } of [LONG, SHORT]) await aggregates.load(CMLWorker, workerId(index));
  const warm =
    ({ index }) =>
    () =>
      meanTime(COMMANDS_ON_ONE, () => toggle(aggregates, workerId(index)));
  const cold =
    ({ index }) =>
    () =>
      meanTime(COLD_COMMANDS, () => toggle(newAggregates(), workerId(index)));
  const options = { rounds: 7 };
  const kept = await inTurns({ subject: warm(LONG), baseline: warm(SHORT), ...options });
  const afterStart = await inTurns({ subject: cold(LONG), baseline: cold(SHORT), ...options });
  return [
    ratioRow('a command on a stream of 100,000 events', kept, showMicroseconds, { most: 1.5 }),
    ratioRow('... its first command after a start', afterStart, showMicroseconds, { most: 1.5 }),
  ];
}

async function writeStream(events, index, length) {
  await events.append(streamOf(index), [newEvent(registration(index), randomUUID())], 'no_stream');
  for (let written = 1; written < length;) {
    const some = Array.from({ length: Math.min(500, length - written) }, (_, i) =>
      newEvent(toggled((written + i) % 2 === 0), randomUUID()),
    );
    written = (await events.append(streamOf(index), some, written - 1)).revision + 1;
  }
}

async function meanTime(count, command) {
  const whole = await milliseconds(async () => {
    for (let i = 0; i < count; i++) await command();
  });
  return whole / count;
}
