import { MongoReadModelStore } from '../../../src/platform/read-models/mongo/mongo-read-model-store.js';
import { describeWithMongo, TestDatabase } from '../../support/mongodb.js';
import { describeCoachingReadModels } from './read-models.conformance.js';

describeWithMongo('with a server', () => {
  const open = async () => {
    const database = new TestDatabase();
    const store = new MongoReadModelStore(await database.connect());
    const close = async () => {
      await store.close();
      await database.drop();
    };
    return { store, close };
  };
  describeCoachingReadModels('mongodb', open, (fields) => new RegExp(`^ix_${fields}\\n`));
});
