import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MongoClient } from 'mongodb';
import { clearScratch, scratchDirectory } from './scratch.mjs';

const TEST_SERVER = fileURLToPath(new URL('../../support/eventstoredb-server/main.mjs', import.meta.url));

/**
 * An EventStoreDB: that of EVENTSTOREDB_TEST_URI, or the project's test server in a process of its own, so
 * that neither side of a comparison pays for serving it.
 *
 * @returns {Promise<{ connectionString: string, stop: () => Promise<void> }>}
 */
export async function startEventStoreDb() {
  const given = process.env.EVENTSTOREDB_TEST_URI;
  if (given) return { connectionString: given, stop: () => Promise.resolve() };
  const directory = scratchDirectory('eventstoredb');
  const child = spawn(process.execPath, [TEST_SERVER, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ready = once(createInterface({ input: child.stdout }), 'line');
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`The test server ended (${signal ?? code}).`);
  });
  const [line] = await Promise.race([ready, ended]);
  const stop = async () => {
    child.kill('SIGTERM');
    await ended.catch(() => undefined);
    clearScratch(directory);
  };
  return { connectionString: JSON.parse(line).connection_string, stop };
}

/** What a MongoDB-compatible server can be had by. */
export const HOW_TO_HAVE_MONGODB =
  'needs MONGODB_TEST_URI, or MONGODB_TEST_CONTROL (docs/operations.md, "Testing against servers")';

/**
 * A database of its own on a MongoDB-compatible server: that of MONGODB_TEST_URI, or one that the script of
 * MONGODB_TEST_CONTROL starts. Undefined when there is neither.
 *
 * @returns {Promise<{ uri: string, stop: () => Promise<void> } | undefined>}
 */
export async function startMongoDb() {
  const { MONGODB_TEST_URI: given, MONGODB_TEST_CONTROL: control } = process.env;
  if (!given && !control) return undefined;
  const own = given ? undefined : await startOwnMongoDb(control);
  const uri = new URL(own?.uri ?? given);
  uri.pathname = `/dormouse_bench_${randomUUID().slice(0, 8)}`;
  const stop = async () => {
    const client = new MongoClient(uri.href);
    await client.db().dropDatabase();
    await client.close();
    own?.stop();
  };
  return { uri: uri.href, stop };
}

/** @param {string} control Program: `start DIR PORT` prints the URI, `stop DIR`. */
async function startOwnMongoDb(control) {
  const directory = scratchDirectory('mongodb');
  const uri = execFileSync(control, ['start', directory, String(await freePort())], { encoding: 'utf8' }).trim();
  const stop = () => {
    execFileSync(control, ['stop', directory]);
    clearScratch(directory);
  };
  return { uri, stop };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
