import { pino } from 'pino';
import { MongoLeases } from '../../../src/platform/leases/mongo-leases.js';
import { MongoReadModelStore } from '../../../src/platform/read-models/mongo/mongo-read-model-store.js';
import type { Fence } from '../../../src/platform/read-models/read-model-store.port.js';
import { describeWithMongo, TestDatabase } from '../../support/mongodb.js';
import { describeReadModelStore } from './read-model-store.conformance.js';

const log = pino({ level: 'silent' });

describeWithMongo('with a server', () => {
  describeReadModelStore('mongodb', async () => {
    const database = new TestDatabase();
    let store = new MongoReadModelStore(await database.connect());
    const instances: MongoLeases[] = [];

    /** Takes the lease as a new instance would. */
    const fenceOf = async (name: string): Promise<Fence> => {
      const leases = MongoLeases.on(await database.connect(), { log });
      instances.push(leases);
      const { fence } = await leases.acquire(name);
      if (!fence) throw new Error('A shared lease has a fence.');
      return fence;
    };

    return {
      store,
      async reopen() {
        await store.close();
        store = new MongoReadModelStore(await database.connect());
        return store;
      },
      async dispose() {
        for (const leases of instances) await leases.close();
        await store.close();
        await database.drop();
      },
      async fences() {
        const stale = await fenceOf('projection/workers');
        await instances.pop()?.close();
        return { stale, current: await fenceOf('projection/workers') };
      },
    };
  });
});
