import { afterEach, describe, expect, it } from '@jest/globals';
import { END, EventStoreDBClient, NO_STREAM, START, streamNameFilter } from '@eventstore/db-client';
import type { AllStreamSubscription, Position, StreamSubscription } from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import { collect } from '../support/collect.js';
import {
  newEvent,
  newEvents,
  newStream,
  SubscriptionLog,
  useServer,
} from '../support/eventstoredb-server/client-fixture.js';
import { startEventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import { startServerProcess } from '../support/eventstoredb-server/server-process.js';
import { eventually } from '../support/eventually.js';

/** What a real EventStoreDB 23.10 was seen to do for its own client's subscriptions, row by row, asked of the test server. */
const db = useServer();

const toEnd: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of toEnd.splice(0).reverse()) await end();
});

function follow(
  subscription: AllStreamSubscription | StreamSubscription,
  log = new SubscriptionLog(),
): SubscriptionLog {
  toEnd.push(() => subscription.unsubscribe());
  return log.listenTo(subscription);
}

/** Streams that begin with this are of one test only. */
function newPrefix(): string {
  return `p${randomUUID().slice(0, 8)}-`;
}

function hasCaughtUp(log: SubscriptionLog): Promise<void> {
  return eventually('caughtUp', () => log.signals.includes('caughtUp'));
}

/** Entries of $all, of any kind, after one position and up to another. */
async function countAll(after: Position, upTo: Position): Promise<number> {
  const all = await collect(db.client.readAll({ fromPosition: after }));
  const positions = all.map(({ event }) => event!.position.commit);
  return positions.filter((commit) => commit > after.commit && commit <= upTo.commit).length;
}

describe('Subscriptions', () => {
  it('from a revision: exclusive', async () => {
    const stream = await db.streamOf(4);

    const log = follow(db.client.subscribeToStream(stream, { fromRevision: 1n }));

    await eventually('two events', () => log.events.length >= 2);
    expect(log.events.map(({ event }) => event?.revision)).toEqual([2n, 3n]);
  });

  it('from a position on $all: exclusive', async () => {
    const stream = newStream();
    const { position } = await db.append(stream, newEvent());
    await db.append(stream, newEvents(2));

    const filter = streamNameFilter({ prefixes: [stream] });
    const log = follow(db.client.subscribeToAll({ fromPosition: position!, filter }));

    await eventually('two events', () => log.events.length >= 2);
    expect(log.events.map(({ event }) => event?.revision)).toEqual([1n, 2n]);
  });

  it('from the end: only what comes', async () => {
    const stream = await db.streamOf(2);
    const ofStream = follow(db.client.subscribeToStream(stream, { fromRevision: END }));
    const filter = streamNameFilter({ prefixes: [stream] });
    const ofAll = follow(db.client.subscribeToAll({ fromPosition: END, filter }));
    await Promise.all([hasCaughtUp(ofStream), hasCaughtUp(ofAll)]);

    await db.append(stream, newEvent());

    await eventually('one event each', () => ofStream.events.length > 0 && ofAll.events.length > 0);
    expect(ofStream.events.map(({ event }) => event?.revision)).toEqual([2n]);
    expect(ofAll.events.map(({ event }) => event?.revision)).toEqual([2n]);
  });

  it('stream that does not exist: waits, then delivers', async () => {
    const stream = newStream();
    const log = follow(db.client.subscribeToStream(stream));
    await hasCaughtUp(log);
    expect(log.events).toEqual([]);

    await db.append(stream, newEvents(2), NO_STREAM);

    await eventually('two events', () => log.events.length >= 2);
    expect(log.events.map(({ event }) => event?.revision)).toEqual([0n, 1n]);
    expect(log.errors).toEqual([]);
  });

  it('stream that was deleted for ever: StreamDeletedError', async () => {
    const stream = await db.streamOf(1);
    await db.client.tombstoneStream(stream);

    const log = follow(db.client.subscribeToStream(stream));

    await eventually('an error', () => log.errors.length > 0);
    expect(log.errors).toMatchObject([{ type: 'stream-deleted', streamName: stream }]);
  });

  it('$ce-<category> with resolveLinkTos: the original events, as they come', async () => {
    const category = newPrefix().slice(0, -1);
    const stream = newStream(category);
    await db.append(stream, newEvent({ n: 1 }));
    const log = follow(db.client.subscribeToStream(`$ce-${category}`, { resolveLinkTos: true }));
    await hasCaughtUp(log);

    await db.append(stream, newEvent({ n: 2 }));

    await eventually('two events', () => log.events.length >= 2);
    expect(log.events.map(({ event }) => event?.data)).toEqual([{ n: 1 }, { n: 2 }]);
    expect(log.events.map(({ link }) => link?.streamId)).toEqual([`$ce-${category}`, `$ce-${category}`]);
  });

  it('$all with a prefix filter: commit order, from catching up to live; emits confirmation, then caughtUp', async () => {
    const prefix = newPrefix();
    const write = (n: number) => db.append(`${prefix}${n % 7}`, newEvent({ n }));
    for (let n = 0; n < 20; n++) await write(n);
    const log = follow(db.client.subscribeToAll({ filter: streamNameFilter({ prefixes: [prefix] }) }));
    await hasCaughtUp(log);
    expect(log.events).toHaveLength(20);

    for (let n = 20; n < 40; n++) await write(n);

    await eventually('40 events', () => log.events.length >= 40);
    expect(log.events.map(({ event }) => event?.data)).toEqual(Array.from({ length: 40 }, (_, n) => ({ n })));
    expect(log.signals).toEqual(['confirmation', 'caughtUp']);
  });

  it('$all with a prefix filter: calls checkpointReached with {commit, prepare} that can be resumed from', async () => {
    const prefix = newPrefix();
    const log = new SubscriptionLog();
    const { checkpointReached } = log;
    const filter = streamNameFilter({ prefixes: [prefix], maxSearchWindow: 1, checkpointReached });
    follow(db.client.subscribeToAll({ filter }), log);
    await hasCaughtUp(log);
    const { position } = await db.append(newStream(), newEvent());
    await eventually('a checkpoint', () => log.checkpoints.some(({ commit }) => commit >= position!.commit));
    const checkpoint = log.checkpoints.at(-1)!;
    expect(checkpoint.prepare).toBe(checkpoint.commit);

    await db.append(`${prefix}1`, newEvents(2));

    const resumed = follow(
      db.client.subscribeToAll({ fromPosition: checkpoint, filter: streamNameFilter({ prefixes: [prefix] }) }),
    );
    await eventually('two events', () => resumed.events.length >= 2);
    expect(resumed.events.map(({ event }) => event?.revision)).toEqual([0n, 1n]);
  });

  it.each([
    ['1 x 1', { checkpointInterval: 1, maxSearchWindow: 1 }, 1],
    ['1 x 32, the default window', { checkpointInterval: 1 }, 32],
    ['10 x 10', { checkpointInterval: 10, maxSearchWindow: 10 }, 100],
  ])(
    'checkpoints while live, 200 events left out: one per interval x window events of any kind, %s',
    async (_, window, size) => {
      const [prefix, other] = [newPrefix(), newStream()];
      const log = new SubscriptionLog();
      const filter = streamNameFilter({ prefixes: [prefix], checkpointReached: log.checkpointReached, ...window });
      const { position: start } = await db.append(newStream(), newEvent());
      follow(db.client.subscribeToAll({ fromPosition: start!, filter }), log);
      await hasCaughtUp(log);

      for (const event of newEvents(200)) await db.append(other, event);
      const { position: last } = await db.append(`${prefix}1`, newEvent());

      await eventually('the event that is not left out', () => log.events.length > 0);
      const passed = await countAll(start!, last!);
      expect(passed).toBeGreaterThan(600);
      const checkpoints = log.checkpoints.filter(({ commit }) => commit <= last!.commit);
      // The one of the last event itself follows it.
      const following = passed % size === 0 ? 1 : 0;
      expect(checkpoints.length).toBeGreaterThanOrEqual(Math.floor(passed / size) - following);
      expect(checkpoints.length).toBeLessThanOrEqual(Math.floor(passed / size));
    },
  );

  it('checkpoints while live, default window: the last one stays behind the last event until more events come', async () => {
    const [prefix, other] = [newPrefix(), newStream()];
    const log = new SubscriptionLog();
    const filter = streamNameFilter({ prefixes: [prefix], checkpointReached: log.checkpointReached });
    follow(db.client.subscribeToAll({ fromPosition: END, filter }), log);
    await hasCaughtUp(log);
    const { position } = await db.append(other, newEvent());
    // Another subscription, with a window of 1, shows that the event has long been looked at.
    const eager = new SubscriptionLog();
    const windowOf1 = streamNameFilter({
      prefixes: [prefix],
      maxSearchWindow: 1,
      checkpointReached: eager.checkpointReached,
    });
    follow(db.client.subscribeToAll({ fromPosition: START, filter: windowOf1 }), eager);
    await eventually('an eager checkpoint', () => eager.checkpoints.some(({ commit }) => commit >= position!.commit));
    expect(log.checkpoints).toEqual([]);

    await db.append(other, newEvents(32));

    await eventually('a checkpoint', () => log.checkpoints.some(({ commit }) => commit >= position!.commit));
  });
});

describe('A server that goes away', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'by %s: the subscription emits error of type unavailable within a second, then nothing more',
    async (signal) => {
      const server = await startServerProcess();
      toEnd.push(() => server.end('SIGKILL'));
      const client = EventStoreDBClient.connectionString(server.connectionString);
      const log = new SubscriptionLog().listenTo(client.subscribeToAll());
      await hasCaughtUp(log);

      await server.end(signal);

      await eventually('an error', () => log.errors.length > 0, 1_000);
      expect(log.errors).toMatchObject([{ type: 'unavailable' }]);
      await client.dispose();
    },
  );

  it('frozen (SIGSTOP), keep-alive: error unavailable; an append in flight rejects as unavailable', async () => {
    const server = await startServerProcess();
    toEnd.push(() => server.end('SIGKILL'));
    const keepAlive = 'keepAliveInterval=500&keepAliveTimeout=500';
    const client = EventStoreDBClient.connectionString(`${server.connectionString}&${keepAlive}`);
    const log = new SubscriptionLog().listenTo(client.subscribeToAll());
    await hasCaughtUp(log);
    await client.appendToStream(newStream(), newEvent());

    server.signal('SIGSTOP');
    const inFlight = client.appendToStream(newStream(), newEvent());

    await expect(inFlight).rejects.toMatchObject({ type: 'unavailable' });
    await eventually('an error', () => log.errors.length > 0);
    expect(log.errors).toMatchObject([{ type: 'unavailable' }]);
    await client.dispose();
  });

  it('append while the server is down: rejects with a raw gRPC error: code 14, type undefined', async () => {
    const server = await startEventStoreDbServer();
    toEnd.push(() => server.dispose());
    const client = EventStoreDBClient.connectionString(server.connectionString);
    const log = new SubscriptionLog().listenTo(client.subscribeToAll());
    await client.appendToStream(newStream(), newEvent());
    await server.stop();
    await eventually('the client has noticed', () => log.errors.length > 0);

    const failure = (await client.appendToStream(newStream(), newEvent()).catch((error: unknown) => error)) as object;

    expect(failure).toMatchObject({ code: 14 });
    expect(failure).not.toHaveProperty('type');
    await client.dispose();
  });

  it('append with the same client after the server is back: works, first try', async () => {
    const server = await startEventStoreDbServer();
    toEnd.push(() => server.dispose());
    const client = EventStoreDBClient.connectionString(server.connectionString);
    const stream = newStream();
    await client.appendToStream(stream, newEvent());
    await server.kill();
    await expect(client.appendToStream(stream, newEvent())).rejects.toMatchObject({ code: 14 });
    await server.restart();

    expect((await client.appendToStream(stream, newEvent())).nextExpectedRevision).toBe(1n);
    await client.dispose();
  });
});
