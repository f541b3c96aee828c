import { beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { EventStore, ReadStreamOptions } from '../../../src/platform/event-store/event-store.port.js';
import { collect } from '../../support/collect.js';
import { idsOf, newEvent, newEvents, newStream, readEverything } from './fixture.js';

/** Reading one stream, one event, and the global order. */
export function describeReads(store: () => EventStore): void {
  describe('reading a stream', () => {
    const stream = newStream();
    beforeAll(async () => {
      await store().append(stream, newEvents(10), 'no_stream');
    });

    const cases: { options: ReadStreamOptions; revisions: number[] }[] = [
      { options: {}, revisions: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] },
      { options: { limit: 3 }, revisions: [0, 1, 2] },
      { options: { limit: 100, from: 8 }, revisions: [8, 9] },
      { options: { from: 4, limit: 2 }, revisions: [4, 5] },
      { options: { from: 10 }, revisions: [] },
      { options: { from: 1000 }, revisions: [] },
      { options: { direction: 'backwards' }, revisions: [9, 8, 7, 6, 5, 4, 3, 2, 1, 0] },
      { options: { direction: 'backwards', limit: 1 }, revisions: [9] },
      { options: { direction: 'backwards', from: 2 }, revisions: [2, 1, 0] },
      { options: { direction: 'backwards', from: 5, limit: 2 }, revisions: [5, 4] },
      { options: { direction: 'backwards', from: 1000, limit: 2 }, revisions: [9, 8] },
    ];
    it.each(cases)('gives revisions $revisions for $options', async ({ options, revisions }) => {
      const events = await collect(store().readStream(stream, options));

      expect(events.map(({ revision }) => revision)).toEqual(revisions);
      expect(events.map(({ data }) => data['number'])).toEqual(revisions);
    });

    it('gives nothing for one that does not exist', async () => {
      expect(await collect(store().readStream(newStream()))).toEqual([]);
      expect(await collect(store().readStream(newStream(), { direction: 'backwards' }))).toEqual([]);
    });

    it('gives every event of a long one, in order, both ways', async () => {
      const long = newStream();
      const events = newEvents(1_200);
      for (let at = 0; at < events.length; at += 400) await store().append(long, events.slice(at, at + 400), 'any');

      expect(idsOf(await collect(store().readStream(long)))).toEqual(idsOf(events));
      const backwards = await collect(store().readStream(long, { direction: 'backwards' }));
      expect(idsOf(backwards)).toEqual(idsOf(events).reverse());
    });

    it('can be broken off, and others read and write in the middle of it', async () => {
      const long = newStream();
      await store().append(long, newEvents(600), 'no_stream');
      const seen: number[] = [];

      for await (const { revision } of store().readStream(long)) {
        seen.push(revision);
        if (revision === 299) await store().append(newStream(), newEvents(1), 'no_stream');
        if (revision === 399) break;
      }

      expect(seen).toHaveLength(400);
    });

    it('shows what was appended as soon as the append is answered', async () => {
      const fresh = newStream();
      for (let count = 1; count <= 20; count++) {
        await store().append(fresh, newEvents(1), 'any');
        expect(await collect(store().readStream(fresh, { direction: 'backwards', limit: 1 }))).toMatchObject([
          { revision: count - 1 },
        ]);
      }
    });
  });

  describe('finding an event by its id', () => {
    it('gives it when it is in the stream', async () => {
      const stream = newStream();
      const events = newEvents(3);
      await store().append(stream, events, 'no_stream');

      const found = await store().findEvent(stream, events[1]!.id);

      expect(found).toEqual((await collect(store().readStream(stream)))[1]);
    });

    it('gives nothing when it is in another stream, or nowhere', async () => {
      const event = newEvent();
      await store().append(newStream(), [event], 'no_stream');
      const other = newStream();
      await store().append(other, newEvents(1), 'no_stream');

      await expect(store().findEvent(other, event.id)).resolves.toBeUndefined();
      await expect(store().findEvent(newStream(), event.id)).resolves.toBeUndefined();
      await expect(store().findEvent(other, randomUUID())).resolves.toBeUndefined();
    });

    it('gives the first one when it was written twice', async () => {
      const stream = newStream();
      const events = newEvents(1);
      await store().append(stream, events, 'no_stream');
      await store().append(stream, events, 0);

      await expect(store().findEvent(stream, events[0]!.id)).resolves.toMatchObject({ revision: 0 });
    });
  });

  describe('reading the global order', () => {
    it('gives the events of all streams in the order of their commits, page by page', async () => {
      const after = await store().head();
      const category = `c${randomUUID()}`;
      const [one, other] = [newStream(category), newStream(category)];
      const events = newEvents(9);
      for (const [index, event] of events.entries()) await store().append(index % 2 ? one : other, [event], 'any');

      const filter = { streamPrefixes: [`${category}-`] };
      const read = await readEverything(store(), { after, filter, limit: 2 });

      expect(idsOf(read)).toEqual(idsOf(events));
    });

    it('begins after the position it is given, which is the position of an event or of a page', async () => {
      const stream = newStream();
      await store().append(stream, newEvents(5), 'no_stream');
      const events = await collect(store().readStream(stream));
      const filter = { streamPrefixes: [stream] };

      const rest = await readEverything(store(), { after: events[1]!.position, filter });

      expect(rest).toEqual(events.slice(2));
    });

    it('goes backwards from the end, and before a position, without it', async () => {
      const stream = newStream();
      await store().append(stream, newEvents(4), 'no_stream');
      const events = await collect(store().readStream(stream));

      const end = await store().readAll({ after: null, direction: 'backwards', limit: 2 });
      const earlier = await store().readAll({ after: events[2]!.position, direction: 'backwards', limit: 2 });

      expect(end.events).toHaveLength(2);
      expect(end.events[0]!.position).toBeGreaterThan(end.events[1]!.position);
      expect(idsOf(earlier.events)).toEqual(idsOf([events[1]!, events[0]!]));
    });

    it('filters by type and by the beginning of the stream; both must hold', async () => {
      const after = await store().head();
      const [a, b] = [`a${randomUUID()}`, `b${randomUUID()}`];
      const appends = [a, b, `${a}x`].flatMap((stream) => ['Opened', 'Closed'].map((type) => ({ stream, type })));
      for (const { stream, type } of appends) await store().append(stream, [newEvent({}, type)], 'any');
      const matching = async (filter: { types?: string[]; streamPrefixes?: string[] }) => {
        const events = await readEverything(store(), { after, filter });
        return events.map(({ stream, type }) => ({ stream, type }));
      };

      expect(await matching({ streamPrefixes: [a] })).toEqual(appends.filter(({ stream }) => stream.startsWith(a)));
      expect(await matching({ streamPrefixes: [a, b] })).toEqual(appends);
      expect(await matching({ streamPrefixes: [a, b], types: ['Closed'] })).toEqual(
        appends.filter(({ type }) => type === 'Closed'),
      );
      expect(await matching({ streamPrefixes: [b], types: ['Opened', 'Closed'] })).toEqual(appends.slice(2, 4));
      expect(await matching({ streamPrefixes: [b], types: ['Melted'] })).toEqual([]);
    });

    it('ends at a head that is at or after everything appended', async () => {
      const { position } = await store().append(newStream(), newEvents(1), 'no_stream');

      expect(await store().head()).toBeGreaterThanOrEqual(position);
      const page = await store().readAll({ after: await store().head(), limit: 10 });
      expect(page).toMatchObject({ events: [], live: true });
    });
  });
}
