import { describe, expect, it } from '@jest/globals';
import {
  EventStoreDBClient,
  persistentSubscriptionToStreamSettingsFromDefaults,
  PINNED,
  START,
} from '@eventstore/db-client';
import type { PersistentSubscriptionToStream } from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import {
  newEvent,
  newEvents,
  newStream,
  SubscriptionLog,
  useServer,
} from '../support/eventstoredb-server/client-fixture.js';
import { eventually } from '../support/eventually.js';

/** Persistent subscriptions to streams, as a real EventStoreDB 23.10 was seen to answer its own client. */
const db = useServer();
const GROUP = 'billing';

function settings(changes = {}) {
  return persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START, ...changes });
}

function consume(
  stream: string,
  client = db.client,
): { log: SubscriptionLog; subscription: PersistentSubscriptionToStream } {
  const subscription = client.subscribeToPersistentSubscriptionToStream(stream, GROUP);
  return { subscription, log: new SubscriptionLog().listenTo(subscription) };
}

async function parkedCount(stream: string): Promise<bigint> {
  return (await db.client.getPersistentSubscriptionToStreamInfo(stream, GROUP)).stats.parkedMessageCount;
}

describe('Persistent subscription', () => {
  it('create twice: PersistentSubscriptionExistsError', async () => {
    const stream = newStream();
    await db.client.createPersistentSubscriptionToStream(stream, GROUP, settings());

    await expect(db.client.createPersistentSubscriptionToStream(stream, GROUP, settings())).rejects.toMatchObject({
      type: 'persistent-subscription-exists',
      streamName: stream,
      groupName: GROUP,
    });
  });

  it("nack with PARK shows in the info's parkedMessageCount; replayed, it comes again", async () => {
    const stream = await db.streamOf(3);
    await db.client.createPersistentSubscriptionToStream(stream, GROUP, settings());
    const { log, subscription } = consume(stream);
    await eventually('three events', () => log.events.length >= 3);
    const [first, second, third] = log.events;

    await subscription.ack(first!, third!);
    await subscription.nack('park', 'not today', second!);

    await eventually('it is parked', async () => (await parkedCount(stream)) === 1n);
    await db.client.replayParkedMessagesToStream(stream, GROUP);
    await eventually('it comes again', () => log.events.length >= 4);
    expect(log.events[3]?.event?.id).toBe(second!.event?.id);
    expect(await parkedCount(stream)).toBe(0n);
    await subscription.unsubscribe();
  });

  it('nack with RETRY: it comes again, until it is parked', async () => {
    const stream = await db.streamOf(1);
    await db.client.createPersistentSubscriptionToStream(stream, GROUP, settings({ maxRetryCount: 1 }));
    const { log, subscription } = consume(stream);
    await eventually('it comes', () => log.events.length >= 1);
    await subscription.nack('retry', 'again', log.events[0]!);
    await eventually('it comes again', () => log.events.length >= 2);
    await subscription.nack('retry', 'again', log.events[1]!);

    await eventually('it is parked', async () => (await parkedCount(stream)) === 1n);
    expect(log.events.map((event) => (event as { retryCount?: number }).retryCount)).toEqual([0, 1]);
    await subscription.unsubscribe();
  });

  it('what is not acknowledged in time comes again', async () => {
    const stream = await db.streamOf(1);
    await db.client.createPersistentSubscriptionToStream(stream, GROUP, settings({ messageTimeout: 50 }));
    const { log, subscription } = consume(stream);

    await eventually('it comes again', () => log.events.length >= 2);

    await subscription.unsubscribe();
  });

  it('two consumers share the events, none gets one twice; one that leaves leaves its events to the other', async () => {
    const stream = newStream();
    await db.client.createPersistentSubscriptionToStream(stream, GROUP, settings());
    const [one, other] = [consume(stream), consume(stream)];
    await eventually('both are there', () => [one, other].every(({ log }) => log.signals.includes('confirmation')));
    await db.append(stream, newEvents(10));
    await eventually('all are delivered', () => one.log.events.length + other.log.events.length === 10);
    expect(one.log.events).toHaveLength(5);

    await one.subscription.unsubscribe();

    await eventually('the other has all', () => other.log.events.length === 10);
    expect(new Set(other.log.events.map(({ event }) => event?.id)).size).toBe(10);
    await other.subscription.unsubscribe();
  });

  it('$ce-<category> with resolveLinkTos: the original events', async () => {
    const stream = newStream(`cup${randomUUID().slice(0, 8)}`);
    const category = `$ce-${stream.split('-')[0]}`;
    await db.client.createPersistentSubscriptionToStream(category, GROUP, settings({ resolveLinkTos: true }));
    const { log, subscription } = consume(category);
    await db.append(stream, newEvent({ n: 1 }));

    await eventually('it comes', () => log.events.length > 0);

    expect(log.events).toMatchObject([{ event: { streamId: stream, data: { n: 1 } }, link: { streamId: category } }]);
    await subscription.unsubscribe();
  });

  it('parked out of $ce-<category>: replayed, it is the original event again', async () => {
    const stream = newStream(`cup${randomUUID().slice(0, 8)}`);
    const category = `$ce-${stream.split('-')[0]}`;
    await db.append(stream, newEvent({ n: 1 }));
    await db.client.createPersistentSubscriptionToStream(category, GROUP, settings({ resolveLinkTos: true }));
    const { log, subscription } = consume(category);
    await eventually('it comes', () => log.events.length > 0);
    await subscription.nack('park', 'not today', log.events[0]!);
    await eventually('it is parked', async () => (await parkedCount(category)) === 1n);

    await db.client.replayParkedMessagesToStream(category, GROUP);

    await eventually('it comes again', () => log.events.length > 1);
    expect(log.events[1]).toMatchObject({ event: { streamId: stream, revision: 0n, data: { n: 1 } } });
    await subscription.unsubscribe();
  });

  it('Pinned, out of $ce-<category>: all events of one stream go to one consumer', async () => {
    const category = `cup${randomUUID().slice(0, 8)}`;
    const streams = Array.from({ length: 20 }, () => newStream(category));
    const pinned = settings({ resolveLinkTos: true, consumerStrategyName: PINNED });
    await db.client.createPersistentSubscriptionToStream(`$ce-${category}`, GROUP, pinned);
    const consumers = [consume(`$ce-${category}`), consume(`$ce-${category}`)];
    await eventually('both are there', () => consumers.every(({ log }) => log.signals.includes('confirmation')));

    for (const { subscription } of consumers) subscription.on('data', (event) => void subscription.ack(event));

    for (let round = 0; round < 3; round++) {
      for (const stream of streams) await db.append(stream, newEvent());
    }

    const seen = () => consumers.map(({ log }) => log.events.map(({ event }) => event?.streamId));
    await eventually('all are delivered', () => seen().flat().length === 60);
    const [one = [], other = []] = seen().map((ids) => [...new Set(ids)]);
    expect(one.length).toBeGreaterThan(0);
    expect(other.length).toBeGreaterThan(0);
    expect([...one, ...other].sort()).toEqual([...streams].sort());
    await Promise.all(consumers.map(({ subscription }) => subscription.unsubscribe()));
  });

  it('a group that does not exist, and one that is deleted', async () => {
    const stream = await db.streamOf(1);
    const missing = consume(stream);
    await eventually('an error', () => missing.log.errors.length > 0);
    expect(missing.log.errors).toMatchObject([{ type: 'persistent-subscription-does-not-exist', streamName: stream }]);
    await db.client.createPersistentSubscriptionToStream(stream, GROUP, settings());
    const { log } = consume(stream);
    await eventually('it comes', () => log.events.length > 0);

    await db.client.deletePersistentSubscriptionToStream(stream, GROUP);

    await eventually('an error', () => log.errors.length > 0);
    expect(log.errors).toMatchObject([{ type: 'persistent-subscription-dropped' }]);
  });

  it('goes on after a restart with what was not acknowledged', async () => {
    const stream = await db.streamOf(4);
    await db.client.createPersistentSubscriptionToStream(stream, GROUP, settings());
    const { log, subscription } = consume(stream);
    await eventually('all come', () => log.events.length >= 4);
    await subscription.ack(log.events[0]!, log.events[1]!, log.events[3]!);
    const checkpoint = async () =>
      (await db.client.getPersistentSubscriptionToStreamInfo(stream, GROUP)).stats.lastCheckpointedEventRevision;
    await eventually('the checkpoint is kept', async () => (await checkpoint()) === 1n);

    await db.server.restart();
    await eventually('the client has noticed', () => log.errors.length > 0);

    const client = EventStoreDBClient.connectionString(db.server.connectionString);
    const again = consume(stream, client);
    await eventually('two come', () => again.log.events.length >= 2);
    expect(again.log.events.map(({ event }) => event?.revision)).toEqual([2n, 3n]);
    await client.dispose();
  });
});
