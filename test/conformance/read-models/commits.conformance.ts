import { describe, expect, it } from '@jest/globals';
import { StaleFence } from '../../../src/platform/read-models/read-model-store.errors.js';
import type { Document, Fence } from '../../../src/platform/read-models/read-model-store.port.js';
import { collect } from '../../support/collect.js';
import { numbered } from './read-model-suite.js';
import type { ReadModelSuite } from './read-model-suite.js';

/** What a projection's commits must and must not change. */
export function describeCommits(test: ReadModelSuite): void {
  describe('commits', () => {
    it('write documents with their positions', async () => {
      await test.commit([
        { id: 'w1', document: { status: 'running' }, position: 3 },
        { id: 'w2', document: { status: 'stopped' }, position: 5 },
      ]);
      expect(await test.workers.get('w1')).toEqual({ id: 'w1', position: 3, document: { status: 'running' } });
      expect(await test.workers.get('w2')).toEqual({ id: 'w2', position: 5, document: { status: 'stopped' } });
    });

    it('carry positions up to the largest exact integer', async () => {
      await test.commit([{ id: 'w1', document: {}, position: Number.MAX_SAFE_INTEGER }]);
      expect((await test.workers.get('w1'))?.position).toBe(Number.MAX_SAFE_INTEGER);
    });

    it('leave a document alone that is already there or further', async () => {
      await test.commit([{ id: 'w1', document: { count: 1 }, position: 5 }]);
      await test.commit([{ id: 'w1', document: { count: 2 }, position: 5 }]);
      await test.commit([{ id: 'w1', document: { count: 3 }, position: 4 }]);
      expect(await test.workers.get('w1')).toEqual({ id: 'w1', position: 5, document: { count: 1 } });
      await test.commit([{ id: 'w1', document: { count: 4 }, position: 6 }]);
      expect(await test.workers.get('w1')).toEqual({ id: 'w1', position: 6, document: { count: 4 } });
    });

    it('do not let an older write bring back what was deleted', async () => {
      await test.commit([{ id: 'w1', document: { status: 'running' }, position: 5 }]);
      await test.commit([{ id: 'w1', document: null, position: 9 }]);
      expect(await test.workers.get('w1')).toBeUndefined();
      await test.commit([{ id: 'w1', document: { status: 'running' }, position: 5 }]);
      await test.commit([{ id: 'w1', document: null, position: 9 }]);
      expect(await test.workers.get('w1')).toBeUndefined();
      await test.commit([{ id: 'w1', document: { status: 'back' }, position: 10 }]);
      expect(await test.workers.get('w1')).toEqual({ id: 'w1', position: 10, document: { status: 'back' } });
    });

    it('do not delete what has been written later', async () => {
      await test.commit([{ id: 'w1', document: { status: 'running' }, position: 5 }]);
      await test.commit([{ id: 'w1', document: null, position: 4 }]);
      expect((await test.workers.get('w1'))?.document).toEqual({ status: 'running' });
    });

    it('keep what was deleted out of every answer but the one for folding', async () => {
      await test.commit([
        { id: 'w1', document: { status: 'running' }, position: 5 },
        { id: 'w2', document: { status: 'running' }, position: 6 },
      ]);
      await test.commit([{ id: 'w2', document: null, position: 9 }]);
      expect(await test.workers.getMany(['w1', 'w2'])).toHaveLength(1);
      expect(await test.ids({})).toEqual(['w1']);
      expect(await test.ids({ where: { status: null } })).toEqual([]);
      expect(await test.workers.count()).toBe(1);
      expect(await collect(test.workers.all())).toHaveLength(1);
      const withDeleted = await test.workers.getManyWithDeleted(['w1', 'w2', 'w3']);
      expect(withDeleted.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
        { id: 'w1', position: 5, document: { status: 'running' } },
        { id: 'w2', position: 9, document: null },
      ]);
    });

    it('write what stands beside: other collections, and deletions in them', async () => {
      const states = await test.store.collection<Document>({ name: 'states' });
      const parked = await test.store.collection<Document>({ name: 'parked' });
      await parked.put('old', { stream: 's' });
      await test.store.commit({
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
      const states = await test.store.collection<Document>({ name: 'states' });
      const cyclic: Record<string, unknown> = {};
      cyclic['self'] = cyclic;
      await expect(
        test.store.commit({
          collection: 'workers',
          writes: [
            { id: 'w1', document: { status: 'running' }, position: 5 },
            { id: 'w2', document: cyclic, position: 6 },
          ],
          beside: [{ collection: 'states', id: 'p', document: { checkpoint: 6 } }],
        }),
      ).rejects.toThrow();
      expect(await states.get('p')).toBeUndefined();
      await test.commit([{ id: 'w3', document: {}, position: 7 }]);
      expect((await test.workers.get('w3'))?.position).toBe(7);
    });

    it('may be empty but for the checkpoint', async () => {
      const states = await test.store.collection<Document>({ name: 'states' });
      await test.store.commit({
        collection: 'workers',
        writes: [],
        beside: [{ collection: 'states', id: 'p', document: { checkpoint: 8 } }],
      });
      expect((await states.get('p'))?.document).toEqual({ checkpoint: 8 });
    });

    it('take thousands of documents at once', async () => {
      await test.commit(numbered(2_500).map((id, i) => ({ id, document: { count: i }, position: i })));
      expect(await test.workers.count()).toBe(2_500);
    });

    it('are refused for a holder that has lost its lease, and change nothing, where instances share the store', async () => {
      const fences = await test.fences();
      if (!fences) return expect(test.store.kind).toBe('embedded');
      await test.store.collection<Document>({ name: 'states' });
      const write = (fence: Fence, count: number) =>
        test.store.commit({
          collection: 'workers',
          writes: [{ id: 'w1', document: { count }, position: count }],
          beside: [{ collection: 'states', id: 'p', document: { checkpoint: count } }],
          fence,
        });
      await write(fences.current, 1);
      await expect(write(fences.stale, 2)).rejects.toThrow(StaleFence);
      expect((await test.workers.get('w1'))?.document).toEqual({ count: 1 });
      await write(fences.current, 3);
      const states = await test.store.collection<Document>({ name: 'states' });
      expect((await states.get('p'))?.document).toEqual({ checkpoint: 3 });
    });

    it('take deletions beside them from the holder', async () => {
      const fences = await test.fences();
      const parked = await test.store.collection<Document>({ name: 'parked' });
      await parked.putMany([
        { id: 'a', document: {} },
        { id: 'b', document: {} },
      ]);
      await test.store.commit({
        collection: 'workers',
        writes: [{ id: 'w1', document: null, position: 4 }],
        beside: [{ collection: 'parked', id: 'a', document: null }],
        ...(fences && { fence: fences.current }),
      });
      expect((await collect(parked.all())).map(({ id }) => id)).toEqual(['b']);
      expect(await test.workers.getManyWithDeleted(['w1'])).toEqual([{ id: 'w1', position: 4, document: null }]);
    });

    it('are like every other fenced write: refused when stale, made when not', async () => {
      const fences = await test.fences();
      if (!fences) return expect(test.store.kind).toBe('embedded');
      const { stale, current } = fences;
      await test.workers.put('w1', { count: 1 }, current);
      await expect(test.workers.put('w1', { count: 2 }, stale)).rejects.toThrow(StaleFence);
      await expect(test.workers.put('w2', { count: 2 }, stale)).rejects.toThrow(StaleFence);
      await expect(test.workers.delete('w1', stale)).rejects.toThrow(StaleFence);
      await expect(test.store.dropCollection('workers', stale)).rejects.toThrow(StaleFence);
      expect(await collect(test.workers.all())).toEqual([{ id: 'w1', position: null, document: { count: 1 } }]);
      await test.workers.delete('w1', current);
      expect(await test.workers.count()).toBe(0);
      await test.store.dropCollection('workers', current);
      expect(await test.store.collectionNames()).not.toContain('workers');
    });
  });
}
