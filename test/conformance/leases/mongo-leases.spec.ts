import { pino } from 'pino';
import { MongoLeases } from '../../../src/platform/leases/mongo-leases.js';
import { describeWithMongo, TestDatabase } from '../../support/mongodb.js';
import { describeLeases } from './leases.conformance.js';

const log = pino({ level: 'silent' });

describeWithMongo('with a server', () => {
  describeLeases('in MongoDB', async () => {
    const database = new TestDatabase();
    const instance = async () => MongoLeases.on(await database.connect(), { log });
    const instances = [await instance(), await instance(), await instance()] as const;
    return {
      instances,
      async dispose() {
        for (const leases of instances) await leases.close();
        await database.drop();
      },
    };
  });
});
