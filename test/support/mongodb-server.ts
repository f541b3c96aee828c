import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe } from '@jest/globals';
import { pino } from 'pino';
import { MongoConnection } from '../../src/platform/mongodb/mongo-connection.js';
import { eventually } from './eventually.js';

const run = promisify(execFile);

/** A program that starts, stops, kills, freezes and thaws a server: `PROGRAM start DIR PORT`, `PROGRAM kill DIR`, ... */
const CONTROL = process.env['MONGODB_TEST_CONTROL'];

/** `describe` for what has to stop, kill or freeze a MongoDB-compatible server. */
export const describeWithMongoControl = CONTROL ? describe : describe.skip;

/** A MongoDB-compatible server of the test's own. */
export class MongoServer {
  private constructor(
    private readonly directory: string,
    readonly uri: string,
  ) {}

  static async start(): Promise<MongoServer> {
    const directory = await mkdtemp(join(tmpdir(), 'dormouse-mongodb-'));
    const port = 27_500 + Math.floor(Math.random() * 2_000);
    await run(control(), ['start', directory, String(port)]);
    return new MongoServer(directory, `mongodb://127.0.0.1:${port}`);
  }

  /** Starts it again, with the data it had, at the same port, and waits until it has recovered. */
  async restart(): Promise<void> {
    await run(control(), ['start', this.directory]);
    const connection = await MongoConnection.open(this.uri, { log: pino({ level: 'silent' }) });
    await eventually(
      'the server has recovered',
      () =>
        connection.ping().then(
          () => true,
          () => delay(100, false),
        ),
      30_000,
    );
    await connection.close();
  }

  async kill(): Promise<void> {
    await run(control(), ['kill', this.directory]);
  }

  /** Connections stay open and nothing answers. */
  async freeze(): Promise<void> {
    await run(control(), ['freeze', this.directory]);
  }

  async thaw(): Promise<void> {
    await run(control(), ['thaw', this.directory]);
  }

  async remove(): Promise<void> {
    await run(control(), ['stop', this.directory]);
    await rm(this.directory, { recursive: true, force: true });
  }
}

function control(): string {
  if (!CONTROL) throw new Error('MONGODB_TEST_CONTROL is not set.');
  return CONTROL;
}
