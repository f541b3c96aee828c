import { describe, expect, it } from '@jest/globals';
import pLimit from 'p-limit';
import { DormouseError } from '../errors.js';
import type { View } from '../projections/view.js';
import type { DocumentQuery, StoredDocument } from '../read-models/read-model-store.port.js';
import { sweep } from './sweep.js';

interface Entry {
  readonly quiet_since: number;
}

/** Entries in the order of their field, as a view pages through them; a test may change them meanwhile. */
class Entries {
  readonly entries = new Map<string, Entry>();
  pages = 0;

  constructor(count: number) {
    // Of each three one has the same time as another: pages must not leave out what is tied.
    for (let n = 0; n < count; n++) this.entries.set(`e${String(n).padStart(3, '0')}`, { quiet_since: n - (n % 3) });
  }

  get view(): View<Entry> {
    const find = (query: DocumentQuery) => Promise.resolve(this.page(query));
    return { find } as unknown as View<Entry>;
  }

  private page({ after, limit = 0 }: DocumentQuery): StoredDocument<Entry>[] {
    this.pages++;
    const value = Number(after?.value ?? -1);
    return [...this.entries]
      .map(([id, document]) => ({ id, document, position: null }))
      .sort((a, b) => a.document.quiet_since - b.document.quiet_since || (a.id < b.id ? -1 : 1))
      .filter(
        ({ id, document }) =>
          !after || document.quiet_since > value || (document.quiet_since === value && id > after.id),
      )
      .slice(0, limit);
  }
}

async function swept(
  entries: Entries,
  work: (id: string) => Promise<void> | void,
  signal = new AbortController().signal,
): Promise<{ failed: string[]; error: unknown }> {
  const failed: string[] = [];
  const options = { signal, admit: pLimit(4), pageSize: 10, failed: (id: string) => void failed.push(id) };
  const proposed = { view: entries.view, where: {}, orderBy: 'quiet_since' as const };
  const error: unknown = await sweep(proposed, options, async (id) => work(id)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { failed, error };
}

describe('A sweep', () => {
  it('works on each entry once, page after page, although they leave while it does', async () => {
    const entries = new Entries(47);
    const seen: string[] = [];
    const all = [...entries.entries.keys()];
    await swept(entries, (id) => {
      seen.push(id);
      entries.entries.delete(id);
    });
    expect(seen.sort()).toEqual(all);
    expect(entries.pages).toBe(5);
  });

  it('works on each entry once although the view is late and keeps them all', async () => {
    const entries = new Entries(47);
    const seen: string[] = [];
    await swept(entries, (id) => void seen.push(id));
    expect(new Set(seen).size).toBe(47);
    expect(seen).toHaveLength(47);
  });

  it('goes by the ids where no order is asked for, and tells how many there were', async () => {
    const queries: DocumentQuery[] = [];
    const ids = Array.from({ length: 25 }, (_, n) => `w${String(n).padStart(2, '0')}`);
    const find = (query: DocumentQuery) => {
      queries.push(query);
      const rest = ids.filter((id) => id > (query.after?.id ?? '')).slice(0, query.limit);
      return Promise.resolve(rest.map((id) => ({ id, document: { quiet_since: 0 }, position: null })));
    };
    const view = { find } as unknown as View<Entry>;
    const seen: string[] = [];
    const options = { signal: new AbortController().signal, pageSize: 10, failed: () => undefined };
    const work = (id: string) => Promise.resolve(void seen.push(id));
    const proposed = await sweep({ view, where: { due: true } }, options, work);
    expect([proposed, seen]).toEqual([25, ids]);
    expect(queries[1]).toEqual({ where: { due: true }, limit: 10, after: { id: 'w09' } });
  });

  it('is not stopped by one that fails, and tells of it', async () => {
    const entries = new Entries(25);
    const done: string[] = [];
    const { failed, error } = await swept(entries, (id) => {
      if (id === 'e003') throw new DormouseError('concurrency_conflict', 409, 'It kept changing.');
      done.push(id);
    });
    expect([failed, done.length, error]).toEqual([['e003'], 24, undefined]);
  });

  it('fails at its end, when all others are done, because of a defect', async () => {
    const defect = new TypeError('A defect.');
    const done: string[] = [];
    const { failed, error } = await swept(new Entries(25), (id) => {
      if (id === 'e003') throw defect;
      done.push(id);
    });
    expect([failed, done.length, error]).toEqual([['e003'], 24, defect]);
  });

  it('ends when the store fails: nothing more is begun', async () => {
    const away = new DormouseError('event_store_unavailable', 503, 'Away.');
    let begun = 0;
    const { failed, error } = await swept(new Entries(200), (id) => {
      begun++;
      if (id >= 'e012') throw away;
    });
    expect([failed, error]).toEqual([[], away]);
    expect(begun).toBeLessThanOrEqual(20);
  });

  it('ends when it is told to', async () => {
    const stop = new AbortController();
    let begun = 0;
    const { error } = await swept(
      new Entries(200),
      () => {
        if (++begun === 15) stop.abort(new DormouseError('shutting_down', 503, 'Stopping.'));
      },
      stop.signal,
    );
    expect(error).toMatchObject({ code: 'shutting_down' });
    expect(begun).toBeLessThan(20);
  });
});
