import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { eventually } from '../../../test/support/eventually.js';
import { notesProjection, ProjectionFixture } from '../../../test/support/projection-fixture.js';
import type { Notes } from '../../../test/support/projection-fixture.js';
import { TransferableLeases } from '../../../test/support/transferable-leases.js';
import { StaleFence } from '../read-models/read-model-store.errors.js';
import type { ProjectionBatch } from '../read-models/read-model-store.port.js';
import type { ProjectionEngine, ProjectionOptions, ProjectionStatus } from './projection-engine.js';

const LEASE = 'projection/notes';

describe('projection engines of several instances', () => {
  let test: ProjectionFixture;
  let leases: TransferableLeases;
  /** Commits of instances that had lost their lease. */
  let refused: ProjectionBatch[];

  beforeEach(async () => {
    test = await ProjectionFixture.open();
    leases = new TransferableLeases();
    refused = [];
    const commit = test.readModels.commit.bind(test.readModels);
    test.readModels.commit = async (batch) => {
      const { fence } = batch;
      if (fence && fence.token < leases.latestToken(fence.lease)) {
        refused.push(batch);
        throw new StaleFence(fence.lease);
      }
      await commit(batch);
    };
  });
  afterEach(() => test.close());

  function instance(name: string, options: Partial<ProjectionOptions> = {}): Promise<ProjectionEngine> {
    return test.started(notesProjection(), { retireAfterMs: 2_000, ...options }, leases.instance(name));
  }

  async function statusOf(engine: ProjectionEngine): Promise<ProjectionStatus> {
    const [status] = await engine.status();
    if (!status) throw new Error('It has no projection.');
    return status;
  }

  const untilState = (engine: ProjectionEngine, state: string) =>
    eventually(`it is ${state}`, async () => (await statusOf(engine)).state === state);

  const collections = async () =>
    (await test.readModels.collectionNames()).filter((name) => name.startsWith('notes__'));

  describe('that follow the holder of the lease', () => {
    it('serve what it stores, say who it is, and take over when the lease passes on', async () => {
      const first = await instance('first');
      await test.note('a', '1');
      await first.caughtUp();
      const second = await instance('second');
      await second.caughtUp();
      expect(await test.served(second)).toEqual({ a: ['1'] });
      await untilState(second, 'following');
      expect(await statusOf(second)).toMatchObject({ instance: 'first', lag_events: 0, last_error: null });

      await test.note('a', '2');
      await Promise.all([first.caughtUp(), second.caughtUp()]);
      expect(await test.served(second)).toEqual({ a: ['1', '2'] });

      leases.passOn(LEASE);
      await untilState(second, 'live');
      await test.note('a', '3');
      await Promise.all([first.caughtUp(), second.caughtUp()]);
      expect(await test.served(first)).toEqual({ a: ['1', '2', '3'] });
      await untilState(first, 'following');
      expect(await statusOf(first)).toMatchObject({ instance: 'second', last_error: null });
    });

    it('reach a position soon after the holder has, however seldom they look when nobody waits', async () => {
      const seldom = { followEveryMs: 600_000 };
      const first = await instance('first', seldom);
      const second = await instance('second', seldom);
      await second.caughtUp();
      await untilState(second, 'following');
      const view = second.view<Notes>('notes');
      for (let n = 0; n < 5; n++) {
        const { position } = await test.note('a', String(n));
        expect(await view.waitFor(position, 5_000)).toBe(true);
        expect((await view.get('a'))?.document.texts).toHaveLength(n + 1);
      }
      expect(first.view('notes').position()).toBe(view.position());
    });

    it('reach also the position of an event that changes nothing', async () => {
      await instance('first', { checkpointEveryMs: 600_000, stallAfterMs: 600_000 });
      const second = await instance('second');
      const { position } = await test.append('other-x', [{ type: 'Ignored', data: {} }]);
      expect(await second.view('notes').waitFor(position, 5_000)).toBe(true);
    });

    it('do not claim a position that the holder has not stored', async () => {
      await instance('first');
      const second = await instance('second');
      await second.caughtUp();
      const before = second.view('notes').position();
      test.readModels.faultOf = ({ writes }) => (writes.length > 0 ? 'nothing_written' : undefined);
      const { position } = await test.note('a', '1');
      expect(await second.view('notes').waitFor(position, 50)).toBe(false);
      expect(second.view('notes').position()).toBe(before);
    });

    it('are well again when the store was away for a while', async () => {
      await instance('first');
      const second = await instance('second');
      await untilState(second, 'following');
      test.readModels.unavailable = true;
      await eventually('it has noticed', () =>
        second.status().then(
          () => false,
          () => true,
        ),
      );
      test.readModels.unavailable = false;
      await untilState(second, 'following');
      await test.note('a', '1');
      await second.caughtUp();
      expect(await statusOf(second)).toMatchObject({ last_error: null });
    });
  });

  describe('when the holder was frozen and does not know that it has lost the lease', () => {
    it('writes nothing, parks nothing, counts no failure, and follows the new holder', async () => {
      const first = await instance('first');
      await test.note('a', '1');
      await first.caughtUp();
      const second = await instance('second');
      leases.passOnUnnoticed(LEASE);
      await untilState(second, 'live');
      await test.note('a', '2');
      await test.note('b', '3');
      await second.caughtUp();
      await untilState(first, 'following');
      expect(refused.length).toBeGreaterThan(0);
      expect(await statusOf(first)).toMatchObject({ last_error: null, parked_streams: 0 });
      expect(await test.served(second)).toEqual(test.folded());
      await first.caughtUp();
      expect(await test.served(first)).toEqual(test.folded());
    });

    it('serves nothing that the new holder has replaced', async () => {
      const first = await instance('first', { stallAfterMs: 600_000, retireAfterMs: 20 });
      await test.note('a', '1');
      await first.caughtUp();
      const second = await instance('second', { retireAfterMs: 20 });
      const notice = leases.passOnUnnoticed(LEASE);
      await untilState(second, 'live');
      await (
        await second.rebuild('notes')
      ).done;
      await eventually('the old collection is gone', async () => (await collections()).length === 1);
      expect(await test.served(first)).toEqual({ a: ['1'] });
      notice();
    });
  });

  it('send operators to the one that runs the projection, by its name', async () => {
    const first = await instance('first');
    await first.caughtUp();
    const second = await instance('second');
    await untilState(second, 'following');
    const elsewhere = { code: 'projection_runs_elsewhere', status: 409, details: { instance: 'first' } };
    await expect(second.rebuild('notes')).rejects.toMatchObject(elsewhere);
    await expect(second.verify('notes')).rejects.toMatchObject(elsewhere);
    await expect(second.retryParked('notes', 'note-a')).rejects.toMatchObject(elsewhere);
    await expect(second.skipParked('notes', 'note-a')).rejects.toThrow("Instance 'first' runs projection 'notes'");
  });

  it('neither lose nor double an event, however often and wherever the lease is lost', async () => {
    const engines = [
      await instance('first', { batchSize: 3 }),
      await instance('second', { batchSize: 3 }),
      await instance('third', { batchSize: 3 }),
    ];
    for (let n = 0; n < 60; n++) {
      await test.note(`n${n % 5}`, String(n), `${n}+`);
      if (n % 7 === 6) await test.append(`note-n${n % 4}`, [{ type: 'Cleared', data: {} }]);
      for (let turn = 0; turn < n % 6; turn++) await nextTurn();
      if (n % 2) leases.passOn(LEASE);
      else leases.passOnUnnoticed(LEASE);
    }
    for (const engine of engines) {
      await engine.caughtUp();
      expect(await test.served(engine)).toEqual(test.folded());
      expect(await engine.parkedStreams()).toEqual([]);
    }
  });

  it('pass the fence of the lease with every commit, and a new holder seals the state before it reads on', async () => {
    const first = await instance('first');
    await test.note('a', '1');
    await first.caughtUp();
    const before = test.readModels.commits.length;
    for (const { fence } of test.readModels.commits) expect(fence).toEqual({ lease: LEASE, token: 1 });
    const second = await instance('second');
    leases.passOn(LEASE);
    await untilState(second, 'live');
    expect(test.readModels.commits[before]).toMatchObject({
      fence: { lease: LEASE, token: 2 },
      writes: [],
      beside: [{ collection: 'projection_states', document: { instance: 'second' } }],
    });
  });

  describe('of which one rebuilds', () => {
    it('do not read a collection that is gone', async () => {
      const options = { retireAfterMs: 30, followEveryMs: 600_000 };
      const first = await instance('first', options);
      await test.note('a', '1');
      await first.caughtUp();
      const second = await instance('second', options);
      await second.caughtUp();
      await (
        await first.rebuild('notes')
      ).done;
      await eventually('the old collection is gone', async () => (await collections()).length === 1);
      expect(await test.served(second)).toEqual({ a: ['1'] });
    });

    it('do not believe what they read while it went', async () => {
      const options = { retireAfterMs: 30, followEveryMs: 600_000 };
      const first = await instance('first', options);
      await test.note('a', '1');
      await first.caughtUp();
      const second = await instance('second', options);
      await second.caughtUp();
      const old = await test.readModels.collection<Notes>({ name: 'notes__v1_g1' });
      // A store may find a dropped collection empty.
      const asked = jest.spyOn(old, 'find').mockImplementationOnce(async () => {
        await (
          await first.rebuild('notes')
        ).done;
        await eventually('the old collection is gone', async () => (await collections()).length === 1);
        return [];
      });
      expect(await test.served(second)).toEqual({ a: ['1'] });
      expect(asked).toHaveBeenCalledTimes(1);
    });

    it('leave the old collection for its time even when the lease passes on right after the switch', async () => {
      const options = { retireAfterMs: 400 };
      const first = await instance('first', options);
      await test.note('a', '1');
      await first.caughtUp();
      const second = await instance('second', options);
      await (
        await first.rebuild('notes')
      ).done;
      leases.passOn(LEASE);
      await untilState(second, 'live');
      expect(await collections()).toEqual(['notes__v1_g1', 'notes__v1_g2']);
      await eventually('the old collection is gone', async () => (await collections()).length === 1);
      expect(await collections()).toEqual(['notes__v1_g2']);
    });

    it('give up a rebuild whose lease is lost, and keep what is in use', async () => {
      for (let n = 0; n < 40; n++) await test.note(`n${n % 5}`, String(n));
      const options = { batchSize: 2, retireAfterMs: 20 };
      const first = await instance('first', options);
      await first.caughtUp();
      const second = await instance('second', options);
      const { done } = await first.rebuild('notes');
      leases.passOn(LEASE);
      await expect(done).rejects.toMatchObject({ code: 'lease_lost' });
      await Promise.all([first.caughtUp(), second.caughtUp()]);
      await eventually('the half-built one is gone', async () => (await collections()).length === 1);
      expect(await collections()).toEqual(['notes__v1_g1']);
      expect(await test.served(first)).toEqual(test.folded());
      expect(await test.served(second)).toEqual(test.folded());
    });
  });
});
