import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../json.js';
import { EventCodec, EventNotReadable } from './event-codec.js';
import type { RecordedEvent } from './event-store.port.js';

const METADATA = {
  $correlationId: '11111111-1111-4111-8111-111111111111',
  $causationId: '11111111-1111-4111-8111-111111111111',
  time: '2026-03-04T12:00:00.000Z',
  actor: 'ada',
  command_id: '22222222-2222-4222-8222-222222222222',
};

function recorded(type: string, data: JsonObject, schema_version: number): RecordedEvent {
  const metadata = { ...METADATA, schema_version };
  const id = '33333333-3333-5333-8333-333333333333';
  return { id, type, data, metadata, stream: 'kettle-1', revision: 4, position: 40, recordedAt: 1 };
}

/** A kettle whose temperature was once a text, then Fahrenheit, and is Celsius now. */
function kettleCodec(): EventCodec {
  const codec = new EventCodec();
  codec.register({
    KettleBoiled: {
      version: 3,
      upcasters: {
        1: ({ temperature, ...rest }) => ({ ...rest, fahrenheit: Number(temperature) }),
        2: ({ fahrenheit, ...rest }) => ({ ...rest, celsius: ((Number(fahrenheit) - 32) * 5) / 9 }),
      },
    },
    KettleFilled: { version: 1 },
  });
  return codec;
}

describe('A stored event is read for ever', () => {
  it.each([
    [1, { temperature: '212', by: 'ada' }],
    [2, { fahrenheit: 212, by: 'ada' }],
    [3, { celsius: 100, by: 'ada' }],
  ])('from schema version %i, through the chain to the present one', (version, data) => {
    const decoded = kettleCodec().decode(recorded('KettleBoiled', data, version));
    expect(decoded.event).toEqual({ type: 'KettleBoiled', data: { celsius: 100, by: 'ada' } });
    expect(decoded).toMatchObject({ stream: 'kettle-1', revision: 4, position: 40 });
  });

  it('and left as it was stored', () => {
    const stored = recorded('KettleBoiled', { temperature: '212' }, 1);
    const before = structuredClone(stored);
    kettleCodec().decode(stored);
    expect(stored).toEqual(before);
  });
});

describe('An event that cannot be read is a clear error', () => {
  it.each([
    ['of a type that is not known', recorded('KettlePainted', {}, 1), /type is not known/],
    ['of a newer version', recorded('KettleBoiled', {}, 4), /schema version 4, this program knows 1 to 3/],
    ['of version 0', recorded('KettleBoiled', {}, 0), /schema version 0/],
    ['of half a version', recorded('KettleBoiled', {}, 1.5), /schema version 1.5/],
  ])('when it is %s', (_, event, message) => {
    expect(() => kettleCodec().decode(event)).toThrow(EventNotReadable);
    expect(() => kettleCodec().decode(event)).toThrow(message);
    expect(() => kettleCodec().decode(event)).toThrow(/Event 4 of stream 'kettle-1'/);
  });

  it('when its upcaster fails, with the cause', () => {
    const codec = new EventCodec();
    const cause = new Error('no temperature');
    const fail = (): never => {
      throw cause;
    };
    codec.register({ KettleBoiled: { version: 2, upcasters: { 1: fail } } });
    expect(() => codec.decode(recorded('KettleBoiled', {}, 1))).toThrow(
      expect.objectContaining({ code: 'event_not_readable', cause }),
    );
  });
});

describe('Types are registered once, at start', () => {
  it('and not twice', () => {
    expect(() => kettleCodec().register({ KettleFilled: { version: 1 } })).toThrow(/registered twice/);
  });

  it('with an upcaster from every version but the present one', () => {
    const gap = { KettleBoiled: { version: 3, upcasters: { 1: (data: JsonObject) => data } } };
    expect(() => new EventCodec().register(gap)).toThrow(/no upcaster from version 2 to 3/);
  });

  it('and a published name, a category and a kind of aggregates have one meaning each', () => {
    const published = { type: 'dormouse.kettle.boiled.v1', schema: {}, map: () => ({}) };
    const kettles = {
      category: 'kettle',
      kind: 'kettle',
      summary: '',
      types: { KettleBoiled: { version: 1, published } },
    };
    const codec = new EventCodec();
    codec.registerCategory(kettles);
    expect(codec.categories()).toEqual([kettles]);
    expect(() => codec.registerCategory({ ...kettles, kind: 'pot', types: {} })).toThrow(
      /'kettle' is registered twice/,
    );
    expect(() => codec.registerCategory({ ...kettles, category: 'pot', types: {} })).toThrow(/are both 'kettle'/);
    expect(() => codec.register({ PotBoiled: { version: 1, published } })).toThrow(
      "Published event type 'dormouse.kettle.boiled.v1' is registered twice.",
    );
  });

  it('and are told with their versions', () => {
    const codec = kettleCodec();
    expect([...codec.registered().keys()]).toEqual(['KettleBoiled', 'KettleFilled']);
    expect(codec.versionOf('KettleBoiled')).toBe(3);
    expect(() => codec.versionOf('KettlePainted')).toThrow(/not registered/);
  });

  it('and an event is stored under its present version', () => {
    const event = { type: 'KettleBoiled', data: { celsius: 100 } };
    const encoded = kettleCodec().encode(event, 'an-id', METADATA);
    expect(encoded).toEqual({ id: 'an-id', ...event, metadata: { ...METADATA, schema_version: 3 } });
    expect(() => kettleCodec().encode({ type: 'KettlePainted', data: {} }, 'an-id', METADATA)).toThrow(
      /not registered/,
    );
  });
});
