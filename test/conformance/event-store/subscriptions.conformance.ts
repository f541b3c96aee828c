import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { SubscriptionDropped } from '../../../src/platform/event-store/event-store.errors.js';
import type { EventBatch, EventStore } from '../../../src/platform/event-store/event-store.port.js';
import { collect } from '../../support/collect.js';
import { follow, idsIn, idsOf, newEvent, newEvents, newStream, readEverything } from './fixture.js';
import type { MakeStore } from './fixture.js';

/** Following the global order. */
export function describeSubscriptions(store: () => EventStore, makeStore: MakeStore): void {
  describe('a subscription', () => {
    it('hands over what is there and then what comes, without gap or duplicate', async () => {
      const after = await store().head();
      const stream = newStream();
      const filter = { streamPrefixes: [stream] };
      await store().append(stream, newEvents(40), 'no_stream');
      const writing = (async () => {
        for (let i = 0; i < 60; i++) await store().append(stream, newEvents(1), 'any');
      })();

      const { events } = await follow(store(), { after, filter, batchSize: 7 }, (seen) => seen.events.length >= 100);
      await writing;

      expect(events).toEqual(await collect(store().readStream(stream)));
    });

    it('hands over at most as many events at once as asked', async () => {
      const after = await store().head();
      const stream = newStream();
      await store().append(stream, newEvents(25), 'no_stream');
      const filter = { streamPrefixes: [stream] };

      const { batches } = await follow(store(), { after, filter, batchSize: 10 }, (seen) => seen.events.length >= 25);

      expect(Math.max(...batches.map(({ events }) => events.length))).toBeLessThanOrEqual(10);
    });

    it('begins after the position it is given', async () => {
      const stream = newStream();
      await store().append(stream, newEvents(3), 'no_stream');
      const events = await collect(store().readStream(stream));
      const filter = { streamPrefixes: [stream] };

      const seen = await follow(store(), { after: events[0]!.position, filter }, (s) => s.events.length >= 2);

      expect(seen.events).toEqual(events.slice(1));
    });

    it('can be resumed after any batch', async () => {
      const after = await store().head();
      const stream = newStream();
      await store().append(stream, newEvents(20), 'no_stream');
      const filter = { streamPrefixes: [stream] };
      const whole = await follow(store(), { after, filter, batchSize: 3 }, (seen) => seen.events.length >= 20);

      for (const [index, { position }] of whole.batches.entries()) {
        const before = whole.batches.slice(0, index + 1).flatMap(({ events }) => events);
        const rest = await readEverything(store(), { after: position, filter });
        expect(idsOf([...before, ...rest])).toEqual(await idsIn(store(), stream));
      }
    });

    it('waits on a stream that does not exist yet', async () => {
      const stream = newStream();
      const filter = { streamPrefixes: [stream] };
      const after = await store().head();

      const seen = follow(store(), { after, filter }, ({ events }) => events.length >= 1);
      const event = newEvent();
      await store().append(stream, [event], 'no_stream');

      expect(idsOf((await seen).events)).toEqual([event.id]);
    });

    it('says when it has caught up', async () => {
      const after = await store().head();
      const filter = { streamPrefixes: [newStream()] };

      const { batches } = await follow(store(), { after, filter }, (seen) => seen.batches.some(({ live }) => live));

      expect(batches.at(-1)).toMatchObject({ live: true, events: [] });
    });

    it('hands over only the types asked for', async () => {
      const after = await store().head();
      const stream = newStream();
      const type = `Wanted${randomUUID()}`;
      const [first, second] = [newEvent({}, type), newEvent({}, type)];
      await store().append(stream, [newEvent(), first, newEvent(), newEvent(), second], 'no_stream');

      const filter = { types: [type] };
      const { events } = await follow(store(), { after, filter }, (seen) => seen.events.length >= 2);

      expect(idsOf(events)).toEqual([first.id, second.id]);
    });

    it('advances its position over events that the filter leaves out', async () => {
      const after = (await store().append(newStream(), newEvents(1), 'no_stream')).position;
      const filter = { streamPrefixes: [newStream()] };
      const noise = newStream();
      const half = await store().append(noise, newEvents(100), 'no_stream');
      await store().append(noise, newEvents(100), 99);

      const { events, batches } = await follow(store(), { after, filter }, (seen) => {
        return (seen.batches.at(-1)?.position ?? 0) >= half.position;
      });

      expect(events).toEqual([]);
      const positions = batches.map(({ position }) => position ?? 0);
      expect(positions).toEqual([...positions].sort((a, b) => a - b));
    });

    it('never goes back: positions of events and batches only grow', async () => {
      const after = await store().head();
      const stream = newStream();
      const filter = { streamPrefixes: [stream] };
      await Promise.all(Array.from({ length: 30 }, () => store().append(stream, newEvents(2), 'any')));

      const { events, batches } = await follow(store(), { after, filter, batchSize: 4 }, (s) => s.events.length >= 60);

      const positions = events.map(({ position }) => position);
      expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
      for (const batch of batches) {
        const last = batch.events.at(-1);
        if (last) expect(batch.position).toBeGreaterThanOrEqual(last.position);
      }
    });

    it('does not mind others, however slow they are', async () => {
      const after = await store().head();
      const stream = newStream();
      const filter = { streamPrefixes: [stream] };
      const stop = new AbortController();
      const slow = store().subscribe({ after, filter, signal: stop.signal, batchSize: 1 })[Symbol.asyncIterator]();
      await store().append(stream, newEvents(10), 'no_stream');

      const fast = await follow(store(), { after, filter }, (seen) => seen.events.length >= 10);
      const slowIds: string[] = [];
      while (slowIds.length < 10) slowIds.push(...idsOf(((await slow.next()).value as EventBatch).events));
      stop.abort();

      expect(idsOf(fast.events)).toEqual(await idsIn(store(), stream));
      expect(slowIds).toEqual(idsOf(fast.events));
    });
  });

  describe('the end of a subscription', () => {
    it('comes without an error when its signal aborts, also while it waits', async () => {
      const stop = new AbortController();
      const filter = { streamPrefixes: [newStream()] };
      const after = await store().head();
      const batches = store().subscribe({ after, filter, signal: stop.signal })[Symbol.asyncIterator]();
      while (!((await batches.next()).value as EventBatch).live);

      const waiting = batches.next();
      stop.abort();

      // A store whose positions advance over events of its own may hand over a last, empty batch first.
      let result = await waiting;
      while (!result.done) result = await batches.next();
      expect(result.done).toBe(true);
    });

    it('comes at once when its signal has aborted before', async () => {
      const batches = await collect(store().subscribe({ after: null, signal: AbortSignal.abort() }));

      expect(batches).toEqual([]);
    });

    it('is an error when the store is closed under it', async () => {
      const own = await makeStore();
      try {
        const stop = new AbortController();
        const after = await own.store.head();
        const batches = own.store.subscribe({ after, signal: stop.signal })[Symbol.asyncIterator]();
        while (!((await batches.next()).value as EventBatch).live);
        const untilTheEnd = (async () => {
          while (!(await batches.next()).done);
        })();
        const outcome = expect(untilTheEnd).rejects.toThrow(SubscriptionDropped);

        await own.store.close();

        await outcome;
      } finally {
        await own.close();
      }
    });
  });
}
