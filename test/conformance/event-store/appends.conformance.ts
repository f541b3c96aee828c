import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { WrongExpectedRevision } from '../../../src/platform/event-store/event-store.errors.js';
import type { EventStore, ExpectedRevision } from '../../../src/platform/event-store/event-store.port.js';
import { collect } from '../../support/collect.js';
import { idsIn, idsOf, newEvent, newEvents, newStream } from './fixture.js';

/** Appends and their expectations, as EventStoreDB answers them. */
export function describeAppends(store: () => EventStore): void {
  describe('appending', () => {
    it('numbers the events of a stream from 0 without gaps', async () => {
      const stream = newStream();

      const first = await store().append(stream, newEvents(1), 'no_stream');
      const second = await store().append(stream, newEvents(3), 0);
      const third = await store().append(stream, newEvents(1), 'exists');
      const fourth = await store().append(stream, newEvents(2), 'any');

      expect([first, second, third, fourth].map(({ revision }) => revision)).toEqual([0, 3, 4, 6]);
      const events = await collect(store().readStream(stream));
      expect(events.map(({ revision }) => revision)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    });

    it('answers with the position of the last event of the append', async () => {
      const stream = newStream();

      const { position } = await store().append(stream, newEvents(3), 'no_stream');

      const events = await collect(store().readStream(stream));
      expect(position).toBe(events.at(-1)?.position);
    });

    it('gives later events greater positions, whatever their stream', async () => {
      const streams = [newStream(), newStream(), newStream()];
      const positions: number[] = [];

      for (let round = 0; round < 3; round++) {
        for (const stream of streams) {
          await store().append(stream, newEvents(2), 'any');
          positions.push(...(await collect(store().readStream(stream, { from: 2 * round }))).map((e) => e.position));
        }
      }

      expect(positions).toHaveLength(18);
      expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
    });

    it('keeps a stream apart from one whose name begins the same', async () => {
      const stream = newStream();
      await store().append(stream, newEvents(1), 'no_stream');

      await expect(store().append(`${stream}0`, newEvents(1), 'no_stream')).resolves.toMatchObject({ revision: 0 });

      expect(await idsIn(store(), stream)).toHaveLength(1);
    });
  });

  describe('an append whose expectation does not hold', () => {
    const cases: { at: number | 'no_stream'; expected: ExpectedRevision }[] = [
      { at: 0, expected: 'no_stream' },
      { at: 2, expected: 'no_stream' },
      { at: 2, expected: 0 },
      { at: 3, expected: 99 },
      { at: 'no_stream', expected: 5 },
      { at: 'no_stream', expected: 0 },
      { at: 'no_stream', expected: 'exists' },
    ];
    it.each(cases)('fails with both revisions and writes nothing: at $at, expected $expected', async (row) => {
      const { at, expected } = row;
      const stream = newStream();
      const before = at === 'no_stream' ? [] : newEvents(at + 1);
      if (before.length > 0) await store().append(stream, before, 'no_stream');

      const error: unknown = await store()
        .append(stream, newEvents(2), expected)
        .catch((reason: unknown) => reason);

      expect(error).toBeInstanceOf(WrongExpectedRevision);
      expect(error).toMatchObject({ code: 'wrong_expected_revision', stream, expected, actual: at });
      expect(await idsIn(store(), stream)).toEqual(idsOf(before));
    });

    it('lets exactly one of eight concurrent writers start a stream', async () => {
      const stream = newStream();
      const events = newEvents(8);

      const outcomes = await Promise.allSettled(events.map((event) => store().append(stream, [event], 'no_stream')));

      const winners = events.filter((_, index) => outcomes[index]?.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      expect(await idsIn(store(), stream)).toEqual(idsOf(winners));
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(WrongExpectedRevision);
      }
    });

    it('does not disturb the appends that arrive together with it', async () => {
      const [good, bad] = [newStream(), newStream()];

      const [first, wrong, second] = await Promise.allSettled([
        store().append(good, newEvents(1), 'no_stream'),
        store().append(bad, newEvents(1), 7),
        store().append(good, newEvents(1), 0),
      ]);

      expect([first.status, wrong.status, second.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(await idsIn(store(), good)).toHaveLength(2);
      expect(await idsIn(store(), bad)).toEqual([]);
    });
  });

  describeRepeats(store);
}

function describeRepeats(store: () => EventStore): void {
  describe('an append repeated with the same ids and the same expected revision', () => {
    it('succeeds and writes nothing when it started the stream', async () => {
      const stream = newStream();
      const events = newEvents(1);
      const original = await store().append(stream, events, 'no_stream');

      await expect(store().append(stream, events, 'no_stream')).resolves.toEqual(original);

      expect(await idsIn(store(), stream)).toEqual(idsOf(events));
    });

    it('succeeds and writes nothing when it went on from a revision', async () => {
      const stream = newStream();
      await store().append(stream, newEvents(1), 'no_stream');
      const events = newEvents(2);
      const original = await store().append(stream, events, 0);

      await expect(store().append(stream, events, 0)).resolves.toEqual(original);

      expect(original.revision).toBe(2);
      expect(await idsIn(store(), stream)).toHaveLength(3);
    });

    it('answers as the first time although the stream has gone on', async () => {
      const stream = newStream();
      const events = newEvents(1);
      const original = await store().append(stream, events, 'no_stream');
      await store().append(stream, newEvents(2), 0);

      await expect(store().append(stream, events, 'no_stream')).resolves.toEqual(original);

      expect(original.revision).toBe(0);
      expect(await idsIn(store(), stream)).toHaveLength(3);
    });

    it.each(['any', 'exists'] as const)('succeeds and writes nothing with %s, also later', async (expected) => {
      const stream = newStream();
      await store().append(stream, newEvents(1), 'no_stream');
      const events = newEvents(2);
      const original = await store().append(stream, events, expected);

      await expect(store().append(stream, events, expected)).resolves.toEqual(original);
      await store().append(stream, newEvents(2), 2);
      await expect(store().append(stream, events, expected)).resolves.toEqual(original);

      expect(await idsIn(store(), stream)).toHaveLength(5);
    });

    it('writes once when both arrive together', async () => {
      const stream = newStream();
      const events = newEvents(2);

      const [first, second] = await Promise.all([
        store().append(stream, events, 'no_stream'),
        store().append(stream, events, 'no_stream'),
      ]);

      expect(first).toEqual(second);
      expect(await idsIn(store(), stream)).toEqual(idsOf(events));
    });

    it('settles an append whose answer was lost, whether it was written or not', async () => {
      const stream = newStream();
      const [written, neverSent] = [newEvents(2), newEvents(2)];
      const lostAnswer = store().append(stream, written, 'no_stream');
      await lostAnswer.catch(() => undefined);

      await store().append(stream, written, 'no_stream');
      await store().append(stream, neverSent, 1);

      expect(await idsIn(store(), stream)).toEqual(idsOf([...written, ...neverSent]));
    });

    it('is told by its ids alone: other data under the same id writes nothing', async () => {
      const stream = newStream();
      const event = newEvent({ version: 'first' });
      await store().append(stream, [event], 'no_stream');

      await store().append(stream, [{ ...event, data: { version: 'second' } }], 'no_stream');

      const events = await collect(store().readStream(stream));
      expect(events.map(({ data }) => data)).toEqual([{ version: 'first' }]);
    });
  });

  describe('an append that only resembles an earlier one', () => {
    it('fails when one of its ids is old and one is new', async () => {
      const stream = newStream();
      await store().append(stream, newEvents(1), 'no_stream');
      const [old, other] = newEvents(2);
      await store().append(stream, [old!, other!], 0);

      const append = store().append(stream, [old!, newEvent()], 0);

      await expect(append).rejects.toMatchObject({ expected: 0, actual: 2 });
      expect(await idsIn(store(), stream)).toHaveLength(3);
    });

    it('fails when it has one event more than the earlier one', async () => {
      const stream = newStream();
      const events = newEvents(1);
      await store().append(stream, events, 'no_stream');

      const append = store().append(stream, [...events, newEvent()], 'no_stream');

      await expect(append).rejects.toMatchObject({ expected: 'no_stream', actual: 0 });
      expect(await idsIn(store(), stream)).toHaveLength(1);
    });

    it('fails when its ids are old and its revision is neither the original nor the present one', async () => {
      const stream = newStream();
      await store().append(stream, newEvents(1), 'no_stream');
      const events = newEvents(2);
      await store().append(stream, events, 0);

      await expect(store().append(stream, events, 1)).rejects.toMatchObject({ expected: 1, actual: 2 });
      expect(await idsIn(store(), stream)).toHaveLength(3);
    });

    it('writes a second time when its ids are old and its revision is the present one', async () => {
      const stream = newStream();
      await store().append(stream, newEvents(1), 'no_stream');
      const events = newEvents(2);
      await store().append(stream, events, 0);

      const again = await store().append(stream, events, 2);

      expect(again.revision).toBe(4);
      expect((await idsIn(store(), stream)).slice(1)).toEqual([...idsOf(events), ...idsOf(events)]);
    });

    it('is no repeat in another stream', async () => {
      const [one, other] = [newStream(), newStream()];
      const events = newEvents(1);
      await store().append(one, events, 'no_stream');

      await store().append(other, events, 'any');

      expect(await idsIn(store(), other)).toEqual(idsOf(events));
    });

    it('may use one id twice within itself: both events are written', async () => {
      const stream = newStream();
      const id = randomUUID();

      await store().append(
        stream,
        [
          { ...newEvent({ n: 0 }), id },
          { ...newEvent({ n: 1 }), id },
        ],
        'no_stream',
      );

      const events = await collect(store().readStream(stream));
      expect(events.map(({ data }) => data)).toEqual([{ n: 0 }, { n: 1 }]);
    });
  });
}
