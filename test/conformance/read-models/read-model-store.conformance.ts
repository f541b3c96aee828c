import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { StaleFence } from '../../../src/platform/read-models/read-model-store.errors.js';
import { collect } from '../../support/collect.js';
import type {
  Collection,
  Condition,
  Document,
  DocumentQuery,
  DocumentWrite,
  Fence,
  IndexDefinition,
  ReadModelStore,
} from '../../../src/platform/read-models/read-model-store.port.js';

/** One store to be tested, empty at first, and how to come back to what it keeps. */
export interface ReadModelStoreUnderTest {
  readonly store: ReadModelStore;
  /** Closes the store and opens what it kept again, as a restart would. */
  reopen(): Promise<ReadModelStore>;
  /** Closes whatever is open and removes all traces. */
  dispose(): Promise<void>;
  /** For stores that several instances share: a lease that changed hands, before and after. */
  fences?(): Promise<{ readonly stale: Fence; readonly current: Fence }>;
}

interface Worker extends Document {
  readonly status?: string | null;
  readonly idle?: boolean | null;
  readonly count?: number | string | boolean | null;
  readonly checked_at?: string | null;
}

const STATUS_THEN_CHECK: IndexDefinition = { fields: ['status', 'checked_at'] };

/** What every adapter of the {@link ReadModelStore} port must do. */
export function describeReadModelStore(name: string, make: () => Promise<ReadModelStoreUnderTest>): void {
  describe(`read-model store: ${name}`, () => {
    let test: ReadModelStoreUnderTest;
    let store: ReadModelStore;
    let workers: Collection<Worker>;

    beforeEach(async () => {
      test = await make();
      store = test.store;
      workers = await store.collection<Worker>({ name: 'workers', indexes: [STATUS_THEN_CHECK] });
    });

    afterEach(() => test.dispose());

    const ids = async (query: DocumentQuery) => (await workers.find(query)).map((entry) => entry.id);
    const commit = (writes: readonly DocumentWrite[]) => store.commit({ collection: 'workers', writes, beside: [] });

    describe('documents', () => {
      it('come back as they were put, with no position', async () => {
        const document = {
          status: 'running',
          count: 0.1,
          idle: false,
          note: 'zażółć 🐭 \u0000',
          list: [1, null, { a: [] }],
        };
        await workers.put('w1', document);
        expect(await workers.get('w1')).toEqual({ id: 'w1', position: null, document });
      });

      it('are replaced as a whole by a second put', async () => {
        await workers.put('w1', { status: 'running', count: 1 });
        await workers.put('w1', { status: 'stopped' });
        expect((await workers.get('w1'))?.document).toEqual({ status: 'stopped' });
      });

      it('that do not exist are undefined, and deleting them is no error', async () => {
        expect(await workers.get('nobody')).toBeUndefined();
        await workers.delete('nobody');
      });

      it('are gone after a delete and can be put again', async () => {
        await workers.put('w1', { status: 'running' });
        await workers.delete('w1');
        expect(await workers.get('w1')).toBeUndefined();
        await workers.put('w1', { status: 'stopped' });
        expect((await workers.get('w1'))?.document).toEqual({ status: 'stopped' });
      });

      it('are put many at once', async () => {
        await workers.putMany(numbered(250).map((id) => ({ id, document: { status: id } })));
        expect(await workers.count()).toBe(250);
        expect((await workers.get('w0249'))?.document).toEqual({ status: 'w0249' });
      });

      it('are fetched many at once, thousands too, those that exist and each once', async () => {
        const all = numbered(3_000);
        await workers.putMany(all.map((id) => ({ id, document: {} })));
        const found = await workers.getMany([...all, 'nobody', 'w0001']);
        expect(found.map((entry) => entry.id).toSorted()).toEqual(all);
        expect(await workers.getMany([])).toEqual([]);
      });

      it('may be large', async () => {
        const document = { status: 'x'.repeat(1_000_000) };
        await workers.put('w1', document);
        expect((await workers.get('w1'))?.document).toEqual(document);
      });

      it('refuse field names that belong to the store', async () => {
        await expect(workers.put('w1', { _id: 'mine' } as Worker)).rejects.toThrow("'_'");
        await expect(commit([{ id: 'w1', position: 1, document: { _position: 7 } }])).rejects.toThrow("'_'");
        expect(await workers.count()).toBe(0);
      });

      it('are all walked through in order of id', async () => {
        const all = numbered(2_500);
        await workers.putMany(all.toReversed().map((id) => ({ id, document: {} })));
        expect((await collect(workers.all())).map((entry) => entry.id)).toEqual(all);
      });

      it('may be written while all are being walked through', async () => {
        await workers.putMany(numbered(1_500).map((id) => ({ id, document: {} })));
        let seen = 0;
        for await (const { id } of workers.all()) {
          seen++;
          await workers.put(id, { status: 'seen' });
        }
        expect(seen).toBe(1_500);
        expect(await workers.count({ status: 'seen' })).toBe(1_500);
      });
    });

    describe('collections', () => {
      it('keep their documents over a restart', async () => {
        await workers.put('w1', { status: 'running' });
        await commit([{ id: 'w2', document: { status: 'stopped' }, position: 7 }]);
        store = await test.reopen();
        const again = await store.collection<Worker>({ name: 'workers', indexes: [STATUS_THEN_CHECK] });
        expect(await again.get('w1')).toEqual({ id: 'w1', position: null, document: { status: 'running' } });
        expect(await again.get('w2')).toEqual({ id: 'w2', position: 7, document: { status: 'stopped' } });
      });

      it('do not see each other', async () => {
        const others = await store.collection<Worker>({ name: 'others' });
        await workers.put('w1', { status: 'running' });
        expect(await others.get('w1')).toBeUndefined();
        expect(await others.count()).toBe(0);
      });

      it('are listed, and gone once dropped; dropping one that does not exist is no error', async () => {
        await store.collection({ name: 'others' });
        expect(await store.collectionNames()).toEqual(expect.arrayContaining(['others', 'workers']));
        await store.dropCollection('others');
        await store.dropCollection('others');
        expect(await store.collectionNames()).not.toContain('others');
      });

      it('are empty when they are made again after a drop', async () => {
        await workers.put('w1', { status: 'running' });
        await store.dropCollection('workers');
        workers = await store.collection<Worker>({ name: 'workers', indexes: [STATUS_THEN_CHECK] });
        expect(await workers.count()).toBe(0);
        await workers.put('w2', { status: 'running' });
        expect(await ids({ where: { status: 'running' } })).toEqual(['w2']);
      });

      it('get an index that is asked for later', async () => {
        await workers.put('w1', { count: 1 });
        workers = await store.collection<Worker>({ name: 'workers', indexes: [{ fields: ['count'] }] });
        expect((await workers.explain({ where: { count: 1 } })).usesIndex).not.toBeNull();
        expect(await ids({ where: { count: 1 } })).toEqual(['w1']);
      });

      it.each(['', 'Workers', 'a b', "x'; DROP TABLE y", 'a"b', 'a.b', '$x', 'x'.repeat(61)])(
        'are never named %j',
        async (bad) => {
          await expect(store.collection({ name: bad })).rejects.toThrow('collection name');
          await expect(store.dropCollection(bad)).rejects.toThrow('collection name');
        },
      );

      it.each(['', 'a b', "a'b", 'a"b', 'a.b', '$where', '_id', '1st'])(
        'have no index over a field named %j',
        async (bad) => {
          await expect(store.collection({ name: 'other', indexes: [{ fields: [bad] }] })).rejects.toThrow('field name');
        },
      );
    });

    describe('conditions', () => {
      beforeEach(async () => {
        await workers.putMany([
          { id: 'a', document: { status: 'running', idle: true, count: 1, checked_at: '2026-01-01T00:00:00Z' } },
          { id: 'b', document: { status: 'running', idle: false, count: 0, checked_at: '2026-01-02T00:00:00Z' } },
          { id: 'c', document: { status: 'stopped', idle: null, count: '1', checked_at: null } },
          { id: 'd', document: { status: 'ＺＺ', count: true } },
          { id: 'e', document: { status: '🐭', idle: true, count: 2.5, checked_at: '2026-01-03T00:00:00Z' } },
          { id: 'f', document: { status: null, count: null } },
        ]);
      });

      const cases: readonly [string, Record<string, Condition>, string[]][] = [
        ['a string equals itself only', { status: 'running' }, ['a', 'b']],
        ['true is not 1', { count: true }, ['d']],
        ['1 is neither true nor a string', { count: 1 }, ['a']],
        ['0 is not false', { count: 0 }, ['b']],
        ['a string of a digit is not a number', { count: '1' }, ['c']],
        ['true equals true', { idle: true }, ['a', 'e']],
        ['false is neither null nor missing', { idle: false }, ['b']],
        ['null equals null and a missing field', { idle: null }, ['c', 'd', 'f']],
        ['all conditions must hold', { status: 'running', idle: true }, ['a']],
        ['one of several strings', { status: { in: ['stopped', 'running', 'nothing'] } }, ['a', 'b', 'c']],
        ['one of several types', { count: { in: [1, '1', true, null] } }, ['a', 'c', 'd', 'f']],
        ['one of none', { status: { in: [] } }, []],
        ['null among several', { status: { in: [null, 'stopped'] } }, ['c', 'f']],
        ['less than', { count: { lt: 1 } }, ['b']],
        ['up to', { count: { lte: 1 } }, ['a', 'b']],
        ['more than, numbers only', { count: { gt: 0 } }, ['a', 'e']],
        ['from, fractions too', { count: { gte: 2.5 } }, ['e']],
        ['ranges of strings see strings only', { count: { gte: '' } }, ['c']],
        ['between', { checked_at: { gt: '2026-01-01T00:00:00Z', lte: '2026-01-03T00:00:00Z' } }, ['b', 'e']],
        ['code points, not UTF-16 units, order strings', { status: { gt: 'ＺＺ' } }, ['e']],
        ['a range and an equality', { status: 'running', checked_at: { lte: '2026-01-01T00:00:00Z' } }, ['a']],
      ];

      it.each(cases)('%s', async (_sentence, where, expected) => {
        expect(await ids({ where })).toEqual(expected);
        expect(await workers.count(where)).toBe(expected.length);
      });

      it('count everything when there is none', async () => {
        expect(await workers.count()).toBe(6);
        expect(await workers.count({})).toBe(6);
      });

      it('take values for values, whatever is in them', async () => {
        await workers.put('x', { status: "'); DROP TABLE workers; --" });
        expect(await ids({ where: { status: "'); DROP TABLE workers; --" } })).toEqual(['x']);
        expect(await ids({ where: { status: { in: ['"', '$gt', "'); DROP TABLE workers; --"] } } })).toEqual(['x']);
      });

      it.each(["status' OR 1=1 --", '$where', '_id', 'a.b', ''])('are refused on a field named %j', async (field) => {
        await expect(workers.find({ where: { [field]: 1 } })).rejects.toThrow('field name');
        await expect(workers.find({ orderBy: { field, direction: 'asc' } })).rejects.toThrow('field name');
      });

      it('are refused when they say nothing, which would widen the query', async () => {
        await expect(workers.find({ where: { status: {} } })).rejects.toThrow('empty');
      });
    });

    describe('order and pages', () => {
      const documents = [
        { id: 'p', document: { count: 2 } },
        { id: 'q', document: { count: 1 } },
        { id: 'r', document: { count: 2 } },
        { id: 's', document: { count: null } },
        { id: 't', document: {} },
        { id: 'u', document: { count: 10 } },
      ];

      beforeEach(() => workers.putMany(documents));

      it('is by id unless asked otherwise', async () => {
        expect(await ids({})).toEqual(['p', 'q', 'r', 's', 't', 'u']);
        expect(await ids({ limit: 2 })).toEqual(['p', 'q']);
        expect(await ids({ after: { id: 'p' }, limit: 2 })).toEqual(['q', 'r']);
      });

      it('is by a field, null and missing first, ties by id', async () => {
        expect(await ids({ orderBy: { field: 'count', direction: 'asc' } })).toEqual(['s', 't', 'q', 'p', 'r', 'u']);
        expect(await ids({ orderBy: { field: 'count', direction: 'desc' } })).toEqual(['u', 'r', 'p', 'q', 't', 's']);
      });

      it.each(['asc', 'desc'] as const)(
        'pages %s, one entry at a time, without loss or repetition',
        async (direction) => {
          const orderBy = { field: 'count', direction };
          const whole = await ids({ orderBy });
          const paged: string[] = [];
          let after: DocumentQuery['after'];
          for (;;) {
            const [entry] = await workers.find({ orderBy, limit: 1, ...(after && { after }) });
            if (!entry) break;
            paged.push(entry.id);
            after = { id: entry.id, value: entry.document.count ?? null };
          }
          expect(paged).toEqual(whole);
        },
      );

      it('keeps the place of a page although documents before it come and go', async () => {
        const first = await ids({ orderBy: { field: 'count', direction: 'asc' }, limit: 3 });
        expect(first).toEqual(['s', 't', 'q']);
        await workers.delete('s');
        await workers.put('a', { count: 0 });
        const orderBy = { field: 'count', direction: 'asc' } as const;
        expect(await ids({ orderBy, after: { id: 'q', value: 1 } })).toEqual(['p', 'r', 'u']);
      });

      it('refuses a limit that is none', async () => {
        await expect(workers.find({ limit: -1 })).rejects.toThrow('limit');
        await expect(workers.find({ limit: 1.5 })).rejects.toThrow('limit');
      });
    });

    describe('indexes', () => {
      beforeEach(() =>
        workers.putMany(
          numbered(500).map((id, i) => ({
            id,
            document: {
              status: i % 5 === 0 ? 'running' : 'stopped',
              checked_at: `2026-01-01T00:${60 - (i % 60)}:00Z`,
              count: i,
            },
          })),
        ),
      );

      const indexed: readonly [string, DocumentQuery][] = [
        ['an equality on the first field', { where: { status: 'running' } }],
        ['one of several values', { where: { status: { in: ['running', 'starting'] } } }],
        ['null', { where: { status: null } }],
        ['an equality and a range', { where: { status: 'running', checked_at: { lte: '2026-01-01T00:30:00Z' } } }],
        [
          'an equality, a range and their order, with a limit',
          {
            where: { status: 'running', checked_at: { lte: '2026-01-01T00:30:00Z' } },
            orderBy: { field: 'checked_at', direction: 'asc' },
            limit: 10,
          },
        ],
        [
          'an order the other way round',
          { where: { status: 'running' }, orderBy: { field: 'checked_at', direction: 'desc' } },
        ],
      ];

      it.each(indexed)('serve %s', async (_sentence, query) => {
        expect((await workers.explain(query)).usesIndex).not.toBeNull();
      });

      it.each<[string, DocumentQuery]>([
        ['everything', {}],
        ['a field without an index', { where: { count: 5 } }],
        ['the second field of an index alone', { where: { checked_at: '2026-01-01T00:30:00Z' } }],
      ])('do not serve %s, and the plan says so', async (_sentence, query) => {
        expect((await workers.explain(query)).usesIndex).toBeNull();
      });

      it('answer what a scan would answer', async () => {
        const found = await workers.find({
          where: { status: 'running', checked_at: { lte: '2026-01-01T00:30:00Z' } },
          orderBy: { field: 'checked_at', direction: 'asc' },
        });
        const all = await collect(workers.all());
        const expected = all
          .filter(
            ({ document }) => document.status === 'running' && (document.checked_at ?? '~') <= '2026-01-01T00:30:00Z',
          )
          .map(({ id }) => id);
        expect(found.map(({ id }) => id).toSorted()).toEqual(expected);
        expect(found.map(({ document }) => document.checked_at)).toEqual(
          found.map(({ document }) => document.checked_at).toSorted(),
        );
      });

      it('that are unique refuse a second document with the same values', async () => {
        const unique = await store.collection<Worker>({
          name: 'unique_ones',
          indexes: [{ fields: ['status'], unique: true }],
        });
        await unique.put('a', { status: 'x' });
        await expect(unique.put('b', { status: 'x' })).rejects.toThrow();
        await unique.put('a', { status: 'x', count: 2 });
        await unique.put('b', { status: 'y' });
        expect(await unique.count()).toBe(2);
      });
    });

    describe('commits', () => {
      it('write documents with their positions', async () => {
        await commit([
          { id: 'w1', document: { status: 'running' }, position: 3 },
          { id: 'w2', document: { status: 'stopped' }, position: 5 },
        ]);
        expect(await workers.get('w1')).toEqual({ id: 'w1', position: 3, document: { status: 'running' } });
        expect(await workers.get('w2')).toEqual({ id: 'w2', position: 5, document: { status: 'stopped' } });
      });

      it('carry positions up to the largest exact integer', async () => {
        await commit([{ id: 'w1', document: {}, position: Number.MAX_SAFE_INTEGER }]);
        expect((await workers.get('w1'))?.position).toBe(Number.MAX_SAFE_INTEGER);
      });

      it('leave a document alone that is already there or further', async () => {
        await commit([{ id: 'w1', document: { count: 1 }, position: 5 }]);
        await commit([{ id: 'w1', document: { count: 2 }, position: 5 }]);
        await commit([{ id: 'w1', document: { count: 3 }, position: 4 }]);
        expect(await workers.get('w1')).toEqual({ id: 'w1', position: 5, document: { count: 1 } });
        await commit([{ id: 'w1', document: { count: 4 }, position: 6 }]);
        expect(await workers.get('w1')).toEqual({ id: 'w1', position: 6, document: { count: 4 } });
      });

      it('do not let an older write bring back what was deleted', async () => {
        await commit([{ id: 'w1', document: { status: 'running' }, position: 5 }]);
        await commit([{ id: 'w1', document: null, position: 9 }]);
        expect(await workers.get('w1')).toBeUndefined();
        await commit([{ id: 'w1', document: { status: 'running' }, position: 5 }]);
        await commit([{ id: 'w1', document: null, position: 9 }]);
        expect(await workers.get('w1')).toBeUndefined();
        await commit([{ id: 'w1', document: { status: 'back' }, position: 10 }]);
        expect(await workers.get('w1')).toEqual({ id: 'w1', position: 10, document: { status: 'back' } });
      });

      it('do not delete what has been written later', async () => {
        await commit([{ id: 'w1', document: { status: 'running' }, position: 5 }]);
        await commit([{ id: 'w1', document: null, position: 4 }]);
        expect((await workers.get('w1'))?.document).toEqual({ status: 'running' });
      });

      it('keep what was deleted out of every answer but the one for folding', async () => {
        await commit([
          { id: 'w1', document: { status: 'running' }, position: 5 },
          { id: 'w2', document: { status: 'running' }, position: 6 },
        ]);
        await commit([{ id: 'w2', document: null, position: 9 }]);
        expect(await workers.getMany(['w1', 'w2'])).toHaveLength(1);
        expect(await ids({})).toEqual(['w1']);
        expect(await ids({ where: { status: null } })).toEqual([]);
        expect(await workers.count()).toBe(1);
        expect(await collect(workers.all())).toHaveLength(1);
        const withDeleted = await workers.getManyWithDeleted(['w1', 'w2', 'w3']);
        expect(withDeleted.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
          { id: 'w1', position: 5, document: { status: 'running' } },
          { id: 'w2', position: 9, document: null },
        ]);
      });

      it('write what stands beside: other collections, and deletions in them', async () => {
        const states = await store.collection<Document>({ name: 'states' });
        const parked = await store.collection<Document>({ name: 'parked' });
        await parked.put('old', { stream: 's' });
        await store.commit({
          collection: 'workers',
          writes: [{ id: 'w1', document: { status: 'running' }, position: 5 }],
          beside: [
            { collection: 'parked', id: 'old', document: null },
            { collection: 'parked', id: 'new', document: { stream: 't' } },
            { collection: 'states', id: 'p', document: { checkpoint: 5 } },
          ],
        });
        expect(await parked.get('old')).toBeUndefined();
        expect((await parked.get('new'))?.document).toEqual({ stream: 't' });
        expect(await states.get('p')).toEqual({ id: 'p', position: null, document: { checkpoint: 5 } });
      });

      it('never move the checkpoint when the documents cannot be written', async () => {
        const states = await store.collection<Document>({ name: 'states' });
        const cyclic: Record<string, unknown> = {};
        cyclic['self'] = cyclic;
        await expect(
          store.commit({
            collection: 'workers',
            writes: [
              { id: 'w1', document: { status: 'running' }, position: 5 },
              { id: 'w2', document: cyclic, position: 6 },
            ],
            beside: [{ collection: 'states', id: 'p', document: { checkpoint: 6 } }],
          }),
        ).rejects.toThrow();
        expect(await states.get('p')).toBeUndefined();
        await commit([{ id: 'w3', document: {}, position: 7 }]);
        expect((await workers.get('w3'))?.position).toBe(7);
      });

      it('may be empty but for the checkpoint', async () => {
        const states = await store.collection<Document>({ name: 'states' });
        await store.commit({
          collection: 'workers',
          writes: [],
          beside: [{ collection: 'states', id: 'p', document: { checkpoint: 8 } }],
        });
        expect((await states.get('p'))?.document).toEqual({ checkpoint: 8 });
      });

      it('take thousands of documents at once', async () => {
        await commit(numbered(2_500).map((id, i) => ({ id, document: { count: i }, position: i })));
        expect(await workers.count()).toBe(2_500);
      });

      it('are refused for a holder that has lost its lease, where instances share the store', async () => {
        const fences = await test.fences?.();
        if (!fences) {
          expect(store.kind).toBe('embedded');
          return;
        }
        const write = (fence: Fence, count: number) =>
          store.commit({
            collection: 'workers',
            writes: [{ id: 'w1', document: { count }, position: count }],
            beside: [],
            fence,
          });
        await write(fences.current, 1);
        await expect(write(fences.stale, 2)).rejects.toThrow(StaleFence);
        expect((await workers.get('w1'))?.document).toEqual({ count: 1 });
      });
    });

    it('answers a ping while it is open, and says so when it is not', async () => {
      await store.ping();
      await store.close();
      await store.close();
      await expect(store.ping()).rejects.toMatchObject({ code: 'read_model_store_unavailable' });
      await expect(workers.get('w1')).rejects.toMatchObject({ code: 'read_model_store_unavailable' });
    });
  });
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `w${String(i).padStart(4, '0')}`);
}
