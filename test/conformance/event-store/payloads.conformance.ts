import { describe, expect, it } from '@jest/globals';
import { EventNotStorable } from '../../../src/platform/event-store/event-store.errors.js';
import { MAX_APPEND_BYTES } from '../../../src/platform/event-store/event-store.port.js';
import type { EventStore, NewEvent } from '../../../src/platform/event-store/event-store.port.js';
import type { JsonObject } from '../../../src/platform/json.js';
import { collect } from '../../support/collect.js';
import { idsIn, newEvent, newEvents, newStream } from './fixture.js';

/** What can be stored, what cannot, and that what was stored comes back. */
export function describePayloads(store: () => EventStore): void {
  describe('what an event carries', () => {
    const payloads: Record<string, JsonObject> = {
      'an empty object': {},
      'every kind of value': {
        text: 'a',
        whole: 1,
        part: -1.5e-7,
        yes: true,
        none: null,
        list: [1, [2, {}]],
        in: { x: 0 },
      },
      'text of every script': { text: 'Grüße, 世界, مرحبا, 🐭‍💤, e\u0301, \u0000\u001f\u2028\ufeff\\"' },
      'a lone surrogate': { text: 'half \ud83d of a mouse' },
      'names that mean something to JavaScript': JSON.parse('{"__proto__":{"a":1},"constructor":2}') as JsonObject,
      'the largest whole number that is exact': { n: Number.MAX_SAFE_INTEGER },
      'an event of 900 KB': { text: 'ü'.repeat(450_000) },
    };
    it.each(Object.keys(payloads))('comes back as it was: %s', async (name) => {
      const stream = newStream();
      const event = newEvent(payloads[name]);

      await store().append(stream, [event], 'no_stream');

      const [recorded] = await collect(store().readStream(stream));
      expect(recorded?.data).toEqual(event.data);
      expect(Object.keys(recorded?.data ?? {})).toEqual(Object.keys(event.data));
    });

    it('includes its id, type and metadata, and where and when it was recorded', async () => {
      const stream = newStream();
      const event = newEvent({ a: 1 }, 'Ünusual Type');
      const { position } = await store().append(stream, [event], 'no_stream');

      const [recorded] = await collect(store().readStream(stream));

      expect(recorded).toEqual({ ...event, stream, revision: 0, position, recordedAt: recorded?.recordedAt });
      expect(Number.isSafeInteger(recorded?.recordedAt)).toBe(true);
      expect(recorded?.recordedAt).toBeGreaterThan(Date.parse('2020-01-01'));
    });

    it('may be in a stream of any name', async () => {
      const stream = `${newStream()} ' % _ \\ / 世界 🐭`;

      await store().append(stream, newEvents(1), 'no_stream');

      expect(await collect(store().readStream(stream))).toMatchObject([{ stream }]);
    });
  });

  describe('an append that cannot be stored', () => {
    const circular: Record<string, unknown> = { name: 'snake' };
    circular['tail'] = circular;
    const broken: Record<string, { data: unknown; says: RegExp }> = {
      'a bigint': { data: { a: { b: 1n } }, says: /data\.a\.b is a bigint/ },
      'a circle': { data: circular, says: /data\.tail\.tail.* is circular/ },
      'undefined in an object': { data: { a: undefined }, says: /data\.a is undefined/ },
      'undefined in a list': { data: { a: [1, undefined] }, says: /data\.a\.1 is undefined/ },
      'not a number': { data: { a: NaN }, says: /data\.a is NaN/ },
      'an infinite number': { data: { a: -Infinity }, says: /data\.a is -Infinity/ },
      'a function': { data: { a: () => 1 }, says: /data\.a is a function/ },
      'a date': { data: { at: new Date(0) }, says: /data\.at is a Date/ },
      'a map': { data: { at: new Map() }, says: /data\.at is a Map/ },
      'a list instead of an object': { data: [1], says: /data is .*array/ },
      'null instead of an object': { data: null, says: /data is / },
      'text instead of an object': { data: 'text', says: /data is / },
    };
    it.each(Object.keys(broken))('is refused before anything is sent, with the place: %s', async (name) => {
      const stream = newStream();
      const { data, says } = broken[name]!;
      const bad = { ...newEvent(), data: data as JsonObject };

      const append = store().append(stream, [newEvent(), bad], 'no_stream');

      await expect(append).rejects.toThrow(EventNotStorable);
      await expect(append).rejects.toThrow(says);
      expect(await idsIn(store(), stream)).toEqual([]);
    });

    const malformed: Record<string, (event: NewEvent) => NewEvent> = {
      'an id that is no UUID': (event) => ({ ...event, id: 'nr-1' }),
      'no type': (event) => ({ ...event, type: '' }),
      'metadata that is no JSON': (event) => ({ ...event, metadata: { ...event.metadata, schema_version: NaN } }),
    };
    it.each(Object.keys(malformed))('is refused as a whole: one event with %s', async (name) => {
      const stream = newStream();

      const append = store().append(stream, [newEvent(), malformed[name]!(newEvent())], 'no_stream');

      await expect(append).rejects.toThrow(EventNotStorable);
      expect(await idsIn(store(), stream)).toEqual([]);
    });

    it('is refused when it is too large, with both sizes, and the store goes on working', async () => {
      const stream = newStream();
      const half = 'x'.repeat(600_000);

      const append = store().append(stream, [newEvent({ half }), newEvent({ half })], 'no_stream');

      await expect(append).rejects.toThrow(EventNotStorable);
      await expect(append).rejects.toThrow(new RegExp(`has 120\\d{4} bytes in 2 events; at most ${MAX_APPEND_BYTES}`));
      await expect(store().append(stream, newEvents(1), 'no_stream')).resolves.toMatchObject({ revision: 0 });
    });

    it('is refused when it has no events', async () => {
      const stream = newStream();

      await expect(store().append(stream, [], 'any')).rejects.toThrow(EventNotStorable);

      await expect(store().append(stream, newEvents(1), 'no_stream')).resolves.toMatchObject({ revision: 0 });
    });

    it.each(['', 'half \ud83d'])('is refused when the name of the stream is %j', async (stream) => {
      await expect(store().append(stream, newEvents(1), 'any')).rejects.toThrow(EventNotStorable);
    });

    it.each([-1, 0.5, NaN, 2 ** 53])('is refused when the expected revision is %d', async (expected) => {
      await expect(store().append(newStream(), newEvents(1), expected)).rejects.toThrow(EventNotStorable);
    });
  });
}
