import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { notesProjection, ProjectionFixture } from '../../../test/support/projection-fixture.js';

describe('parking', () => {
  let test: ProjectionFixture;
  let poison: Set<string>;
  beforeEach(async () => {
    test = await ProjectionFixture.open();
    poison = new Set();
  });
  afterEach(() => test.close());

  /** Stream a: 1, poison, 3; stream b: 1, 2. */
  async function withPoison(): Promise<{ bad: string }> {
    await test.note('a', 'a1');
    await test.note('b', 'b1');
    const [bad = ''] = (await test.note('a', 'bad')).ids;
    poison.add(bad);
    await test.note('a', 'a3');
    await test.note('b', 'b2');
    return { bad };
  }

  it('puts the stream of an event that cannot be applied aside, and all others go on', async () => {
    const { bad } = await withPoison();
    const engine = await test.started(notesProjection(poison));
    await engine.caughtUp();
    expect(await test.served(engine)).toEqual({ a: ['a1'], b: ['b1', 'b2'] });
    const position = test.events.all().find(({ id }) => id === bad)?.position;
    expect(await engine.parkedStreams()).toEqual([
      {
        projection: 'notes',
        generation: 1,
        stream: 'note-a',
        revision: 1,
        position,
        event_id: bad,
        event_type: 'Noted',
        error: `Poison: ${bad}`,
        attempts: 3,
        parked_at: '2026-03-01T12:00:00.000Z',
        waiting: 1,
      },
    ]);
    expect((await engine.status())[0]).toMatchObject({
      parked_streams: 1,
      oldest_parked_at: '2026-03-01T12:00:00.000Z',
      lag_events: 0,
    });
  });

  it('holds later events back, live and after a restart, and counts them', async () => {
    await withPoison();
    const first = await test.started(notesProjection(poison));
    await first.caughtUp();
    await test.note('a', 'a4');
    await first.caughtUp();
    await first.stop();
    await test.note('a', 'a5');
    const second = await test.started(notesProjection(poison));
    await second.caughtUp();
    expect(await test.served(second)).toEqual({ a: ['a1'], b: ['b1', 'b2'] });
    expect(await second.parkedStreams('notes')).toMatchObject([{ waiting: 3 }]);
  });

  it('tries an event again before it gives up on it', async () => {
    let failures = 2;
    const flaky = notesProjection();
    const engine = await test.started({
      ...flaky,
      apply(document, event) {
        if (failures-- > 0) throw new Error('not yet');
        return flaky.apply(document, event);
      },
    });
    await test.note('a', 'a1');
    await engine.caughtUp();
    expect(await test.served(engine)).toEqual({ a: ['a1'] });
    expect(await engine.parkedStreams()).toEqual([]);
  });

  it.each([
    ['cannot be decoded', { type: 'Noted', data: { text: 'x' }, schema_version: 99 }, {}],
    [
      'has no document',
      { type: 'Noted', data: { text: 'x' } },
      {
        documentId: () => {
          throw new Error('no id');
        },
      },
    ],
    // What the types forbid can still be written without them.
    ['makes no document', { type: 'Noted', data: { text: 'x' } }, { apply: () => undefined as unknown as null }],
  ])(
    'parks the stream of an event that %s',
    async (
      _why,
      { schema_version, ...event }: { type: string; data: { text: string }; schema_version?: number },
      change,
    ) => {
      const engine = await test.started({ ...notesProjection(), ...change });
      await test.append('note-a', [event], schema_version);
      await engine.caughtUp();
      expect(await engine.parkedStreams()).toMatchObject([{ stream: 'note-a', revision: 0, attempts: 3 }]);
    },
  );

  it('parks a stream that changes the document of another one', async () => {
    await test.note('a', '1');
    await test.note('b', '2');
    const engine = await test.started({ ...notesProjection(), documentId: () => 'all' });
    await engine.caughtUp();
    expect(await test.served(engine)).toEqual({ all: ['1'] });
    const [parked, ...others] = await engine.parkedStreams();
    expect(others).toEqual([]);
    expect(parked?.stream).toBe('note-b');
    expect(parked?.error).toContain('one stream');
  });

  it('shows a parked stream with the event that failed', async () => {
    const { bad } = await withPoison();
    const engine = await test.started(notesProjection(poison));
    await engine.caughtUp();
    const { record, event } = await engine.parkedStream('notes', 'note-a');
    expect(record.event_id).toBe(bad);
    expect(event).toMatchObject({ id: bad, data: { text: 'bad' } });
    await expect(engine.parkedStream('notes', 'note-b')).rejects.toMatchObject({ code: 'stream_not_parked' });
  });

  it('applies everything that waited when a retry succeeds', async () => {
    await withPoison();
    const engine = await test.started(notesProjection(poison), { batchSize: 2 });
    await engine.caughtUp();
    for (const text of ['a4', 'a5', 'a6']) await test.note('a', text);
    await engine.caughtUp();
    poison.clear();
    expect(await engine.retryParked('notes', 'note-a')).toEqual({ applied: 5, parked: null });
    expect(await test.served(engine)).toEqual(test.folded());
    expect(await engine.parkedStreams()).toEqual([]);
    await test.note('a', 'a7');
    await engine.caughtUp();
    expect(await test.served(engine)).toEqual(test.folded());
  });

  it('keeps the stream parked when a retry fails again, and counts the attempts', async () => {
    const { bad } = await withPoison();
    const engine = await test.started(notesProjection(poison));
    await engine.caughtUp();
    test.clock.advance(60_000);
    const outcome = await engine.retryParked('notes', 'note-a');
    expect(outcome).toMatchObject({ applied: 0, parked: { event_id: bad, attempts: 6, waiting: 1 } });
    expect(outcome.parked?.parked_at).toBe('2026-03-01T12:00:00.000Z');
    expect(await test.served(engine)).toEqual({ a: ['a1'], b: ['b1', 'b2'] });
  });

  it('parks the stream at the next event that fails', async () => {
    await withPoison();
    const [worse = ''] = (await test.note('a', 'worse')).ids;
    await test.note('a', 'a5');
    const engine = await test.started(notesProjection(poison));
    await engine.caughtUp();
    poison.clear();
    poison.add(worse);
    expect(await engine.retryParked('notes', 'note-a')).toMatchObject({
      applied: 2,
      parked: { event_id: worse, revision: 3, attempts: 3, waiting: 1 },
    });
    expect(await test.served(engine)).toEqual({ a: ['a1', 'bad', 'a3'], b: ['b1', 'b2'] });
  });

  it('leaves only the failed event out when it is skipped', async () => {
    const { bad } = await withPoison();
    const engine = await test.started(notesProjection(poison));
    await engine.caughtUp();
    expect(await engine.skipParked('notes', 'note-a')).toEqual({ applied: 1, parked: null });
    expect(await test.served(engine)).toEqual(test.folded(new Set([bad])));
    await expect(engine.skipParked('notes', 'note-a')).rejects.toMatchObject({ code: 'stream_not_parked' });
  });

  it('leaves a skipped event out of a rebuild too, and a verification agrees', async () => {
    const { bad } = await withPoison();
    const engine = await test.started(notesProjection(poison));
    await engine.caughtUp();
    await engine.skipParked('notes', 'note-a');
    await (
      await engine.rebuild('notes')
    ).done;
    expect(await test.served(engine)).toEqual(test.folded(new Set([bad])));
    expect(await engine.parkedStreams()).toEqual([]);
    expect(await engine.verify('notes')).toMatchObject({ equal: true, documents: 2 });
  });

  it('can be settled without the loop running', async () => {
    const { bad } = await withPoison();
    const engine = await test.started(notesProjection(poison));
    await engine.caughtUp();
    await engine.stop();
    const offline = test.engine(notesProjection(poison));
    expect(await offline.parkedStreams()).toHaveLength(1);
    await offline.skipParked('notes', 'note-a');
    expect(await offline.parkedStreams()).toEqual([]);
    expect(await test.served(offline)).toEqual(test.folded(new Set([bad])));
  });

  it.each(['answer_lost', 'nothing_written'] as const)('survives a retry whose commit fails: %s', async (fault) => {
    await withPoison();
    const engine = await test.started(notesProjection(poison));
    await engine.caughtUp();
    poison.clear();
    let failed = false;
    test.readModels.faultOf = () => {
      if (failed) return undefined;
      failed = true;
      return fault;
    };
    await expect(engine.retryParked('notes', 'note-a')).rejects.toMatchObject({ code: 'read_model_store_unavailable' });
    await test.note('a', 'a4');
    await engine.caughtUp();
    const parked = await engine.parkedStreams();
    expect(parked).toHaveLength(fault === 'answer_lost' ? 0 : 1);
    for (const { stream } of parked) await engine.retryParked('notes', stream);
    expect(await test.served(engine)).toEqual(test.folded());
  });
});
