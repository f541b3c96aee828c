import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { SettingsError } from '../config/settings.js';
import { MongoConnection } from './mongo-connection.js';

const log = pino({ level: 'silent' });
/** Nobody listens there. */
const NOBODY = 'mongodb://127.0.0.1:9';

describe('A connection to MongoDB', () => {
  it.each([
    '',
    'localhost:27017',
    'http://localhost:27017',
    'mongodb://',
    'mongodb://user:s3cret@',
    'mongodb://user:s3cret@host:99999999/db',
    'mongodb://user:s3cret@host/db?noSuchOption=1',
    'mongodb://user:s3cr%et@host/db',
    'mongodb://user:s3cret@host/bad%20name?tls=maybe',
    'mongodb+srv://user:s3cret@host:27017/db',
  ])('refuses %j with a message that names MONGODB_URI and no password', async (uri) => {
    const refusal = MongoConnection.open(uri, { log });
    await expect(refusal).rejects.toThrow(SettingsError);
    await expect(refusal).rejects.toThrow(/MONGODB_URI: mongodb:\/\/.* is accepted/);
    await expect(refusal).rejects.not.toThrow(/s3cr/);
  });

  it.each([
    ['mongodb://host', 'dormouse', 'host'],
    ['mongodb://host/', 'dormouse', 'host'],
    ['mongodb://user:pass@host:27018/lab?tls=true', 'lab', 'host:27018'],
    ['mongodb://a:1,b:2,c:3/my%2Dlab?replicaSet=rs0', 'my-lab', 'a:1,b:2,c:3'],
    ['mongodb://[::1]:27017/?authSource=admin', 'dormouse', '[::1]:27017'],
  ])('of %s uses the database %s at %s', async (uri, database, address) => {
    const connection = await MongoConnection.open(uri, { log });
    expect([connection.db.databaseName, connection.address]).toEqual([database, address]);
    await connection.close();
  });

  it('asks for confirmation by a majority and reads from the primary what a majority has, whatever the URI says', async () => {
    const connection = await MongoConnection.open(`${NOBODY}/?w=0&readConcernLevel=local&readPreference=secondary`, {
      log,
    });
    const { writeConcern, readConcern, readPreference } = connection.db;
    expect(writeConcern).toMatchObject({ w: 'majority', journal: true });
    expect(readConcern).toMatchObject({ level: 'majority' });
    expect(readPreference?.mode).toBe('primary');
    await connection.close();
  });

  it('lets the URI say how long to wait', async () => {
    const connection = await MongoConnection.open(`${NOBODY}/?serverSelectionTimeoutMS=50`, { log });
    const begin = performance.now();
    await expect(connection.ping()).rejects.toMatchObject({ code: 'read_model_store_unavailable' });
    expect(performance.now() - begin).toBeLessThan(1_000);
    await connection.close();
  });

  it('gives up an operation that no answer comes to', async () => {
    const connection = await MongoConnection.open(NOBODY, { log, operationTimeoutMs: 20 });
    await expect(connection.run(() => new Promise(() => undefined))).rejects.toThrow('did not answer within 20 ms');
    await connection.close();
  });

  it('says so when it is closed', async () => {
    const connection = await MongoConnection.open(NOBODY, { log });
    await connection.close();
    await connection.close();
    await expect(connection.run(() => Promise.resolve(1))).rejects.toMatchObject({
      code: 'read_model_store_unavailable',
    });
  });
});
