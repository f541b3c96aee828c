import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { EmbeddedCollection } from '../read-models/embedded/embedded-collection.js';
import { eventually } from '../../../test/support/eventually.js';
import { notesProjection, ProjectionFixture } from '../../../test/support/projection-fixture.js';
import type { Notes } from '../../../test/support/projection-fixture.js';

describe('projection engine', () => {
  let test: ProjectionFixture;
  beforeEach(async () => {
    test = await ProjectionFixture.open();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await test.close();
  });

  const documentCommits = () => test.readModels.commits.filter(({ writes }) => writes.length > 0);

  /** Ids of the documents that the store is asked for, that of the projection's own state left out. */
  const watchReads = () => {
    const spy = jest.spyOn(EmbeddedCollection.prototype, 'getManyWithDeleted');
    return () => spy.mock.calls.flatMap(([ids]) => ids).filter((id) => id !== 'notes');
  };

  it('applies what is stored, then what comes', async () => {
    await test.note('a', '1', '2');
    const engine = await test.started();
    await engine.caughtUp();
    expect(await test.served(engine)).toEqual({ a: ['1', '2'] });

    const { position } = await test.note('b', '3');
    const view = engine.view<Notes>('notes');
    expect(await view.waitFor(position, 5_000)).toBe(true);
    expect(await view.get('b')).toEqual({ id: 'b', position, document: { texts: ['3'] } });
    expect(await view.getMany(['a', 'b', 'c'])).toHaveLength(2);
    expect(await view.count()).toBe(2);
    expect(view.position()).toBe(position);
  });

  it('deletes a document when the projection says so, and makes it again', async () => {
    const engine = await test.started();
    await test.note('a', '1');
    await engine.caughtUp();
    await test.append('note-a', [{ type: 'Cleared', data: {} }]);
    await engine.caughtUp();
    expect(await test.served(engine)).toEqual({});
    await test.note('a', '2');
    await engine.caughtUp();
    expect(await test.served(engine)).toEqual({ a: ['2'] });
  });

  it('writes each document once a batch, with the checkpoint in the same commit', async () => {
    for (let i = 0; i < 20; i++) await test.note(i % 2 ? 'a' : 'b', String(i));
    const engine = await test.started();
    await engine.caughtUp();
    const commits = documentCommits();
    expect(commits).toHaveLength(1);
    expect(commits[0]?.writes.map(({ id }) => id).toSorted()).toEqual(['a', 'b']);
    expect(commits[0]?.beside).toMatchObject([
      { collection: 'projection_states', id: 'notes', document: { checkpoint: await test.events.head() } },
    ]);
  });

  it('reads a document once, however often it changes, and again after a commit that failed', async () => {
    const read = watchReads();
    const engine = await test.started();
    for (const text of ['1', '2', '3']) {
      await test.note('a', text);
      await engine.caughtUp();
    }
    expect(read()).toEqual(['a']);

    test.readModels.faultOf = () => {
      test.readModels.faultOf = () => undefined;
      return 'answer_lost';
    };
    await test.note('a', '4');
    await engine.caughtUp();
    await test.note('a', '5');
    await engine.caughtUp();
    expect(read()).toEqual(['a', 'a']);
    expect(await test.served(engine)).toEqual({ a: ['1', '2', '3', '4', '5'] });
  });

  it('keeps no more documents in memory than it was given', async () => {
    const read = watchReads();
    const engine = await test.started(notesProjection(), { keepDocuments: 1 });
    for (const id of ['a', 'b', 'b', 'a']) {
      await test.note(id, 'x');
      await engine.caughtUp();
    }
    expect(read()).toEqual(['a', 'b', 'a']);
    expect(await test.served(engine)).toEqual(test.folded());
  });

  it('goes on in batches of the size it was given', async () => {
    for (let i = 0; i < 20; i++) await test.note('a', String(i));
    const engine = await test.started(notesProjection(), { batchSize: 7 });
    await engine.caughtUp();
    expect(documentCommits()).toHaveLength(3);
    expect(await test.served(engine)).toEqual(test.folded());
  });

  it.each([
    ['events', { commitAfterEvents: 12 }],
    ['documents', { commitAfterEvents: 1_000, commitAfterDocuments: 2 }],
  ])('commits several batches together while more is at hand, but not more %s than it was given', async (_, limits) => {
    for (let i = 0; i < 20; i++) await test.note(i < 10 ? 'a' : 'b', String(i));
    const engine = await test.started(notesProjection(), { batchSize: 4, ...limits });
    await engine.caughtUp();
    const [first, ...later] = documentCommits();
    expect(first?.writes.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(first?.beside).toMatchObject([{ id: 'notes', document: { checkpoint: first?.writes[1]?.position } }]);
    expect(later.length).toBeGreaterThan(0);
    expect(later.length).toBeLessThan(4);
    expect(await test.served(engine)).toEqual(test.folded());
  });

  it('continues from its stored checkpoint after a restart', async () => {
    const first = await test.started();
    await test.note('a', '1');
    await first.caughtUp();
    await first.stop();
    await test.note('a', '2');
    const before = documentCommits().length;
    const second = await test.started();
    await second.caughtUp();
    expect(await test.served(second)).toEqual({ a: ['1', '2'] });
    expect(documentCommits()).toHaveLength(before + 1);
  });

  it('reaches the position of an event that it does not take', async () => {
    const engine = await test.started();
    const { position } = await test.append('other-x', [{ type: 'Ignored', data: {} }]);
    expect(await engine.view('notes').waitFor(position, 5_000)).toBe(true);
  });

  it('does not commit for each event that it does not take, and stores the checkpoint when it stops', async () => {
    const engine = await test.started();
    await engine.caughtUp();
    const before = test.readModels.commits.length;
    for (let i = 0; i < 30; i++) {
      const { position } = await test.append('other-x', [{ type: 'Ignored', data: {} }]);
      await engine.view('notes').waitFor(position, 5_000);
    }
    expect(test.readModels.commits.length - before).toBeLessThan(15);
    await engine.stop();
    const last = test.readModels.commits.at(-1);
    expect(last).toMatchObject({ writes: [], beside: [{ document: { checkpoint: await test.events.head() } }] });
  });

  it('stores the checkpoint of filtered-out events once the interval has passed', async () => {
    const engine = await test.started(notesProjection(), { stallAfterMs: 60_000 });
    await engine.caughtUp();
    await test.append('other-x', [{ type: 'Ignored', data: {} }]);
    await engine.caughtUp();
    const before = test.readModels.commits.length;
    test.clock.advance(1_001);
    const { position } = await test.append('other-x', [{ type: 'Ignored', data: {} }]);
    await eventually('the checkpoint is stored', () => test.readModels.commits.length > before);
    expect(test.readModels.commits.at(-1)).toMatchObject({ beside: [{ document: { checkpoint: position } }] });
  });

  it('writes nothing for an event that changes nothing', async () => {
    const unchanged = { ...notesProjection(), apply: (document: Notes | undefined) => document ?? { texts: [] } };
    const engine = await test.started(unchanged);
    await test.note('a', '1');
    await engine.caughtUp();
    const before = documentCommits().length;
    await test.note('a', '2');
    await engine.caughtUp();
    expect(documentCommits()).toHaveLength(before);
  });

  it('says that a view has not reached a position within the time limit', async () => {
    const engine = await test.started();
    await engine.caughtUp();
    expect(await engine.view('notes').waitFor(1_000_000, 10)).toBe(false);
  });

  it('does not answer from a read model that has not been opened', async () => {
    const engine = test.engine();
    await expect(engine.view('notes').get('a')).rejects.toMatchObject({ code: 'projection_not_ready' });
    expect((await engine.status())[0]).toMatchObject({ state: 'stopped', position: null });
  });

  it('ends the wait for catching up when it is told to', async () => {
    await test.note('a', '1');
    const engine = test.engine();
    const controller = new AbortController();
    const waiting = engine.caughtUp(controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  it('tells in its status how far it is, and how old the oldest event is that it has not applied', async () => {
    const engine = await test.started();
    await test.note('a', '1');
    await engine.caughtUp();
    await eventually('it is live', async () => (await engine.status())[0]?.state === 'live');
    expect((await engine.status())[0]).toMatchObject({
      name: 'notes',
      version: 1,
      active_version: 1,
      lag_events: 0,
      lag_seconds: 0,
      parked_streams: 0,
      last_error: null,
    });
    await engine.stop();
    await test.note('a', '2');
    test.clock.advance(90_000);
    await test.note('a', '3');
    const [stopped] = await engine.status();
    expect(stopped).toMatchObject({ state: 'stopped', lag_seconds: 90 });
    expect(stopped?.lag_events).toBe((stopped?.head ?? 0) - (stopped?.position ?? 0));
  });

  it('is not behind when only events lie ahead that it does not take', async () => {
    const engine = await test.started();
    await test.note('a', '1');
    await engine.caughtUp();
    await engine.stop();
    await test.append('other-x', [{ type: 'Ignored', data: {} }]);
    expect((await engine.status())[0]).toMatchObject({ lag_events: 0, lag_seconds: 0 });
  });

  it('refuses what cannot be registered', () => {
    const engine = test.engine();
    expect(() => engine.register(notesProjection())).toThrow('twice');
    for (const name of ['', 'Notes', 'a__b', 'a_', 'x'.repeat(41)]) {
      expect(() => engine.register({ ...notesProjection(), name })).toThrow('projection name');
    }
    expect(() => engine.register({ ...notesProjection(), name: 'other', version: 0 })).toThrow('version');
    expect(() => engine.register({ ...notesProjection(), name: 'other', eventTypes: [] })).toThrow('no events');
    expect(() => engine.view('nothing')).toThrow('does not exist');
  });
});
