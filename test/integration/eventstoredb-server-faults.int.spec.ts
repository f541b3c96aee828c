import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventStoreDBClient, NO_STREAM } from '@eventstore/db-client';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collect } from '../support/collect.js';
import { newEvent, newStream, SubscriptionLog } from '../support/eventstoredb-server/client-fixture.js';
import { startEventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import type { EventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import { startServerProcess } from '../support/eventstoredb-server/server-process.js';
import { eventually } from '../support/eventually.js';

/** The switches with which the test server misbehaves. */
let server: EventStoreDbServer;
let client: EventStoreDBClient;
const clients: EventStoreDBClient[] = [];

/** A client of its own channel. */
function connect(connectionString = server.connectionString): EventStoreDBClient {
  const connected = EventStoreDBClient.connectionString(connectionString);
  clients.push(connected);
  return connected;
}

beforeEach(async () => {
  server = await startEventStoreDbServer();
  client = connect();
});

afterEach(async () => {
  server.faults.heal();
  await Promise.all(clients.splice(0).map((connected) => connected.dispose()));
  await server.dispose();
});

async function revisions(stream: string): Promise<bigint[]> {
  const events = await collect(connect().readStream(stream));
  return events.map(({ event }) => event!.revision);
}

/** What has become of a promise so far; never rejects. */
function watch(promise: Promise<unknown>): { outcome: 'pending' | 'resolved' | 'rejected'; error?: unknown } {
  const watched: ReturnType<typeof watch> = { outcome: 'pending' };
  promise.then(
    () => (watched.outcome = 'resolved'),
    (error: unknown) => Object.assign(watched, { outcome: 'rejected', error }),
  );
  return watched;
}

describe('Appends that get no answer', () => {
  it('ignore: nothing is written', async () => {
    const stream = newStream();
    await client.appendToStream(stream, newEvent());
    server.faults.appends = 'ignore';

    const append = watch(client.appendToStream(stream, newEvent()));

    // Over the same connection, so that the append has arrived before the read is answered.
    expect(await collect(client.readStream(stream))).toHaveLength(1);
    expect(append.outcome).toBe('pending');
    server.faults.dropConnections();
    await eventually('the append fails', () => append.outcome === 'rejected');
    expect(await revisions(stream)).toEqual([0n]);
  });

  it('swallow_answer: it is written, and repeating it with the same ids writes nothing', async () => {
    const [stream, event] = [newStream(), newEvent()];
    server.faults.appends = 'swallow_answer';

    const append = watch(client.appendToStream(stream, event, { expectedRevision: NO_STREAM }));

    await eventually('it is written', async () => (await revisions(stream).catch(() => [])).length === 1);
    expect(append.outcome).toBe('pending');
    server.faults.heal();
    const repeat = await connect().appendToStream(stream, event, { expectedRevision: NO_STREAM });
    expect(repeat.nextExpectedRevision).toBe(0n);
    expect(await revisions(stream)).toEqual([0n]);
  });

  it.each([
    ['die_before_commit', 0],
    ['die_after_commit', 1],
  ] as const)('%s: after a restart on the same port there are %i events', async (fault, written) => {
    const stream = newStream();
    const { port } = server;
    await client.appendToStream(newStream(), newEvent());
    server.faults.appends = fault;

    await expect(client.appendToStream(stream, newEvent())).rejects.toMatchObject({ type: 'unavailable' });
    await eventually('it is dead', () => !server.isRunning);
    await server.restart();

    expect(server.port).toBe(port);
    expect(server.faults.appends).toBe('answer');
    const { nextExpectedRevision } = await connect().appendToStream(stream, newEvent());
    expect(nextExpectedRevision).toBe(BigInt(written));
  });
});

describe('Reads that get no answer', () => {
  it('ignore: a read hangs, an append and a subscription do not', async () => {
    const stream = newStream();
    const log = new SubscriptionLog().listenTo(client.subscribeToStream(stream));
    server.faults.reads = 'ignore';
    const read = watch(collect(client.readStream(stream)));

    await client.appendToStream(stream, newEvent());

    await eventually('the event is delivered', () => log.events.length > 0);
    expect(read.outcome).toBe('pending');
  });
});

describe('Connections', () => {
  it('dropped: subscriptions end with an error of type unavailable, and the next append works', async () => {
    const log = new SubscriptionLog().listenTo(client.subscribeToAll());
    await eventually('caughtUp', () => log.signals.includes('caughtUp'));

    server.faults.dropConnections();

    await eventually('an error', () => log.errors.length > 0);
    expect(log.errors).toMatchObject([{ type: 'unavailable' }]);
    expect(await client.appendToStream(newStream(), newEvent())).toMatchObject({ success: true });
  });

  it('subscriptions ended politely: end, no error', async () => {
    const log = new SubscriptionLog().listenTo(client.subscribeToAll());
    await eventually('caughtUp', () => log.signals.includes('caughtUp'));

    server.faults.endSubscriptions();

    await eventually('end', () => log.signals.includes('end'));
    expect(log.errors).toEqual([]);
  });

  it('frozen: nothing is answered until it is thawed, then everything is', async () => {
    const log = new SubscriptionLog().listenTo(client.subscribeToAll());
    await eventually('caughtUp', () => log.signals.includes('caughtUp'));
    const before = log.events.length;
    server.faults.freeze();
    const stream = newStream();
    const append = watch(client.appendToStream(stream, newEvent()));
    const late = watch(connect().appendToStream(stream, newEvent()));
    const free = await startEventStoreDbServer();
    await connect(free.connectionString).appendToStream(stream, newEvent());
    await free.dispose();
    expect([append.outcome, late.outcome, log.events.length]).toEqual(['pending', 'pending', before]);

    server.faults.thaw();

    await eventually('both are answered', () => append.outcome === 'resolved' && late.outcome === 'resolved');
    await eventually('both are delivered', () => log.events.length > before + 1);
    expect(await revisions(stream)).toEqual([0n, 1n]);
  });

  it('frozen: keep-alive pings stay unanswered, so a subscription ends as unavailable', async () => {
    const impatient = connect(`${server.connectionString}&keepAliveInterval=300&keepAliveTimeout=300`);
    const log = new SubscriptionLog().listenTo(impatient.subscribeToAll());
    await eventually('caughtUp', () => log.signals.includes('caughtUp'));

    server.faults.freeze();

    await eventually('an error', () => log.errors.length > 0);
    expect(log.errors).toMatchObject([{ type: 'unavailable' }]);
  });
});

describe('Stop and restart', () => {
  it('stop: every append that was written is answered', async () => {
    await client.appendToStream(newStream(), newEvent());
    const stream = newStream();
    // A client whose subscription ends as unavailable gives up its appends by itself; so they are another's.
    const log = new SubscriptionLog().listenTo(connect().subscribeToStream(stream));
    const inFlight = Array.from({ length: 20 }, () => watch(client.appendToStream(stream, newEvent())));
    await eventually('the first is written', () => log.events.length > 0);

    await server.stop();

    await eventually('all settle', () => inFlight.every(({ outcome }) => outcome !== 'pending'));
    const answered = inFlight.filter(({ outcome }) => outcome === 'resolved').length;
    await server.restart();
    expect((await revisions(stream)).length).toBe(answered);
  });

  it('keeps streams, metadata, tombstones, links and positions', async () => {
    const [kept, hidden, deleted, gone] = [newStream('jar'), newStream('jar'), newStream('jar'), newStream('jar')];
    for (const stream of [kept, hidden, deleted, gone]) await client.appendToStream(stream, [newEvent(), newEvent()]);
    await client.setStreamMetadata(hidden, { maxCount: 1 });
    await client.deleteStream(deleted);
    await client.tombstoneStream(gone);
    const before = await collect(client.readAll());
    const log = new SubscriptionLog().listenTo(client.subscribeToAll());
    await eventually('caughtUp', () => log.signals.includes('caughtUp'));

    await server.restart();
    // Clients of one process share their connections, so the old one must be known to be broken.
    await eventually('the client has noticed', () => log.errors.length > 0);

    const again = connect();
    expect(await collect(again.readAll())).toEqual(before);
    expect(await revisions(kept)).toEqual([0n, 1n]);
    expect(await revisions(hidden)).toEqual([1n]);
    await expect(collect(again.readStream(deleted))).rejects.toMatchObject({ type: 'stream-not-found' });
    await expect(collect(again.readStream(gone))).rejects.toMatchObject({ type: 'stream-deleted' });
    const links = await collect(again.readStream('$ce-jar', { resolveLinkTos: true }));
    // Two of each stream; of what is hidden or deleted only the link is left.
    const nothing = undefined;
    const targets = [kept, kept, nothing, hidden, nothing, nothing, nothing, nothing];
    expect(links.map(({ event }) => event?.streamId)).toEqual(targets);
  });
});

describe('A server in a process of its own', () => {
  it('keeps its data in a directory, over a SIGKILL, on the port it is given', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'eventstoredb-process-'));
    try {
      const first = await startServerProcess({ directory });
      const stream = newStream();
      await connect(first.connectionString).appendToStream(stream, newEvent());
      await first.end('SIGKILL');

      const second = await startServerProcess({ directory, port: first.port });
      expect(second.port).toBe(first.port);
      const { nextExpectedRevision } = await connect(second.connectionString).appendToStream(stream, newEvent());
      expect(nextExpectedRevision).toBe(1n);
      await second.end('SIGTERM');
      expect(await second.ended).toBe(0);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it('is told over HTTP to misbehave, and dies by SIGKILL when it is told to die', async () => {
    const started = await startServerProcess();
    const own = connect(started.connectionString);
    await own.appendToStream(newStream(), newEvent());
    const put = (faults: object) =>
      fetch(`${started.controlUrl}/faults`, { method: 'PUT', body: JSON.stringify(faults) });

    expect((await put({ appends: 'shout' })).status).toBe(400);
    const answer = await put({ appends: 'die_before_commit' });
    expect(await answer.json()).toEqual({ appends: 'die_before_commit', reads: 'answer' });

    await expect(own.appendToStream(newStream(), newEvent())).rejects.toMatchObject({ type: 'unavailable' });
    expect(await started.ended).toBeNull();
  });
});
