import { describe, expect, it, jest } from '@jest/globals';
import { SubscriptionDropped } from '../../src/platform/event-store/event-store.errors.js';
import type { EventBatch } from '../../src/platform/event-store/event-store.port.js';
import { follow, idsIn, idsOf, newEvents, newStream } from '../conformance/event-store/fixture.js';
import { AdapterFixture } from '../support/eventstoredb-adapter-fixture.js';
import { eventually } from '../support/eventually.js';
import { settle } from '../support/work-under-faults.js';

jest.setTimeout(60_000);

const fixture = new AdapterFixture();

describe('A subscription', () => {
  const ways: Record<string, () => Promise<void> | void> = {
    'the server ends it politely': () => fixture.server.faults.endSubscriptions(),
    'the server is killed': () => fixture.server.kill(),
    'the server is stopped': () => fixture.server.stop(),
    'the connection is reset': () => fixture.server.faults.dropConnections(),
    'the server freezes': () => fixture.server.faults.freeze(),
  };
  it.each(Object.keys(ways))('is dropped when %s, and can be resumed without gap or duplicate', async (way) => {
    const stream = newStream();
    const after = await fixture.store.head();
    const filter = { streamPrefixes: [stream] };
    const [before, later] = [newEvents(5), newEvents(5)];
    await fixture.store.append(stream, before, 'no_stream');
    const first = fixture.subscribe(fixture.store, { after, filter });
    await eventually('it is live', () => first.batches.at(-1)?.live === true && first.ids().length === 5);

    const began = performance.now();
    await ways[way]?.();
    expect(await first.reason).toBeInstanceOf(SubscriptionDropped);
    expect(performance.now() - began).toBeLessThan(10_000);
    fixture.server.faults.thaw();
    if (!fixture.server.isRunning) await fixture.server.restart();
    await settle(fixture.store, stream, later, 4);
    const { events } = await follow(fixture.store, { after: first.position(), filter }, (f) => f.events.length >= 5);

    expect([...first.ids(), ...idsOf(events)]).toEqual(idsOf([...before, ...later]));
  });

  it('that the server does not confirm is dropped', async () => {
    await fixture.store.ping();
    fixture.server.faults.freeze();

    const dropped = follow(fixture.store, { after: null }, () => true);

    await expect(dropped).rejects.toThrow(SubscriptionDropped);
  });

  it('on a quiet store reaches the head as soon as somebody has asked for that', async () => {
    const filter = { types: ['Wanted'], streamPrefixes: [newStream()] };
    const { position, batches } = fixture.subscribe(fixture.store, { after: await fixture.store.head(), filter });
    await eventually('it is live', () => batches.at(-1)?.live === true);

    for (let round = 0; round < 5; round++) {
      const other = await fixture.open();
      await other.append(newStream(), newEvents(3), 'no_stream');
      const head = await fixture.store.head();
      const began = performance.now();
      await eventually('it has reached the head', () => position() >= head!);
      expect(performance.now() - began).toBeLessThan(500);
      expect(position()).toBeLessThanOrEqual((await fixture.store.head())!);
    }
    expect(batches.every(({ events }) => events.length === 0)).toBe(true);
  });

  it('on a quiet store reaches what others have written within two seconds, unasked', async () => {
    const { position, batches } = fixture.subscribe(fixture.store, {
      after: await fixture.store.head(),
      filter: { streamPrefixes: [newStream()] },
    });
    await eventually('it is live', () => batches.at(-1)?.live === true);
    const other = await fixture.open();

    const appended = await other.append(newStream(), newEvents(1), 'no_stream');

    await eventually('it has reached the event', () => position() >= appended.position, 2_500);
  });

  it('hands over every event once, in order, while others write and everybody asks for the head', async () => {
    const [stream, noise] = [newStream(), newStream()];
    const followed = fixture.subscribe(fixture.store, {
      after: await fixture.store.head(),
      filter: { streamPrefixes: [stream] },
      batchSize: 3,
    });
    const other = await fixture.open();

    for (let i = 0; i < 100; i++) {
      const appends = [fixture.store.append(stream, newEvents(1), 'any'), other.append(noise, newEvents(2), 'any')];
      await Promise.all(i % 3 === 0 ? [...appends, fixture.store.head()] : appends);
    }
    const head = await fixture.store.head();
    await eventually('it has reached the head', () => followed.position() >= head!);

    expect(followed.ids()).toEqual(await idsIn(fixture.store, stream));
    const positions = followed.batches.map(({ position }) => position);
    expect(positions).toEqual(positions.toSorted((a, b) => a! - b!));
  });

  it('hands everything to a slow consumer, too', async () => {
    const stream = newStream();
    const filter = { streamPrefixes: [stream] };
    const after = await fixture.store.head();
    for (let i = 0; i < 3; i++) await settle(fixture.store, stream, newEvents(1_000), 'any');
    const stop = new AbortController();
    const slow = fixture.store.subscribe({ after, filter, batchSize: 10, signal: stop.signal })[Symbol.asyncIterator]();
    const ids: string[] = [];
    const take = async () => ids.push(...idsOf(((await slow.next()).value as EventBatch).events));

    await take();
    for (let i = 0; i < 50; i++) await fixture.store.append(stream, newEvents(10), 'any');
    while (ids.length < 3_500) await take();
    stop.abort();

    expect(ids).toEqual(await idsIn(fixture.store, stream));
  });
});
