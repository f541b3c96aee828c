import { afterEach, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../../test/support/eventually.js';
import { FakeSink, FeedFixture, readFrames } from '../../../test/support/feed-fixture.js';
import type { FeedOptions } from './feed-options.js';

const opened: FeedFixture[] = [];

function fixture(options: Partial<FeedOptions> = {}): FeedFixture {
  const feed = new FeedFixture(undefined, options);
  opened.push(feed);
  return feed;
}

afterEach(() => {
  for (const feed of opened.splice(0)) feed.hub.end();
});

const NEVER = { slowAfterMs: 60_000, heartbeatMs: 60_000 };

describe('A stream', () => {
  it('tells the client first when to come back, and from where', async () => {
    const feed = fixture(NEVER);
    const [id] = await feed.append('kettle-a', 'KettleBoiled');
    const now = await feed.follower({}, 'now');
    expect(readFrames(now.sink.text)).toEqual([
      { retry: '2000', id: await feed.tokens.encode(feed.store.all().at(-1)?.position ?? -1), comments: [] },
    ]);
    const all = await feed.follower({}, 'beginning');
    await eventually('the event is there', () => all.ids().includes(String(id)));
  });

  it('sends each event as a message with its position as id and the CloudEvent as data', async () => {
    const feed = fixture(NEVER);
    const client = await feed.follower({}, 'now');
    const [id] = await feed.append('kettle-a', 'KettleBoiled');
    await eventually('it has come', () => client.sink.text.includes(String(id)));
    const frame = readFrames(client.sink.text).at(-1);
    const token = await feed.tokens.encode(feed.store.all().at(-1)?.position ?? -1);
    expect(frame).toMatchObject({ id: token, event: undefined });
    expect(JSON.parse(frame?.data ?? '')).toMatchObject({
      id,
      type: 'dormouse.kettle.boiled.v1',
      subject: 'kettle/a',
      position: token,
      data: { kettle_id: 'a' },
    });
  });

  it('has nothing of what is not published, or not selected', async () => {
    const feed = fixture(NEVER);
    const boiled = await feed.follower({ types: ['dormouse.kettle.boiled.v1'] });
    const ofA = await feed.follower({ aggregateKind: 'kettle', aggregateId: 'a' });
    const lamps = await feed.follower({ aggregateKind: 'lamp' });
    await feed.append('kettle-ab', 'KettleBoiled', 'KettleTouched', 'KettleEmptied');
    const [, emptied] = await feed.append('kettle-a', 'KettleTouched', 'KettleEmptied');
    const [lit] = await feed.append('lamp-a', 'LampLit');
    await eventually('the last one is there', () => lamps.ids().length > 0);
    expect(boiled.ids()).toEqual(feed.expected(({ type }) => type === 'KettleBoiled'));
    expect(ofA.ids()).toEqual([emptied]);
    expect(lamps.ids()).toEqual([lit]);
  });

  it('moves on what a client resumes from while only events of others pass, without telling it anything', async () => {
    const feed = fixture({ slowAfterMs: 60_000 });
    const lamps = await feed.follower({ aggregateKind: 'lamp' });
    await feed.append('kettle-a', 'KettleBoiled', 'KettleTouched');
    const end = await feed.tokens.encode(feed.store.all().at(-1)?.position ?? -1);
    await eventually('the heartbeat says so', () => lamps.resumesFrom() === end);
    expect(lamps.ids()).toEqual([]);
  });

  it('has a heartbeat when nothing happens', async () => {
    const feed = fixture();
    const client = await feed.follower();
    await eventually('two heartbeats', () => client.sink.text.split(': heartbeat\n\n').length > 2);
  });

  it('goes on after the store was away, and says meanwhile that it is', async () => {
    const feed = fixture(NEVER);
    const client = await feed.follower();
    await feed.append('kettle-a', 'KettleBoiled');
    await eventually('it is live', () => client.ids().length === 1);
    feed.store.unavailable = true;
    feed.store.breakSubscriptions('error');
    await eventually('it says so', () => client.sink.text.includes(': the event store cannot be reached'));
    feed.store.unavailable = false;
    await feed.append('kettle-a', 'KettleEmptied');
    await eventually('it goes on', () => client.ids().length === 2);
    expect(client.ids()).toEqual(feed.expected());
    expect(feed.logged.map(({ msg }) => msg)).toEqual(['feed.waiting', 'feed.resumed']);
  });

  it('waits at a position that another instance has handed out and this one has not seen yet', async () => {
    const feed = fixture(NEVER);
    await feed.append('kettle-a', 'KettleBoiled');
    const other = await feed.follower();
    await eventually('the feed runs', () => other.ids().length === 1);
    // The subscription hangs; the store itself has more, as another instance has seen.
    feed.store.breakSubscriptions('stall');
    await feed.append('kettle-a', 'KettleBoiled', 'KettleBoiled');
    const seen = await feed.tokens.encode(feed.store.all().at(-1)?.position ?? -1);
    const client = await feed.follower({}, seen);
    const [last] = await feed.append('kettle-a', 'KettleEmptied');
    await eventually('it gets what comes after', () => client.ids().length > 0);
    expect(client.ids()).toEqual([last]);
  });

  it('says in one line of the log how it went', async () => {
    const feed = fixture(NEVER);
    const client = await feed.follower();
    await feed.append('kettle-a', 'KettleBoiled');
    await eventually('it has come', () => client.ids().length === 1);
    client.sink.close();
    await eventually('it is noticed', () => feed.logged.length > 0);
    expect(feed.logged).toEqual([
      expect.objectContaining({
        level: 'info',
        msg: 'feed.stream_ended',
        reason: 'client_left',
        events: 1,
        correlation_id: 'test',
        seconds: expect.any(Number),
      }),
    ]);
  });
});

describe('What all clients share', () => {
  it('is one subscription, and one write for the events that come together', async () => {
    const feed = fixture(NEVER);
    const clients = await Promise.all(Array.from({ length: 20 }, () => feed.follower({}, 'now')));
    const before = clients.map(({ sink }) => sink.writes);
    await feed.append('kettle-a', 'KettleBoiled', 'KettleEmptied', 'KettleBoiled');
    await eventually('all have all', () => clients.every((client) => client.ids().length === 3));
    expect(feed.store.subscriptionsOpened).toBe(1);
    expect(clients.map(({ sink }, index) => sink.writes - (before[index] ?? 0))).toEqual(clients.map(() => 1));
  });

  it('ends a while after the last one has left, and begins again with the next', async () => {
    const feed = fixture(NEVER);
    const first = await feed.follower({}, 'now');
    first.sink.close();
    const [missed] = await feed.append('kettle-a', 'KettleBoiled');
    await delay(60);
    const second = await feed.follower({}, first.resumesFrom());
    await eventually('it has what happened meanwhile', () => second.ids().length === 1);
    expect(second.ids()).toEqual([missed]);
    expect(feed.store.subscriptionsOpened).toBe(2);
  });
});

describe('A client that takes nothing', () => {
  it('is given no more than a bounded number of bytes, and what it missed when it takes again', async () => {
    const feed = fixture(NEVER);
    const client = await feed.follower();
    client.sink.stall();
    for (let i = 0; i < 40; i++) await feed.append('kettle-a', 'KettleBoiled');
    await delay(30);
    expect(client.sink.writableLength).toBeGreaterThan(500);
    expect(client.sink.writableLength).toBeLessThan(4_500);
    client.sink.take();
    await eventually('it has all', () => client.ids().length === 40);
    expect(client.ids()).toEqual(feed.expected());
  });

  it('has less of the memory the more clients there are', async () => {
    const feed = fixture({ ...NEVER, mostUnsent: 1_000_000, mostUnsentOfAll: 12_000 });
    const clients = await Promise.all(Array.from({ length: 6 }, () => feed.follower()));
    for (const { sink } of clients) sink.stall();
    for (let i = 0; i < 100; i++) await feed.append('kettle-a', 'KettleBoiled');
    await delay(30);
    expect(Math.max(...clients.map(({ sink }) => sink.writableLength))).toBeLessThan(5_000);
    for (const { sink } of clients) sink.take();
    await eventually('all have all', () => clients.every((client) => client.ids().length === 100));
  });

  it('is cut off with the reason, and resumes', async () => {
    const feed = fixture({ heartbeatMs: 60_000, farewellMs: 10_000 });
    const client = await feed.follower();
    client.sink.stall();
    for (let i = 0; i < 20; i++) await feed.append('kettle-a', 'KettleBoiled');
    await eventually('it is cut off', () => feed.logged.length > 0);
    expect(feed.logged).toMatchObject([{ level: 'warn', msg: 'feed.stream_ended', reason: 'slow_client' }]);
    client.sink.take();
    client.read();
    expect(client.cutOffs).toEqual(['slow_client']);
    expect(client.sink.closed).toBe(true);
    expect(client.events.length).toBeLessThan(20);
    await client.connect();
    await eventually('it has the rest', () => client.ids().length === 20);
    expect(client.ids()).toEqual(feed.expected());
    expect(await feed.metrics.registry.metrics()).toContain('dormouse_feed_cut_off_total{code="slow_client"} 1');
  });

  it('loses the connection when it does not take its farewell either', async () => {
    const feed = fixture({ heartbeatMs: 60_000 });
    const client = await feed.follower();
    client.sink.stall();
    for (let i = 0; i < 20; i++) await feed.append('kettle-a', 'KettleBoiled');
    await eventually('the connection is closed', () => client.sink.closed);
    expect(client.sink.text).not.toContain('cut_off');
  });

  it('does not keep the others waiting', async () => {
    const feed = fixture(NEVER);
    const slow = await feed.follower();
    const quick = await feed.follower();
    slow.sink.stall();
    for (let i = 0; i < 40; i++) await feed.append('kettle-a', 'KettleBoiled');
    await eventually('the other has all', () => quick.ids().length === 40);
    expect(slow.ids().length).toBe(0);
  });
});

describe('An event that this program cannot read', () => {
  const NEWER = { type: 'KettlePolished' };

  it('ends the streams that want it, after what was before it', async () => {
    const feed = fixture(NEVER);
    const live = await feed.follower();
    const lamps = await feed.follower({ aggregateKind: 'lamp' });
    const boiled = await feed.follower({ types: ['dormouse.kettle.boiled.v1'] });
    const [before] = await feed.append('kettle-a', 'KettleBoiled', NEWER, 'KettleBoiled');
    await eventually('it is cut off', () => live.sink.closed);
    expect(live.ids()).toEqual([before]);
    expect(live.cutOffs).toEqual(['event_not_readable']);
    await feed.append('lamp-a', 'LampLit');
    await eventually('the others go on', () => lamps.ids().length === 1 && boiled.ids().length === 2);
  });

  it('is not passed over by a client that comes later, nor when it comes back', async () => {
    const feed = fixture(NEVER);
    const [before] = await feed.append('kettle-a', 'KettleBoiled', NEWER, 'KettleBoiled');
    const late = await feed.follower();
    await eventually('it is cut off', () => late.sink.closed);
    await late.connect();
    await eventually('it is cut off again', () => late.sink.closed);
    late.read();
    expect(late.cutOffs).toEqual(['event_not_readable', 'event_not_readable']);
    expect(late.ids()).toEqual([before]);
  });
});

describe('Limits and the end', () => {
  it('refuses more clients than it was told to have', async () => {
    const feed = fixture({ ...NEVER, mostClients: 2 });
    await feed.follower();
    const second = await feed.follower();
    await expect(feed.follower()).rejects.toMatchObject({ code: 'too_many_clients', status: 503 });
    second.sink.close();
    await eventually('there is room again', () => feed.logged.length > 0);
    await feed.follower();
  });

  it('refuses a selection of what is not published, and has no client then', async () => {
    const feed = fixture({ ...NEVER, mostClients: 1 });
    await expect(feed.follower({ types: ['dormouse.kettle.touched.v1'] })).rejects.toMatchObject({
      errors: [{ field: 'type' }],
    });
    await feed.follower();
  });

  it('ends all streams at once with a reason when the service stops, and begins none', async () => {
    const feed = fixture(NEVER);
    const live = await feed.follower();
    const stalled = await feed.follower();
    stalled.sink.stall();
    for (let i = 0; i < 20; i++) await feed.append('kettle-a', 'KettleBoiled');
    await eventually('the other is live', () => live.ids().length === 20);
    feed.hub.end();
    live.read();
    expect(live.cutOffs).toEqual(['shutting_down']);
    expect(live.sink.closed && stalled.sink.closed).toBe(true);
    await expect(feed.open(new FakeSink(), {}, 'beginning')).rejects.toMatchObject({ code: 'shutting_down' });
  });

  it('tells how many there are and what they got', async () => {
    const feed = fixture(NEVER);
    const client = await feed.follower();
    await feed.append('kettle-a', 'KettleBoiled', 'KettleTouched', 'KettleEmptied');
    await eventually('it has them', () => client.ids().length === 2);
    const text = await feed.metrics.registry.metrics();
    expect(text).toContain('dormouse_feed_clients{way="stream"} 1');
    expect(text).toContain('dormouse_feed_events_sent_total{way="stream"} 2');
    expect(text).toMatch(/dormouse_feed_lag_seconds \d/);
  });
});
