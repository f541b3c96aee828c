import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import type { EventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import { startEventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import { describeWithMongo, MONGODB_TEST_URI, TestDatabase } from '../support/mongodb.js';
import type { Instance } from '../support/shared-stores-lab.js';
import { SharedStoresLab } from '../support/shared-stores-lab.js';

const SECRET = 'moonlit-pass';

/** The driver's patience, shortened. */
const QUICK = 'serverSelectionTimeoutMS=300&connectTimeoutMS=300';
const WORKERS = '/region/us-east-1/workers';

let lab: SharedStoresLab;
let servers: { close(): unknown }[];

beforeEach(async () => {
  lab = await SharedStoresLab.open();
  servers = [];
});
afterEach(async () => {
  await lab.close();
  for (const server of servers) server.close();
});

/** @returns host and port of something that listens */
async function listening(server: Server): Promise<string> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const web = () => listening(createHttpServer((_, response) => response.end('hello')));

/** Hangs up, as a server does that waits for the beginning of a TLS connection and is sent something else. */
const hangingUp = () => listening(createServer((socket) => socket.on('data', () => socket.destroy())));

/** Refuses every call as an EventStoreDB does that does not know the user. */
function unauthenticating(): Promise<string> {
  const server = createHttp2Server((_, response) => {
    const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16' };
    response.stream.respond(headers, { endStream: true });
  });
  return listening(server);
}

async function eventStore(): Promise<EventStoreDbServer> {
  const server = await startEventStoreDbServer();
  servers.push({ close: () => void server.dispose() });
  return server;
}

/** What holds for an instance whose store is away, whatever the reason. */
async function expectToWait(instance: Instance): Promise<void> {
  expect(await instance.get('/health/live')).toMatchObject({ status: 200 });
  const [query, metrics] = [await instance.get(WORKERS), await instance.get('/metrics')];
  expect(query).toMatchObject({ status: 503, body: { code: 'projection_not_ready' } });
  expect(query.ms).toBeLessThan(6_000);
  expect(metrics.status).toBe(200);
  expect(instance.logged('service.ready')).toEqual([]);
}

describe('A service that is started while EventStoreDB', () => {
  it.each([
    ['is not there', () => '127.0.0.1:1?tls=false', /event store .* no connection .*ECONNREFUSED 127\.0\.0\.1:1/],
    [
      'has a name that is unknown',
      () => 'no-such-host.invalid:2113?tls=false',
      /no connection .*no-such-host\.invalid/,
    ],
    ['is something else', async () => `${await web()}?tls=false`, /no connection/],
    ['asks for TLS and gets none', async () => `${await hangingUp()}?tls=false`, /no connection/],
    [
      'does not speak TLS',
      async () => `localhost:${(await eventStore()).port}?tls=true`,
      /secure connection failed .*tls/,
    ],
    [
      'does not accept the user',
      async () => `${await unauthenticating()}?tls=false`,
      /refused the access.*user and pass/,
    ],
  ])(
    '%s waits and says why, without secrets, in health, answers and log',
    async (_, address, reason) => {
      const EVENTSTORE_CONNECTION_STRING = `esdb://admin:${SECRET}@${await address()}`;
      const instance = await lab.start({ EVENTSTORE_CONNECTION_STRING });
      await eventually(
        'the log says what is waited for',
        () => instance.logged('service.waiting_for_stores').length > 0,
      );
      expect(await instance.reasons()).toMatch(reason);
      await expectToWait(instance);
      const { body } = await instance.get(WORKERS);
      expect(body['detail']).toMatch(/read model 'workers' is not open yet \(EventStoreDB could not/);
      expect(await lab.import(instance)).toMatchObject({ status: 503, body: { code: 'event_store_unavailable' } });
      expect(JSON.stringify([instance.lines, await instance.get('/health/ready')])).not.toContain(SECRET);
    },
    20_000,
  );

  it('is away says it once for each part that waits, and is ready by itself when the store is there', async () => {
    const server = await eventStore();
    await server.kill();
    const instance = await lab.start({ EVENTSTORE_CONNECTION_STRING: server.connectionString }, true);
    await eventually('each part has tried several times', async () => {
      const { body } = await instance.get('/health/ready');
      return body['status'] === 'not_ready' && instance.logged('job.failed').length >= 4;
    });
    await server.restart();
    await eventually('it is ready', () => instance.isReady());
    expect((await lab.import(instance)).status).toBe(201);
    await eventually('the jobs run without waiting for their intervals', () => {
      return new Set(instance.logged('job.succeeded').map(({ job }) => job)).size >= 4;
    });
    expect(instance.logged('service.waiting_for_stores')).toHaveLength(1);
    for (const said of ['projection.waiting', 'job.failed', 'job.schedule_waiting']) {
      const who = instance.logged(said).map(({ projection, job }) => projection ?? job);
      expect([said, who]).toEqual([said, [...new Set(who)]]);
    }
  }, 20_000);
});

describeWithMongo('A service that is started while MongoDB', () => {
  const server = new URL(MONGODB_TEST_URI ?? 'mongodb://none').host;

  it.each([
    ['is not there', () => '127.0.0.1:1/db?', /ECONNREFUSED 127\.0\.0\.1:1; nothing listens there/],
    ['has a name that is unknown', () => 'no-such-host.invalid/db?', /ENOTFOUND .*host name in MONGODB_URI/],
    ['is something else', async () => `${await web()}/db?`, /hangs up: it asks for TLS .* or is no MongoDB/],
    ['asks for TLS and gets none', async () => `${await hangingUp()}/db?`, /hangs up: it asks for TLS .* tls=true/],
    ['does not speak TLS', () => `${server}/db?tls=true&`, /TLS does not fit: check tls/],
    ['does not accept the user', () => `${server}/db?`, /user name, password or authSource in MONGODB_URI/],
  ])(
    '%s waits and says why, without secrets, in health, answers and log',
    async (_, address, reason) => {
      const instance = await lab.start({ MONGODB_URI: `mongodb://us:${SECRET}@${await address()}${QUICK}` });
      await eventually(
        'the log says what is waited for',
        () => instance.logged('service.waiting_for_stores').length > 0,
      );
      expect(await instance.reasons()).toMatch(/^The read models cannot be reached: MongoDB/);
      expect(await instance.reasons()).toMatch(reason);
      await expectToWait(instance);
      expect(JSON.stringify([instance.lines, await instance.get('/health/ready')])).not.toContain(SECRET);
    },
    20_000,
  );

  it('is there and EventStoreDB is not says for each store what it waits for', async () => {
    const [server, database] = [await eventStore(), new TestDatabase()];
    await server.kill();
    const { connectionString: EVENTSTORE_CONNECTION_STRING } = server;
    const instance = await lab.start({ EVENTSTORE_CONNECTION_STRING, MONGODB_URI: database.uri });
    const { body } = await instance.get('/health/ready');
    expect(body['event_store']).toMatchObject({ error: expect.stringMatching(/^EventStoreDB could not read/) });
    expect(body['read_models']).toMatchObject({
      error: expect.stringMatching(/^MongoDB answers, but is not used before the event store has told/),
    });
    await server.restart();
    await eventually('it is ready', () => instance.isReady());
    await instance.service.stop();
    await database.drop();
  });

  it('and EventStoreDB are away says so of both', async () => {
    const EVENTSTORE_CONNECTION_STRING = 'esdb://127.0.0.1:1?tls=false';
    const instance = await lab.start({
      EVENTSTORE_CONNECTION_STRING,
      MONGODB_URI: `mongodb://127.0.0.1:2/db?${QUICK}`,
    });
    expect(await instance.reasons()).toMatch(
      /^The event store cannot be reached: .*127\.0\.0\.1:1\b.* The read models cannot be reached: MongoDB .*127\.0\.0\.1:2\b/,
    );
  });
});
