import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { time, workerRow } from '../../../test/page/support/worker-row.js';
import { ChangeBatch } from './change-batch.js';
import type { Changes } from './change-batch.js';
import { ConnectionMonitor } from './connection-state.js';
import { FeedConnection, readEvent } from './feed-connection.js';
import type { StreamHandlers } from './feed-connection.js';
import { warningsOf } from './warnings.js';
import { withListed, withLookedUp } from './worker-rows.js';

const EVENT = { type: 'dormouse.cml_worker.paused.v1', subject: 'cml_worker/a', position: 'h.1' };

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('The feed’s connection', () => {
  function connection() {
    const told: string[] = [];
    const streams: (StreamHandlers & { isClosed: boolean })[] = [];
    const feed = new FeedConnection(
      (handlers) => {
        const stream = { ...handlers, isClosed: false };
        streams.push(stream);
        return () => void (stream.isClosed = true);
      },
      {
        event: ({ position }) => told.push(position),
        opened: () => told.push('opened'),
        lost: () => told.push('lost'),
      },
      () => 1,
    );
    return { feed, told, streams };
  }

  it('hands over events, and nothing that is none', () => {
    const { feed, told, streams } = connection();
    feed.start();
    streams[0]?.opened();
    for (const data of [JSON.stringify(EVENT), '<html>', '{}', 'null', '{"type":1}']) streams[0]?.message(data);
    expect(told).toEqual(['opened', 'h.1']);
    expect(readEvent(JSON.stringify({ ...EVENT, data: {} }))).toEqual(EVENT);
  });

  it('leaves a break to the browser as long as that tries again', () => {
    const { feed, told, streams } = connection();
    feed.start();
    streams[0]?.opened();
    streams[0]?.broke(false);
    jest.advanceTimersByTime(600_000);
    expect(streams).toHaveLength(1);
    streams[0]?.opened();
    expect(told).toEqual(['opened', 'lost', 'opened']);
  });

  it('begins anew with growing pauses when the browser has given up, and with short ones again after a success', () => {
    const { feed, streams } = connection();
    feed.start();
    const waits: number[] = [];
    const breakAndWait = () => {
      const known = streams.length;
      streams.at(-1)?.broke(true);
      let waited = 0;
      while (streams.length === known) {
        jest.advanceTimersByTime(500);
        waited += 500;
      }
      waits.push(waited);
    };
    for (let times = 0; times < 7; times++) breakAndWait();
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(streams.slice(0, -1).every(({ isClosed }) => isClosed)).toBe(true);
    streams.at(-1)?.opened();
    breakAndWait();
    expect(waits.at(-1)).toBe(1_000);
  });

  it('does not wait when somebody looks at the page again, and leaves what flows alone', () => {
    const { feed, streams } = connection();
    feed.start();
    streams[0]?.broke(true);
    feed.hurry();
    expect(streams).toHaveLength(2);
    jest.advanceTimersByTime(60_000);
    expect(streams).toHaveLength(2);
    streams[1]?.opened();
    feed.hurry();
    expect(streams).toHaveLength(2);
  });

  it('tries no more after its end', () => {
    const { feed, streams } = connection();
    feed.start();
    streams[0]?.broke(true);
    feed.stop();
    jest.advanceTimersByTime(60_000);
    expect(streams).toHaveLength(1);
  });
});

describe('Changes that come together', () => {
  const delivered: Changes[] = [];
  const batch = new ChangeBatch((changes) => delivered.push(changes));
  beforeEach(() => {
    delivered.length = 0;
  });

  it('are looked up together, as new as the last of them', () => {
    for (let index = 0; index < 100; index++)
      batch.add({ ...EVENT, subject: `cml_worker/${index % 10}`, position: `h.${index}` });
    batch.add({ ...EVENT, subject: 'coaching_session/s', position: 'h.100' });
    batch.add({ ...EVENT, subject: 'agent_session/x', position: 'h.101' });
    jest.advanceTimersByTime(1_000);
    expect(delivered).toEqual([{ workerIds: new Set('0123456789'), sessionIds: new Set(['s']), token: 'h.100' }]);
  });

  it('are not put off for ever by those that follow', () => {
    for (let index = 0; index < 30; index++) {
      batch.add({ ...EVENT, position: `h.${index}` });
      jest.advanceTimersByTime(100);
    }
    expect(delivered.length).toBeGreaterThanOrEqual(4);
    batch.clear();
  });
});

describe('Rows that were looked up', () => {
  const old = [workerRow({ worker_id: 'a', name: 'a' }), workerRow({ worker_id: 'b', name: 'b' })];
  const names = (rows: readonly { name: string }[]) => rows.map(({ name }) => name);

  it('take the place of the older ones; new ones come, and those that are gone go', () => {
    const found = [
      workerRow({ worker_id: 'b', name: 'b again', checked_at: time(1) }),
      workerRow({ worker_id: 'c', name: 'c', checked_at: time(1) }),
    ];
    expect(names(withLookedUp(old, ['b', 'c'], found))).toEqual(['a', 'b again', 'c']);
    expect(names(withLookedUp(old, ['a'], []))).toEqual(['b']);
  });

  it('are not undone by an answer that was asked for earlier', () => {
    const later = [workerRow({ worker_id: 'a', name: 'later', checked_at: time(2) })];
    expect(
      names(withLookedUp(later, ['a'], [workerRow({ worker_id: 'a', name: 'earlier', checked_at: time(1) })])),
    ).toEqual(['later']);
    expect(names(withListed(later, old))).toEqual(['later', 'b']);
  });

  it('stay beside a list from before them, and go with one from after', () => {
    const registered = workerRow({ worker_id: 'new', name: 'new', checked_at: time(1) });
    expect(names(withListed([registered], old))).toEqual(['a', 'b', 'new']);
    const listedLater = old.map((row) => ({ ...row, checked_at: time(2) }));
    expect(names(withListed([registered], listedLater))).toEqual(['a', 'b']);
    expect(names(withListed([registered], []))).toEqual([]);
  });
});

describe('Warnings', () => {
  const fine = { feed: 'open', reachable: true, late: false } as const;
  const ready = { status: 'ready', reasons: [], warnings: [], projections: [] } as const;
  const keys = (...parameters: Parameters<typeof warningsOf>) => warningsOf(...parameters).map(({ key }) => key);

  it('are none when all is well, or before anything is known', () => {
    expect(warningsOf(fine, null, ready)).toEqual([]);
    expect(warningsOf({ ...fine, feed: 'connecting' }, null, undefined)).toEqual([]);
  });

  it('tell of a lost connection before anything else, and since when', () => {
    expect(warningsOf({ ...fine, feed: 'lost' }, Date.parse(time(0)), { ...ready, status: 'not_ready' })).toEqual([
      {
        key: 'lost',
        title: 'The connection is lost.',
        text: expect.stringMatching(/What you see is from \d\d:\d\d:\d\d/),
      },
    ]);
    expect(keys({ ...fine, reachable: false }, null, ready)).toEqual(['lost']);
  });

  it('tell of a service that is not ready in its own words, and of late data', () => {
    const waiting = { ...ready, status: 'not_ready', reasons: ['The event store cannot be reached.'] } as const;
    expect(warningsOf(fine, null, waiting)[0]?.text).toBe('The event store cannot be reached.');
    expect(keys({ ...fine, late: true }, null, ready)).toEqual(['late']);
    const behind = { ...ready, projections: [{ name: 'workers', lag_events: 900, lag_seconds: 12.3 }] };
    expect(warningsOf(fine, null, behind)[0]?.title).toBe('The data is late by 12 seconds.');
  });
});

describe('The monitor', () => {
  it('tells those who watch only of what has changed', () => {
    const monitor = new ConnectionMonitor();
    let told = 0;
    const end = monitor.listen(() => told++);
    monitor.update({ feed: 'open' });
    const state = monitor.current();
    monitor.update({ feed: 'open', late: false });
    monitor.hear(5);
    expect([told, monitor.heardAt()]).toEqual([1, 5]);
    expect(monitor.current()).toBe(state);
    end();
    monitor.update({ late: true });
    expect(told).toBe(1);
  });
});
