import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { Leases } from '../../src/platform/leases/leases.port.js';
import { DatabaseRefused } from '../../src/platform/mongodb/mongodb.errors.js';
import { openMongo } from '../../src/platform/mongodb/open-mongo.js';
import type { ReadModelStore } from '../../src/platform/read-models/read-model-store.port.js';
import { eventually } from '../support/eventually.js';
import { describeWithMongo, TestDatabase } from '../support/mongodb.js';

const log = pino({ level: 'silent' });

interface Service {
  readonly readModels: ReadModelStore;
  readonly leases: Leases;
}

describeWithMongo('A database that a service begins to use', () => {
  let database: TestDatabase;
  let services: Service[];

  beforeEach(() => {
    database = new TestDatabase();
    services = [];
  });
  afterEach(async () => {
    for (const service of services) await stop(service);
    await database.drop();
  });

  const start = async (history: string): Promise<Service> => {
    const events = { identity: () => Promise.resolve(history) };
    const service = await openMongo(database.uri, { events, leaseSeconds: 1, log });
    services.push(service);
    return service;
  };
  const stop = async ({ leases, readModels }: Service) => {
    await leases.close();
    await readModels.close();
  };
  const meta = async () => {
    const { db } = await database.connect();
    return db.collection<{ _id: string; format: number; history: string }>('dormouse.meta');
  };

  it('remembers which history its documents are made from', async () => {
    const { readModels } = await start('history-1');
    await readModels.collection({ name: 'workers' });
    expect(await (await meta()).findOne()).toMatchObject({ _id: 'read_models', format: 1, history: 'history-1' });
  });

  it('is shared by all instances with that history', async () => {
    const [one, two] = [await start('history-1'), await start('history-1')];
    await Promise.all([one.readModels.ping(), two.readModels.ping()]);
    await one.leases.acquire('projection/workers');
    await (await start('history-1')).readModels.ping();
  });

  it('is refused while an instance with another history holds a lease, and free again when it has stopped', async () => {
    const other = await start('history-1');
    await other.leases.acquire('projection/workers');
    const { readModels, leases } = await start('history-2');
    await expect(readModels.ping()).rejects.toMatchObject({ code: 'store_in_use', status: 503 });
    await expect(readModels.collection({ name: 'workers' })).rejects.toThrow(DatabaseRefused);
    await expect(leases.tryAcquire('projection/workers')).rejects.toThrow('in use for another event history');
    await stop(other);
    await eventually('it is free', () =>
      readModels.ping().then(
        () => true,
        () => false,
      ),
    );
    expect((await (await meta()).findOne())?.history).toBe('history-2');
  });

  it('is given to one of two histories that come at the same time', async () => {
    const both = [await start('history-1'), await start('history-2')];
    const outcomes = await Promise.allSettled(both.map(({ readModels }) => readModels.ping()));
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  it('of a newer format is refused, untouched', async () => {
    await (await meta()).insertOne({ _id: 'read_models', format: 2, history: 'history-1' });
    const { readModels } = await start('history-1');
    const refusal = readModels.collection({ name: 'workers' });
    await expect(refusal).rejects.toMatchObject({ code: 'store_newer_format' });
    await expect(refusal).rejects.toThrow('is of format 2, this program knows 1');
    const { db } = await database.connect();
    expect((await db.listCollections().toArray()).map(({ name }) => name)).toEqual(['dormouse.meta']);
  });

  it('that has collections of ours and does not say what they are is refused', async () => {
    const { db } = await database.connect();
    await db.collection('dormouse.models.workers').insertOne({ x: 1 });
    const { readModels } = await start('history-1');
    await expect(readModels.ping()).rejects.toMatchObject({ code: 'store_foreign' });
  });

  it('may hold collections of others', async () => {
    const { db } = await database.connect();
    await db.collection('orders').insertOne({ x: 1 });
    await (await start('history-1')).readModels.ping();
  });

  it('is asked for again when the history could not be told at first', async () => {
    let known = false;
    const events = {
      identity: () => (known ? Promise.resolve('history-1') : Promise.reject(new Error('the event store is away'))),
    };
    const service = await openMongo(database.uri, { events, leaseSeconds: 1, log });
    services.push(service);
    await expect(service.readModels.ping()).rejects.toMatchObject({
      code: 'read_model_store_unavailable',
      message: expect.stringMatching(/^MongoDB answers, but is not used before .*: the event store is away$/),
    });
    known = true;
    await service.readModels.ping();
  });
});
