import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Collection, MongoClient } from 'mongodb';
import { pino } from 'pino';
import { SystemClock } from '../../../dist/platform/clock.js';
import { EmbeddedEventStore } from '../../../dist/platform/event-store/embedded/embedded-event-store.js';
import { EventCodec } from '../../../dist/platform/event-store/event-codec.js';
import { openMongo } from '../../../dist/platform/mongodb/open-mongo.js';
import { ProjectionEngine } from '../../../dist/platform/projections/projection-engine.js';
import { cmlWorkerContract } from '../../../dist/workers/contracts/cml-worker.contract.js';
import { workersProjection } from '../../../dist/workers/projections/workers.projection.js';
import { exactRow, inTurns, leftOut, perSecond, ratioRow, showPerSecond } from '../support/measure.mjs';
import { clearScratch, scratchDirectory } from '../support/scratch.mjs';
import { HOW_TO_HAVE_MONGODB, startMongoDb } from '../support/servers.mjs';
import { writeLives } from '../support/worker-histories.mjs';

/** What is replayed: many documents with a few events each, and fewer with many. */
const YOUNG = { workers: 4_000, eventsEach: 5 };
const OLD = { workers: 1_000, eventsEach: 60 };
const ROUNDS = 9;
/** As the adapter sends them at most. */
const WRITES_IN_A_CALL = 1_000;
/** Events of one worker that arrive in one batch. */
const OF_ONE = 250;

const READ_MODEL = 'dormouse.models.workers__';

const log = pino({ level: 'silent' });

export const baselines = [
  'projecting into MongoDB: bulkWrite of the same documents, as they are stored, into an empty collection with the same indexes: replaceOne with upsert by _id, unordered, 1,000 in a call, write concern majority, made before. The projection reads the events from the embedded store, folds them, looks for documents that exist, and writes under its lease: 4,000 workers of 5 events. With 60 events each it is reading and folding that takes the time',
  'writes for events of one document: counted where the driver is called, in the replay of as many events as make one batch',
];

/** A read model in MongoDB built from nothing, against writing its documents. */
export async function run() {
  const server = await startMongoDb();
  if (!server) return [leftOut('projecting into MongoDB', HOW_TO_HAVE_MONGODB)];
  const bare = await MongoClient.connect(server.uri);
  const database = bare.db(undefined, { writeConcern: { w: 'majority', journal: true } });
  try {
    const young = await compare(server.uri, database, YOUNG);
    const old = await compare(server.uri, database, OLD);
    const writes = await withEvents({ workers: 1, eventsEach: OF_ONE }, (events) =>
      countWrites(() => replay(events, server.uri)),
    );
    return [
      ratioRow('projecting into MongoDB, documents of 5 events', young, showPerSecond, { least: 0.6 }),
      ratioRow('... documents of 60 events', old, showPerSecond, {}),
      exactRow(`... writes for ${OF_ONE} events of one document`, writes, 1),
    ];
  } finally {
    await bare.close();
    await server.stop();
  }
}

/** Documents a second, of the projection and of the bare driver. */
async function compare(uri, database, { workers, eventsEach }) {
  return await withEvents({ workers, eventsEach }, async (events) => {
    await database.dropDatabase();
    await replay(events, uri);
    const written = await writtenInto(database);
    if (written.documents.length !== workers) throw new Error(`The replay made ${written.documents.length} documents.`);
    return await inTurns({
      subject: async () => {
        await database.dropDatabase();
        return (workers * 1_000) / (await replay(events, uri));
      },
      baseline: () => writeBare(database, written),
      rounds: ROUNDS,
    });
  });
}

async function withEvents({ workers, eventsEach }, work) {
  const directory = scratchDirectory('mongodb');
  const events = EmbeddedEventStore.open(join(directory, 'events.sqlite'), { clock: new SystemClock() });
  try {
    await writeLives(events, workers, eventsEach);
    return await work(events);
  } finally {
    await events.close();
    clearScratch(directory);
  }
}

/** How many documents of the read model the driver is told to write. */
async function countWrites(work) {
  const { bulkWrite } = Collection.prototype;
  let count = 0;
  Collection.prototype.bulkWrite = function (writes, ...rest) {
    if (this.collectionName.startsWith(READ_MODEL)) count += writes.length;
    return bulkWrite.call(this, writes, ...rest);
  };
  try {
    await work();
  } finally {
    Collection.prototype.bulkWrite = bulkWrite;
  }
  return count;
}

/** The documents of the read model, and its indexes. */
async function writtenInto(database) {
  const names = (await database.listCollections().toArray()).map(({ name }) => name);
  const name = names.find((some) => some.startsWith(READ_MODEL));
  const collection = database.collection(name);
  const documents = await collection.find({}).toArray();
  const indexes = (await collection.listIndexes().toArray()).map(({ name, key }) => ({ name, key }));
  return { documents, indexes: indexes.filter((index) => index.name !== '_id_') };
}

async function writeBare(database, { documents, indexes }) {
  const collection = database.collection(`bare_${randomUUID().slice(0, 8)}`);
  await collection.createIndexes(indexes);
  const writes = documents.map((replacement) => ({
    replaceOne: { filter: { _id: replacement._id }, replacement, upsert: true },
  }));
  const rate = await perSecond(writes.length, async () => {
    for (let from = 0; from < writes.length; from += WRITES_IN_A_CALL) {
      await collection.bulkWrite(writes.slice(from, from + WRITES_IN_A_CALL), { ordered: false });
    }
  });
  await collection.drop();
  return rate;
}

/** @returns {Promise<number>} milliseconds from the first read of events until the view has got to the end */
async function replay(events, uri) {
  const { readModels, leases } = await openMongo(uri, { events, leaseSeconds: 10, log });
  const codec = new EventCodec();
  codec.registerCategory(cmlWorkerContract);
  let begun;
  const begin = (read) => (options) => {
    begun ??= performance.now();
    return read.call(events, options);
  };
  const source = Object.assign(Object.create(events), {
    readAll: begin(events.readAll),
    subscribe: begin(events.subscribe),
  });
  const engine = new ProjectionEngine({ events: source, readModels, codec, leases, clock: new SystemClock(), log });
  engine.register(workersProjection);
  await engine.start();
  await engine.caughtUp();
  const took = performance.now() - begun;
  await engine.stop();
  await leases.close();
  await readModels.close();
  return took;
}
