import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../json.js';
import { serialiseAppend } from './event-serialisation.js';
import { EventNotStorable } from './event-store.errors.js';
import { MAX_APPEND_BYTES } from './event-store.port.js';
import type { NewEvent } from './event-store.port.js';

function event(data: unknown, type = 'T'): NewEvent {
  const id = randomUUID();
  const metadata = { $correlationId: id, $causationId: id, schema_version: 1, time: '', actor: '', command_id: id };
  return { id, type, data: data as JsonObject, metadata };
}

describe('serialising an append', () => {
  it('keeps every JSON object as it is', () => {
    const json = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());
    const property = fc.property(json, (data) => {
      const text = serialiseAppend('s', [event(data)], 'any').events[0]!.data;
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(data)));
    });
    fc.assert(property);
  });

  it('refuses whatever JSON would not give back, wherever it is', () => {
    const bad = fc.constantFrom<unknown>(undefined, NaN, Infinity, 1n, Symbol('s'), () => 1, new Date(0), new Set(), [
      ,
      1,
    ]);
    const path = fc.array(fc.oneof(fc.constant(0), fc.string({ minLength: 1 })), { minLength: 1, maxLength: 5 });
    const property = fc.property(bad, path, (value, keys) => {
      const data = keys.reduceRight<unknown>((inner, key) => (key === 0 ? [inner] : { ok: 1, [key]: inner }), value);
      expect(() => serialiseAppend('s', [event({ data })], 'any')).toThrow(EventNotStorable);
    });
    fc.assert(property);
  });

  it('counts data and metadata as UTF-8 and two bytes for each character of the type', () => {
    const one = event({ text: 'ü🐭' }, 'Typ');

    const { bytes } = serialiseAppend('s', [one, one], 'any');

    const size = Buffer.byteLength(JSON.stringify(one.data)) + Buffer.byteLength(JSON.stringify(one.metadata)) + 6;
    expect(bytes).toBe(2 * size);
  });

  it('accepts an append of exactly the limit and refuses one byte more', () => {
    const overhead = serialiseAppend('s', [event({ text: '' })], 'any').bytes;
    const largest = 'x'.repeat(MAX_APPEND_BYTES - overhead);

    expect(serialiseAppend('s', [event({ text: largest })], 'any').bytes).toBe(MAX_APPEND_BYTES);
    expect(() => serialiseAppend('s', [event({ text: `${largest}x` })], 'any')).toThrow(
      `has ${MAX_APPEND_BYTES + 1} bytes in 1 events; at most ${MAX_APPEND_BYTES} are accepted`,
    );
  });

  it('makes ids lower case', () => {
    const id = randomUUID();

    expect(serialiseAppend('s', [{ ...event({}), id: id.toUpperCase() }], 'any').events[0]!.id).toBe(id);
  });
});
