import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { SystemClock } from '../../../dist/platform/clock.js';
import { EmbeddedEventStore } from '../../../dist/platform/event-store/embedded/embedded-event-store.js';
import { BareLog } from '../support/bare-sqlite.mjs';
import { inTurns, perSecond, ratioRow, showPerSecond } from '../support/measure.mjs';
import { clearScratch, scratchDirectory } from '../support/scratch.mjs';
import { lifeOf, newEvent } from '../support/worker-histories.mjs';

const ROUNDS = 15;
const BARE_APPENDS = 1_500;
/** Concurrent writers, and how many events each of them appends. */
const ONE = { writers: 1, each: 1_500 };
const MANY = { writers: 64, each: 150 };

export const baselines = [
  'durable append: one prepared INSERT of the same row into the store’s own events table with its index, each its own transaction (node:sqlite, WAL, synchronous FULL); ids, JSON and revisions were made before. The event is a WorkerPaused, 0.9 KB with its metadata; the large one a check with ten recent events',
];

/** Durable appends of one and of many writers, against bare SQLite with one writer. */
export async function run() {
  const directory = scratchDirectory('append');
  const events = EmbeddedEventStore.open(join(directory, 'events.sqlite'), { clock: new SystemClock() });
  const bare = new BareLog(join(directory, 'bare.sqlite'));
  const [check, paused] = lifeOf(1, 14).slice(-2);
  const compare = (event, load) =>
    inTurns({
      subject: (round) => appends(events, event, load, `${event.type}-${load.writers}-${round}`),
      baseline: (round) => bareAppends(bare, event, `${event.type}-${load.writers}-${round}`),
      rounds: ROUNDS,
    });
  const one = await compare(paused, ONE);
  const many = await compare(paused, MANY);
  const manyChecks = await compare(check, MANY);
  bare.close();
  await events.close();
  clearScratch(directory);
  return [
    ratioRow('durable append, 1 writer', one, showPerSecond, { least: 0.8 }),
    ratioRow('durable append, 64 writers, over bare 1 writer', many, showPerSecond, { least: 8 }),
    ratioRow('... of large events (2.2 KB)', manyChecks, showPerSecond, {}),
  ];
}

function bareAppends(bare, event, stream) {
  const { type, data, metadata } = newEvent(event, randomUUID());
  const rows = Array.from({ length: BARE_APPENDS }, (_, revision) => ({
    stream,
    revision,
    type,
    id: Buffer.from(randomUUID().replaceAll('-', ''), 'hex'),
    data: JSON.stringify(data),
    metadata: JSON.stringify(metadata),
  }));
  return perSecond(rows.length, () => {
    for (const row of rows) bare.append(row);
  });
}

function appends(events, event, { writers, each }, name) {
  const loads = Array.from({ length: writers }, (_, writer) => ({
    stream: `${name}-${writer}`,
    appends: Array.from({ length: each }, () => [newEvent(event, randomUUID())]),
  }));
  return perSecond(writers * each, () =>
    Promise.all(
      loads.map(async ({ stream, appends }) => {
        let expected = 'no_stream';
        for (const append of appends) expected = (await events.append(stream, append, expected)).revision;
      }),
    ),
  );
}
