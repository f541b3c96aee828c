import { describe, expect, it } from '@jest/globals';
import { EventStoreUnavailable } from '../event-store.errors.js';
import type { Position } from '../event-store.port.js';
import { Pages } from './pages.js';
import type { PageReads } from './pages.js';
import type { StoredEvent } from './stored-events.js';

const at = (commit: number, streamId = 'kettle-1', type = 'Boiled'): StoredEvent => {
  const position = { commit: BigInt(commit), prepare: BigInt(commit) };
  const created = new Date(0);
  return { streamId, type, position, created, id: String(commit), revision: 0n, isJson: true, data: {}, metadata: {} };
};

/** Others write at every position that is not a kettle's. */
const KETTLES = [100, 5_000, 9_000].map((position) => at(position));
const HEAD = 9_500;
const ALL = Array.from({ length: HEAD }, (_, i) => KETTLES.find(({ id }) => id === `${i + 1}`) ?? at(i + 1, 'tap-1'));

const silence = new EventStoreUnavailable('It did not answer in time.');
const lost = new EventStoreUnavailable('It was lost.', { cause: { code: 14, details: 'read ECONNRESET' } });

/** A server whose filtered reads answer or fail. */
class FakeReads implements PageReads {
  filteredReads = 0;

  constructor(private readonly filteredFails?: Error) {}

  filtered(after: Position | null, count: number) {
    this.filteredReads++;
    if (this.filteredFails) return Promise.reject(this.filteredFails);
    return Promise.resolve(this.page(KETTLES, after, count));
  }

  raw(after: Position | null, count: number) {
    return Promise.resolve(this.page(ALL, after, count));
  }

  private page(of: StoredEvent[], after: Position | null, count: number) {
    const events = of.filter((event) => Number(event.position?.commit) > (after ?? -1)).slice(0, count);
    return { events, isLast: events.length < count };
  }
}

const FILTER = { streamPrefixes: ['kettle-'], types: ['Boiled'] };
const pagesOf = (reads: FakeReads, known: Position | null = null) =>
  new Pages(
    reads,
    () => known,
    () => Promise.resolve(HEAD),
  );

describe('A page of the global order', () => {
  it('ends at its last event while there may be more, and at the head when there is no more', async () => {
    const pages = pagesOf(new FakeReads());

    const full = await pages.read({ after: null, limit: 2, filter: FILTER });
    const rest = await pages.read({ after: full.position, limit: 2, filter: FILTER });

    expect(full).toMatchObject({ events: [{ position: 100 }, { position: 5_000 }], position: 5_000, live: false });
    expect(rest).toMatchObject({ events: [{ position: 9_000 }], position: HEAD, live: true });
  });

  it('never ends beyond what is known to have been there before it was read', async () => {
    const pages = pagesOf(new FakeReads(), 9_200);

    expect(await pages.read({ after: 5_000, limit: 10, filter: FILTER })).toMatchObject({
      position: 9_200,
      live: true,
    });
    expect(await pages.read({ after: HEAD, limit: 10, filter: FILTER })).toEqual({
      events: [],
      position: HEAD,
      live: true,
    });
  });

  it('is filtered here, a part of it at a time, once the server was silent for too long: it gets on', async () => {
    const reads = new FakeReads(silence);
    const pages = pagesOf(reads);
    const positions: Position[] = [];
    let after: Position | null = null;
    let pagesRead = 0;

    for (let live = false; !live; pagesRead++) {
      const page = await pages.read({ after, limit: 10, filter: FILTER });
      expect(page.position).toBeGreaterThan(after ?? -1);
      positions.push(...page.events.map(({ position }) => position));
      ({ position: after, live } = page);
    }

    expect(positions).toEqual([100, 5_000, 9_000]);
    expect(after).toBe(HEAD);
    expect(pagesRead).toBe(5);
    expect(reads.filteredReads).toBe(1);
  });

  it('that is filtered here ends at its last event when it has as many as were asked for', async () => {
    const pages = pagesOf(new FakeReads(silence));

    const page = await pages.read({ after: null, limit: 3, filter: { streamPrefixes: ['tap-'] } });

    expect(page).toMatchObject({ position: 3, live: false });
    expect(page.events.map(({ position }) => position)).toEqual([1, 2, 3]);
  });

  it('fails when the connection does: that is not for want of patience', async () => {
    const reads = new FakeReads(lost);

    await expect(pagesOf(reads).read({ after: null, limit: 3, filter: FILTER })).rejects.toBe(lost);
  });
});
