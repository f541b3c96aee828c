import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../../test/support/eventually.js';
import { notesProjection, ProjectionFixture } from '../../../test/support/projection-fixture.js';
import type { Notes } from '../../../test/support/projection-fixture.js';

describe('rebuilding a projection', () => {
  let test: ProjectionFixture;
  beforeEach(async () => {
    test = await ProjectionFixture.open();
    for (let i = 0; i < 50; i++) await test.note(`n${i % 7}`, String(i));
  });
  afterEach(() => test.close());

  const collections = async () =>
    (await test.readModels.collectionNames()).filter((name) => name.startsWith('notes__'));

  /** Lets commits into a generation's collection fail while `failing` answers true. */
  function failCommitsInto(suffix: string, failing: () => boolean): void {
    test.readModels.faultOf = ({ collection, writes }) =>
      collection.endsWith(suffix) && writes.length > 0 && failing() ? 'nothing_written' : undefined;
  }

  it('takes the first generation into use at once', async () => {
    const engine = await test.started();
    await engine.caughtUp();
    expect(await collections()).toEqual(['notes__v1_g1']);
    expect((await engine.status())[0]).toMatchObject({ active_version: 1, generation: 1, rebuild: null });
  });

  it('makes equal documents in a new collection, switches to it and drops the old one', async () => {
    const engine = await test.started(notesProjection(), { batchSize: 10 });
    await engine.caughtUp();
    const before = await test.served(engine);
    const handle = await engine.rebuild('notes');
    const done = await handle.done;
    expect(done).toMatchObject({ projection: 'notes', state: 'done', events_done: 50, documents: 7, error: null });
    expect(done.position).toBe(await test.events.head());
    expect(await test.served(engine)).toEqual(before);
    await eventually('the old collection is gone', async () => (await collections()).length === 1);
    expect(await collections()).toEqual(['notes__v1_g2']);
    await test.note('new', 'x');
    await engine.caughtUp();
    expect(await test.served(engine)).toEqual(test.folded());
    expect((await engine.status())[0]).toMatchObject({ generation: 2, rebuild: { state: 'done' } });
  });

  it('neither loses nor doubles events that come while it runs', async () => {
    const engine = await test.started(notesProjection(), { batchSize: 5 });
    await engine.caughtUp();
    const handle = await engine.rebuild('notes');
    let running = true;
    void handle.done.finally(() => (running = false));
    for (let i = 0; running || i < 40; i++) {
      await test.note(`n${i % 9}`, `late ${i}`);
      await nextTurn();
    }
    await handle.done;
    await engine.caughtUp();
    expect(await test.served(engine)).toEqual(test.folded());
    expect(await engine.verify('notes')).toMatchObject({ equal: true });
  });

  it('is refused while another one runs, as is what must not be mixed with it', async () => {
    const engine = await test.started(notesProjection(), { batchSize: 5 });
    await engine.caughtUp();
    const handle = await engine.rebuild('notes');
    await expect(engine.rebuild('notes')).rejects.toMatchObject({ code: 'projection_busy', status: 409 });
    await expect(engine.verify('notes')).rejects.toMatchObject({ code: 'projection_busy' });
    await expect(engine.retryParked('notes', 'note-n1')).rejects.toMatchObject({ code: 'projection_busy' });
    expect((await engine.status())[0]).toMatchObject({ state: 'rebuilding', rebuild: { state: 'running' } });
    await handle.done;
    await (
      await engine.rebuild('notes')
    ).done;
  });

  it('leaves the old documents in use when it fails, and cleans up', async () => {
    const engine = await test.started(notesProjection(), { batchSize: 5 });
    await engine.caughtUp();
    let commits = 0;
    failCommitsInto('_g2', () => ++commits === 3);
    const handle = await engine.rebuild('notes');
    await expect(handle.done).rejects.toMatchObject({ code: 'read_model_store_unavailable' });
    expect(handle.progress()).toMatchObject({ state: 'failed', error: expect.stringContaining('told to fail') });
    expect(await collections()).toEqual(['notes__v1_g1']);
    await test.note('n1', 'after');
    await engine.caughtUp();
    expect(await test.served(engine)).toEqual(test.folded());
  });

  it('does not switch to documents that are not all there', async () => {
    const engine = await test.started();
    await engine.caughtUp();
    const lossy = test.readModels.commit.bind(test.readModels);
    test.readModels.commit = (batch) =>
      lossy(batch.collection.endsWith('_g2') ? { ...batch, writes: batch.writes.slice(1) } : batch);
    const handle = await engine.rebuild('notes');
    await expect(handle.done).rejects.toMatchObject({ code: 'rebuild_check_failed' });
    expect((await engine.status())[0]).toMatchObject({ generation: 1 });
  });

  describe('for a new version', () => {
    it('keeps serving the old documents until the new ones have caught up', async () => {
      const old = await test.started();
      await old.caughtUp();
      const before = await test.served(old);
      await old.stop();
      await test.note('n1', 'while stopped');

      let held = true;
      failCommitsInto('_g2', () => held);
      const engine = await test.started(notesProjection(new Set(), 2));
      await eventually('it has failed to build', async () => (await engine.status())[0]?.last_error !== null);
      expect(await test.served(engine)).toEqual(before);
      expect((await engine.status())[0]).toMatchObject({ version: 2, active_version: 1 });
      await expect(engine.retryParked('notes', 'note-n1')).rejects.toThrow();

      held = false;
      failCommitsInto('none', () => false);
      await engine.caughtUp();
      expect(await test.served(engine)).toEqual(test.folded(new Set(), 2));
      expect((await engine.status())[0]).toMatchObject({ version: 2, active_version: 2 });
      await eventually('the old collection is gone', async () => (await collections()).length === 1);
    });

    it('never shows a mixture, whenever a query is asked', async () => {
      const old = await test.started();
      await old.caughtUp();
      await old.stop();
      const engine = await test.started(notesProjection(new Set(), 2), { batchSize: 3, retireAfterMs: 50 });
      const view = engine.view<Notes>('notes');
      for (let done = false; !done;) {
        done = (await engine.status())[0]?.active_version === 2;
        await nextTurn();
        const texts = (await view.find({})).flatMap(({ document }) => document.texts);
        expect(texts).toHaveLength(50);
        expect(new Set(texts.map((text) => text.endsWith('(v2)'))).size).toBe(1);
      }
    });

    it('serves the old indexes until then and the new ones after', async () => {
      const engine = await test.started({ ...notesProjection(new Set(), 2), indexes: [{ fields: ['title'] }] });
      await engine.caughtUp();
      expect((await engine.view('notes').explain({ where: { title: 'x' } })).usesIndex).not.toBeNull();
    });

    it('refuses to fold onto documents of another version', async () => {
      const old = await test.started();
      await old.caughtUp();
      await old.stop();
      const offline = test.engine(notesProjection(new Set(), 2));
      await expect(offline.verify('notes')).rejects.toMatchObject({ code: 'projection_outdated' });
      await expect(offline.retryParked('notes', 'note-n1')).rejects.toMatchObject({ code: 'projection_outdated' });
      await (
        await offline.rebuild('notes')
      ).done;
      expect(await offline.verify('notes')).toMatchObject({ equal: true });
    });

    it('tries skipped events again', async () => {
      const [bad = ''] = (await test.note('n1', 'bad')).ids;
      const poison = new Set([bad]);
      const old = await test.started(notesProjection(poison));
      await old.caughtUp();
      await old.skipParked('notes', 'note-n1');
      await old.stop();
      const engine = await test.started(notesProjection(new Set(), 2));
      await eventually('version 2 is in use', async () => (await engine.status())[0]?.active_version === 2);
      expect(await test.served(engine)).toEqual(test.folded(new Set(), 2));
    });
  });

  describe('after a crash in the middle', () => {
    it('serves the old documents and removes the half-built ones', async () => {
      const engine = await test.started();
      await engine.caughtUp();
      await engine.stop();
      const half = await test.readModels.collection<Notes>({ name: 'notes__v1_g2' });
      await half.put('n1', { texts: ['half'] });
      const parked = await test.readModels.collection({ name: 'parked_streams' });
      await parked.put('notes__v1_g2/note-n1', { projection: 'notes', generation: 2, stream: 'note-n1' });
      const again = await test.started();
      await again.caughtUp();
      expect(await test.served(again)).toEqual(test.folded());
      expect(await collections()).toEqual(['notes__v1_g1']);
      expect(await parked.count()).toBe(0);
      await (
        await again.rebuild('notes')
      ).done;
      expect(await test.served(again)).toEqual(test.folded());
    });

    it('leaves collections of other projections alone', async () => {
      await test.readModels.collection({ name: 'notes_2__v1_g1' });
      await test.readModels.collection({ name: 'notes' });
      const engine = await test.started();
      await engine.caughtUp();
      expect(await test.readModels.collectionNames()).toEqual(expect.arrayContaining(['notes_2__v1_g1', 'notes']));
    });

    it('builds anew when the stored state is lost, without the documents that lie about', async () => {
      const engine = await test.started();
      await engine.caughtUp();
      await engine.stop();
      await (await test.readModels.collection({ name: 'projection_states' })).delete('notes');
      await (await test.readModels.collection<Notes>({ name: 'notes__v1_g1' })).put('ghost', { texts: [] });
      const again = await test.started();
      await again.caughtUp();
      expect(await test.served(again)).toEqual(test.folded());
    });
  });

  it('begins from nothing when the events are another history', async () => {
    const engine = await test.started();
    await engine.caughtUp();
    await engine.stop();
    test.events.historyId = randomUUID();
    test.events.truncateTo(0);
    await test.note('other', 'x');
    const again = await test.started();
    await again.caughtUp();
    expect(await test.served(again)).toEqual({ other: ['x'] });
  });

  it('builds anew when events are missing that had been applied', async () => {
    const engine = await test.started();
    await engine.caughtUp();
    await engine.stop();
    test.events.truncateTo(20);
    const again = await test.started();
    await eventually('it is rebuilt', async () => (await again.status())[0]?.rebuild?.state === 'done');
    await test.note('n1', 'after');
    await again.caughtUp();
    expect(await test.served(again)).toEqual(test.folded());
  });

  describe('verification', () => {
    it('finds the documents that are not what their events make', async () => {
      const engine = await test.started(notesProjection(), { batchSize: 7 });
      await engine.caughtUp();
      expect(await engine.verify('notes')).toEqual({
        equal: true,
        position: await test.events.head(),
        documents: 7,
        differences: [],
      });
      const live = await test.readModels.collection<Notes>({ name: 'notes__v1_g1' });
      const n2 = (await live.get('n2'))?.document;
      await live.delete('n2');
      await live.put('n1', { texts: ['wrong'] });
      await live.put('ghost', { texts: [] });
      const result = await engine.verify('notes');
      expect(result.equal).toBe(false);
      expect(result.differences).toEqual([
        { id: 'ghost', live: { texts: [] }, folded: null },
        { id: 'n1', live: { texts: ['wrong'] }, folded: { texts: test.folded()['n1'] } },
        { id: 'n2', live: null, folded: n2 },
      ]);
      expect(await collections()).toEqual(['notes__v1_g1']);
    });

    it('leaves out what is parked, and leaves no trace of its own', async () => {
      const [bad = ''] = (await test.note('n1', 'bad')).ids;
      await test.note('n1', 'waits');
      const engine = await test.started(notesProjection(new Set([bad])));
      await engine.caughtUp();
      expect(await engine.verify('notes')).toMatchObject({ equal: true });
      expect(await (await test.readModels.collection({ name: 'parked_streams' })).count()).toBe(1);
    });

    it('agrees while events keep coming', async () => {
      const engine = await test.started(notesProjection(), { batchSize: 5 });
      await engine.caughtUp();
      let running = true;
      const verifying = engine.verify('notes').finally(() => (running = false));
      for (let i = 0; running; i++) {
        await test.note(`n${i % 9}`, `late ${i}`);
        await nextTurn();
      }
      expect(await verifying).toMatchObject({ equal: true });
    });
  });
});
