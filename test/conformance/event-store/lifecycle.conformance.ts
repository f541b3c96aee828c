import { describe, expect, it } from '@jest/globals';
import { EventStoreUnavailable } from '../../../src/platform/event-store/event-store.errors.js';
import { collect } from '../../support/collect.js';
import { idsIn, idsOf, newEvents, newStream } from './fixture.js';
import type { MakeStore, StoreFixture } from './fixture.js';

/** Opening and closing. Every test has a store of its own. */
export function describeLifecycle(makeStore: MakeStore): void {
  const withStore = (test: (fixture: StoreFixture) => Promise<void>) => async () => {
    const fixture = await makeStore();
    try {
      await test(fixture);
    } finally {
      await fixture.close();
    }
  };

  describe('a store opened again', () => {
    it(
      'has the same identity and the same events at the same positions',
      withStore(async ({ store, reopen }) => {
        const stream = newStream();
        await store.append(stream, newEvents(5), 'no_stream');
        const [identity, events] = [await store.identity(), await collect(store.readStream(stream))];

        const again = await reopen();

        expect(await again.identity()).toBe(identity);
        expect(await collect(again.readStream(stream))).toEqual(events);
        expect(await again.findEvent(stream, events[3]!.id)).toEqual(events[3]);
      }),
    );

    it(
      'goes on where it was, and still recognises an append that is repeated',
      withStore(async ({ store, reopen }) => {
        const stream = newStream();
        const [first, second] = [newEvents(2), newEvents(2)];
        const before = await store.append(stream, first, 'no_stream');

        const again = await reopen();
        await again.append(stream, first, 'no_stream');
        await again.append(stream, first, 'any');
        const after = await again.append(stream, second, 1);

        expect(after.revision).toBe(3);
        expect(after.position).toBeGreaterThan(before.position);
        expect(await idsIn(again, stream)).toEqual(idsOf([...first, ...second]));
      }),
    );
  });

  describe('a store that is closed', () => {
    it(
      'has first written the appends in flight',
      withStore(async ({ store, reopen }) => {
        const streams = Array.from({ length: 10 }, () => newStream());
        const appends = streams.map((stream) => store.append(stream, newEvents(1), 'no_stream'));

        await store.close();
        await Promise.all(appends);

        const again = await reopen();
        for (const stream of streams) expect(await idsIn(again, stream)).toHaveLength(1);
      }),
    );

    it(
      'refuses everything as unavailable, and may be closed again',
      withStore(async ({ store }) => {
        await store.close();
        await store.close();

        await expect(store.append(newStream(), newEvents(1), 'any')).rejects.toThrow(EventStoreUnavailable);
        await expect(collect(store.readStream(newStream()))).rejects.toThrow(EventStoreUnavailable);
        await expect(store.readAll({ after: null, limit: 1 })).rejects.toThrow(EventStoreUnavailable);
        await expect(store.findEvent(newStream(), newEvents(1)[0]!.id)).rejects.toThrow(EventStoreUnavailable);
        await expect(store.head()).rejects.toThrow(EventStoreUnavailable);
        await expect(store.ping()).rejects.toThrow(EventStoreUnavailable);
      }),
    );

    it(
      'answered pings before',
      withStore(async ({ store }) => {
        await expect(store.ping()).resolves.toBeUndefined();
      }),
    );
  });
}
