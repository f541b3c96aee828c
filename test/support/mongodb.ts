import { randomUUID } from 'node:crypto';
import { describe } from '@jest/globals';
import { pino } from 'pino';
import { MongoConnection } from '../../src/platform/mongodb/mongo-connection.js';

const log = pino({ level: 'silent' });

/** Address of a MongoDB-compatible server, or undefined: then what needs one is left out. */
export const MONGODB_TEST_URI = process.env['MONGODB_TEST_URI'];

/** `describe` for what needs a MongoDB-compatible server. */
export const describeWithMongo = MONGODB_TEST_URI ? describe : describe.skip;

/** A database that nobody else uses. */
export class TestDatabase {
  readonly name = `dormouse_test_${randomUUID().slice(0, 8)}`;
  private readonly connections: MongoConnection[] = [];

  constructor(private readonly server = MONGODB_TEST_URI ?? '') {}

  get uri(): string {
    const uri = new URL(this.server);
    uri.pathname = `/${this.name}`;
    return uri.href;
  }

  async connect(operationTimeoutMs?: number): Promise<MongoConnection> {
    const connection = await MongoConnection.open(this.uri, { log, ...(operationTimeoutMs && { operationTimeoutMs }) });
    this.connections.push(connection);
    return connection;
  }

  /** Removes the database and closes what is open. */
  async drop(): Promise<void> {
    const last = await MongoConnection.open(this.uri, { log });
    await last.run((db) => db.dropDatabase());
    for (const connection of [last, ...this.connections]) await connection.close();
  }
}
