import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startServerProcess } from '../../support/eventstoredb-server/server-process.js';
import type { ServerProcess } from '../../support/eventstoredb-server/server-process.js';
import { freePort } from '../crash-world.js';

const run = promisify(execFile);

/** A store that the instances share. One that runs elsewhere (`canFail` false) is left alone. */
export interface SharedStore {
  readonly name: 'EventStoreDB' | 'MongoDB';
  readonly uri: string;
  readonly canFail: boolean;
  /** Without warning; {@link restart} brings it back, with what it had, at the same address. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Its connections stay open, and nothing answers. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  stop(): Promise<void>;
}

/** The server of EVENTSTOREDB_TEST_URI, or a test server in a process of its own. */
export async function eventStoreDb(directory: string, environment: NodeJS.ProcessEnv): Promise<SharedStore> {
  const given = environment['EVENTSTOREDB_TEST_URI'];
  if (given) return elsewhere('EventStoreDB', given);
  const options = { directory: join(directory, 'eventstoredb'), port: await freePort() };
  let server: ServerProcess = await startServerProcess(options);
  return {
    name: 'EventStoreDB',
    uri: server.connectionString,
    canFail: true,
    kill: () => server.end('SIGKILL'),
    restart: async () => {
      server = await startServerProcess(options);
    },
    freeze: () => Promise.resolve(server.signal('SIGSTOP')),
    thaw: () => Promise.resolve(server.signal('SIGCONT')),
    stop: () => server.end('SIGTERM'),
  };
}

/**
 * A server of the program that MONGODB_TEST_CONTROL names (`PROGRAM start DIR PORT`, `PROGRAM kill DIR`, ...), or a
 * database of the run's own at MONGODB_TEST_URI.
 *
 * @throws when neither is set
 */
export async function mongoDb(directory: string, environment: NodeJS.ProcessEnv): Promise<SharedStore> {
  const control = environment['MONGODB_TEST_CONTROL'];
  const given = environment['MONGODB_TEST_URI'];
  const database = `dormouse_crash_test_${process.pid}`;
  if (!control) {
    if (!given) throw new Error('Set MONGODB_TEST_CONTROL to a program that starts a MongoDB, or MONGODB_TEST_URI.');
    return elsewhere('MongoDB', Object.assign(new URL(given), { pathname: `/${database}` }).href);
  }
  const place = join(directory, 'mongodb');
  const port = await freePort();
  const does = async (what: string, ...more: string[]) => void (await run(control, [what, place, ...more]));
  await does('start', String(port));
  return {
    name: 'MongoDB',
    uri: `mongodb://127.0.0.1:${port}/${database}`,
    canFail: true,
    kill: () => does('kill'),
    restart: () => does('start', String(port)),
    freeze: () => does('freeze'),
    thaw: () => does('thaw'),
    stop: () => does('stop'),
  };
}

function elsewhere(name: SharedStore['name'], uri: string): SharedStore {
  const never = () => Promise.reject(new Error(`${name} runs elsewhere.`));
  const stop = () => Promise.resolve();
  return { name, uri, canFail: false, kill: never, restart: never, freeze: never, thaw: never, stop };
}
