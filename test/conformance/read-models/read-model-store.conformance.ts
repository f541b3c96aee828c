import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { collect } from '../../support/collect.js';
import { describeCommits } from './commits.conformance.js';
import { describeQueries } from './queries.conformance.js';
import { numbered, ReadModelSuite } from './read-model-suite.js';
import type { ReadModelStoreUnderTest, Worker } from './read-model-suite.js';

/** Keys and strings that mean something to a store, a driver or JavaScript. */
const AWKWARD: readonly Record<string, unknown>[] = [
  { a: { 'b.c': 1, $set: { d: 2 }, '': 3 } },
  { a: { $ref: 'x', $id: 'y' } },
  { a: JSON.parse('{"__proto__":{"b":1}}') as unknown },
  { a: { _bsontype: 'ObjectId', id: 'x' } },
  { a: { 'b\0c': 'd\0e' } },
  { 'a.b': 1, $c: 2 },
  { a: '\ud800' },
  { a: { $date: '2026-01-01', $numberLong: '1' } },
  { a: [2 ** 53, -(2 ** 53), 2 ** 31, 0.1, 1e300, 5e-324] },
  { a: Array.from({ length: 120 }).reduce<unknown>((nested) => [nested], 'deep') },
];

/** Any but those that belong to the store. */
const fieldNames = fc.string({ unit: 'grapheme' }).filter((name) => !name.startsWith('_'));

/** What every adapter of the {@link ReadModelStore} port must do. */
export function describeReadModelStore(name: string, make: () => Promise<ReadModelStoreUnderTest>): void {
  describe(`read-model store: ${name}`, () => {
    const test = new ReadModelSuite(make);
    describeQueries(test);
    describeCommits(test);

    describe('documents', () => {
      it('come back as they were put, with no position', async () => {
        const document = {
          status: 'running',
          count: 0.1,
          idle: false,
          note: 'zażółć 🐭 \u0000',
          list: [1, null, { a: [] }],
        };
        await test.workers.put('w1', document);
        expect(await test.workers.get('w1')).toEqual({ id: 'w1', position: null, document });
      });

      it('are replaced as a whole by a second put', async () => {
        await test.workers.put('w1', { status: 'running', count: 1 });
        await test.workers.put('w1', { status: 'stopped' });
        expect((await test.workers.get('w1'))?.document).toEqual({ status: 'stopped' });
      });

      it('that do not exist are undefined, and deleting them is no error', async () => {
        expect(await test.workers.get('nobody')).toBeUndefined();
        await test.workers.delete('nobody');
      });

      it('are gone after a delete and can be put again', async () => {
        await test.workers.put('w1', { status: 'running' });
        await test.workers.delete('w1');
        expect(await test.workers.get('w1')).toBeUndefined();
        await test.workers.put('w1', { status: 'stopped' });
        expect((await test.workers.get('w1'))?.document).toEqual({ status: 'stopped' });
      });

      it('keep every JSON value, whatever its keys and strings are', async () => {
        await fc.assert(
          fc.asyncProperty(fc.dictionary(fieldNames, fc.jsonValue({ stringUnit: 'grapheme' })), async (document) => {
            const json = JSON.stringify(document);
            await test.workers.put('w1', document);
            expect(JSON.stringify((await test.workers.get('w1'))?.document)).toBe(json);
          }),
          { numRuns: 50, examples: AWKWARD.map((document) => [document]) },
        );
      });

      it.each(AWKWARD.map((document) => JSON.stringify(document)))('keep %s from a projection too', async (json) => {
        const document = JSON.parse(json) as Worker;
        await test.commit([{ id: 'w1', document: { status: 'x', ...document }, position: 1 }]);
        expect(await test.ids({ where: { status: 'x' } })).toEqual(['w1']);
        const { status, ...rest } = (await test.workers.get('w1'))?.document ?? {};
        expect([status, JSON.stringify(rest)]).toEqual(['x', json]);
      });

      it('leave out what JSON leaves out', async () => {
        const document: object = { status: undefined, list: [undefined, Number.NaN], count: -0 };
        await test.workers.put('w1', document);
        expect((await test.workers.get('w1'))?.document).toEqual({ list: [null, null], count: 0 });
        expect(await test.ids({ where: { status: null } })).toEqual(['w1']);
      });

      it('are put many at once', async () => {
        await test.workers.putMany(numbered(250).map((id) => ({ id, document: { status: id } })));
        expect(await test.workers.count()).toBe(250);
        expect((await test.workers.get('w0249'))?.document).toEqual({ status: 'w0249' });
      });

      it('are fetched many at once, thousands too, those that exist and each once', async () => {
        const all = numbered(3_000);
        await test.workers.putMany(all.map((id) => ({ id, document: {} })));
        const found = await test.workers.getMany([...all, 'nobody', 'w0001']);
        expect(found.map((entry) => entry.id).toSorted()).toEqual(all);
        expect(await test.workers.getMany([])).toEqual([]);
      });

      it('may be large', async () => {
        const document = { status: 'x'.repeat(1_000_000) };
        await test.workers.put('w1', document);
        expect((await test.workers.get('w1'))?.document).toEqual(document);
      });

      it('refuse field names that belong to the store', async () => {
        await expect(test.workers.put('w1', { _id: 'mine' } as Worker)).rejects.toThrow("'_'");
        await expect(test.commit([{ id: 'w1', position: 1, document: { _position: 7 } }])).rejects.toThrow("'_'");
        expect(await test.workers.count()).toBe(0);
      });

      it('are all walked through in order of id', async () => {
        const all = numbered(2_500);
        await test.workers.putMany(all.toReversed().map((id) => ({ id, document: {} })));
        expect((await collect(test.workers.all())).map((entry) => entry.id)).toEqual(all);
      });

      it('may be written while all are being walked through', async () => {
        await test.workers.putMany(numbered(1_500).map((id) => ({ id, document: {} })));
        let seen = 0;
        let page: string[] = [];
        for await (const { id } of test.workers.all()) {
          seen++;
          page.push(id);
          if (page.length < 100) continue;
          await test.workers.putMany(page.map((written) => ({ id: written, document: { status: 'seen' } })));
          page = [];
        }
        expect(seen).toBe(1_500);
        expect(await test.workers.count({ status: 'seen' })).toBe(1_500);
      });
    });

    describe('collections', () => {
      it('keep their documents over a restart', async () => {
        await test.workers.put('w1', { status: 'running' });
        await test.commit([{ id: 'w2', document: { status: 'stopped' }, position: 7 }]);
        await test.reopen();
        expect(await test.workers.get('w1')).toEqual({ id: 'w1', position: null, document: { status: 'running' } });
        expect(await test.workers.get('w2')).toEqual({ id: 'w2', position: 7, document: { status: 'stopped' } });
      });

      it('do not see each other', async () => {
        const others = await test.store.collection<Worker>({ name: 'others' });
        await test.workers.put('w1', { status: 'running' });
        expect(await others.get('w1')).toBeUndefined();
        expect(await others.count()).toBe(0);
      });

      it('are listed, and gone once dropped; dropping one that does not exist is no error', async () => {
        await test.store.collection({ name: 'others' });
        expect(await test.store.collectionNames()).toEqual(expect.arrayContaining(['others', 'workers']));
        await test.store.dropCollection('others');
        await test.store.dropCollection('others');
        expect(await test.store.collectionNames()).not.toContain('others');
      });

      it('are empty when they are made again after a drop', async () => {
        await test.workers.put('w1', { status: 'running' });
        await test.store.dropCollection('workers');
        await test.openWorkers();
        expect(await test.workers.count()).toBe(0);
        await test.workers.put('w2', { status: 'running' });
        expect(await test.ids({ where: { status: 'running' } })).toEqual(['w2']);
      });

      it('get an index that is asked for later', async () => {
        // So many that a planner does not prefer to read them all.
        await test.workers.putMany(numbered(500).map((id, count) => ({ id, document: { count } })));
        await test.openWorkers([{ fields: ['count'] }]);
        expect((await test.workers.explain({ where: { count: 1 } })).usesIndex).not.toBeNull();
        expect(await test.ids({ where: { count: 1 } })).toEqual(['w0001']);
      });

      it.each(['', 'Workers', 'a b', "x'; DROP TABLE y", 'a"b', 'a.b', '$x', 'x'.repeat(61)])(
        'are never named %j',
        async (bad) => {
          await expect(test.store.collection({ name: bad })).rejects.toThrow('collection name');
          await expect(test.store.dropCollection(bad)).rejects.toThrow('collection name');
        },
      );

      it.each(['', 'a b', "a'b", 'a"b', 'a.b', '$where', '_id', '1st'])(
        'have no index over a field named %j',
        async (bad) => {
          await expect(test.store.collection({ name: 'other', indexes: [{ fields: [bad] }] })).rejects.toThrow(
            'field name',
          );
        },
      );
    });

    it('answers a ping while it is open, and says so when it is not', async () => {
      await test.store.ping();
      await test.store.close();
      await test.store.close();
      await expect(test.store.ping()).rejects.toMatchObject({ code: 'read_model_store_unavailable' });
      await expect(test.workers.get('w1')).rejects.toMatchObject({ code: 'read_model_store_unavailable' });
    });
  });
}
