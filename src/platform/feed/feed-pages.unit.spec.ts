import { afterEach, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { FeedFixture } from '../../../test/support/feed-fixture.js';
import type { CloudEvent, EventSelection } from '../contracts/public-events.js';
import { eventually } from '../../../test/support/eventually.js';
import type { FeedOptions } from './feed-options.js';

interface Page {
  readonly events: readonly CloudEvent[];
  readonly position: string;
  readonly live: boolean;
}

const opened: FeedFixture[] = [];

afterEach(() => {
  for (const feed of opened.splice(0)) feed.hub.end();
});

function fixture(options: Partial<FeedOptions> = {}): FeedFixture {
  const feed = new FeedFixture(undefined, options);
  opened.push(feed);
  return feed;
}

interface Asked {
  readonly after?: string;
  readonly selection?: EventSelection;
  readonly limit?: number;
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

async function pull(feed: FeedFixture, asked: Asked = {}): Promise<Page> {
  const { after = 'beginning', selection = {}, limit = 100, waitMs = 0 } = asked;
  const { signal = new AbortController().signal } = asked;
  const from = await feed.positions.resolve(after, 'after');
  return JSON.parse(await feed.pages.pull({ after: from, selection, limit, waitMs, signal })) as Page;
}

async function pullAll(feed: FeedFixture, asked: Asked): Promise<string[]> {
  const ids: string[] = [];
  for (let after = 'beginning'; ;) {
    const { events, position, live } = await pull(feed, { ...asked, after });
    ids.push(...events.map(({ id }) => id));
    after = position;
    if (live) return ids;
  }
}

describe('Pages', () => {
  it('have everything once, whatever the limit', async () => {
    const feed = fixture();
    for (let i = 0; i < 50; i++) await feed.append(`kettle-${i % 3}`, 'KettleBoiled', 'KettleTouched', 'KettleEmptied');
    for (const limit of [1, 7, 64, 65, 100, 1000]) {
      expect(await pullAll(feed, { limit })).toEqual(feed.expected());
    }
    expect((await pull(feed, { limit: 70 })).events.length).toBe(70);
    expect(await pullAll(feed, { limit: 9, selection: { aggregateKind: 'kettle', aggregateId: '1' } })).toEqual(
      feed.expected(({ stream }) => stream === 'kettle-1'),
    );
  });

  it('go on from the beginning while nothing is stored', async () => {
    const feed = fixture();
    expect(await pull(feed)).toEqual({ events: [], position: 'beginning', live: true });
  });

  it('move on over what was not selected', async () => {
    const feed = fixture();
    await feed.append('kettle-a', 'KettleBoiled');
    const page = await pull(feed, { selection: { aggregateKind: 'lamp' } });
    expect(page.events).toEqual([]);
    const end = await feed.tokens.encode(feed.store.all().at(-1)?.position ?? -1);
    expect(page.position).toBe(end);
  });
});

describe('A page that waits', () => {
  it('answers as soon as there is an event that was asked for', async () => {
    const feed = fixture();
    await feed.append('kettle-a', 'KettleBoiled');
    const waiting = pull(feed, { after: 'now', waitMs: 20_000, selection: { aggregateKind: 'lamp' } });
    await eventually('it waits', async () => (await feed.metrics.registry.metrics()).includes('{way="poll"} 1'));
    await feed.append('kettle-a', 'KettleBoiled');
    const [lit] = await feed.append('lamp-a', 'LampLit');
    expect((await waiting).events.map(({ id }) => id)).toEqual([lit]);
  });

  it('answers at once when there is one already', async () => {
    const feed = fixture();
    const [id] = await feed.append('kettle-a', 'KettleBoiled');
    expect((await pull(feed, { waitMs: 20_000 })).events.map((event) => event.id)).toEqual([id]);
  });

  it('is empty when the time is over', async () => {
    const feed = fixture();
    await feed.append('kettle-a', 'KettleBoiled');
    expect(await pull(feed, { after: 'now', waitMs: 15 })).toMatchObject({ events: [], live: true });
  });

  it('answers at once when the service stops, and when the client has left', async () => {
    const feed = fixture();
    const left = new AbortController();
    const both = [pull(feed, { waitMs: 20_000 }), pull(feed, { waitMs: 20_000, signal: left.signal })];
    await eventually('they wait', async () => (await feed.metrics.registry.metrics()).includes('{way="poll"} 2'));
    left.abort();
    expect(await both[1]).toMatchObject({ events: [] });
    feed.hub.end();
    expect(await both[0]).toMatchObject({ events: [] });
  });

  it('misses nothing that is stored between its look and its waiting', async () => {
    const feed = fixture();
    let after = 'beginning';
    for (let i = 0; i < 30; i++) {
      const waiting = pull(feed, { after, waitMs: 20_000 });
      if (i % 3 > 0) await delay(i % 3 === 1 ? 0 : 2);
      const [id] = await feed.append('kettle-a', 'KettleBoiled');
      const { events, position } = await waiting;
      expect(events.map((event) => event.id)).toEqual([id]);
      after = position;
    }
  }, 20_000);
});

describe('An event that this program cannot read', () => {
  it('ends the page before it, and is a 503 when it is the first', async () => {
    const feed = fixture();
    const [before] = await feed.append('kettle-a', 'KettleBoiled', { type: 'KettlePolished' }, 'KettleBoiled');
    const page = await pull(feed);
    expect(page).toMatchObject({ events: [{ id: before }], live: false });
    await expect(pull(feed, { after: page.position })).rejects.toMatchObject({
      code: 'event_not_readable',
      status: 503,
    });
    await expect(pull(feed, { after: page.position, waitMs: 5_000 })).rejects.toMatchObject({ status: 503 });
  });

  it('is one whose data has a newer version, too, unless it is none of those that were asked for', async () => {
    const feed = fixture();
    const metadata = { schema_version: 2 } as never;
    await feed.append('kettle-a', { type: 'KettleBoiled', metadata }, 'KettleEmptied');
    await expect(pull(feed)).rejects.toMatchObject({ code: 'event_not_readable' });
    const emptied = await pull(feed, { selection: { types: ['dormouse.kettle.emptied.v1'] } });
    expect(emptied.events.length).toBe(1);
  });
});

describe('Positions', () => {
  it('that are none are refused with the name of their field', async () => {
    const feed = fixture();
    for (const text of ['', 'x', '0', '12345678.', '12345678.~', 'BEGINNING', '12345678.1, 12345678.2']) {
      await expect(feed.positions.resolve(text, 'Last-Event-ID')).rejects.toMatchObject({
        status: 422,
        errors: [{ field: 'Last-Event-ID' }],
      });
    }
  });

  it('of another history are refused with what history this is', async () => {
    const [feed, other] = [fixture(), fixture()];
    await other.append('kettle-a', 'KettleBoiled');
    const token = await other.tokens.encode(1);
    await expect(feed.positions.resolve(token, 'after')).rejects.toMatchObject({
      code: 'position_of_another_history',
      status: 409,
      details: { field: 'after', history: feed.store.historyId },
    });
  });

  it('beyond the end are waited for a moment, as another instance may have seen them first', async () => {
    const feed = fixture({ aheadMs: 5_000 });
    await feed.append('kettle-a', 'KettleBoiled');
    const token = await feed.tokens.encode(2);
    const resolved = feed.positions.resolve(token, 'after');
    await feed.append('kettle-a', 'KettleBoiled');
    expect(await resolved).toBe(2);
  });

  it('beyond the end that do not come are refused', async () => {
    const feed = fixture();
    const token = await feed.tokens.encode(99);
    await expect(feed.positions.resolve(token, 'after')).rejects.toMatchObject({
      code: 'position_beyond_the_end',
      status: 409,
    });
  });
});
