import { describe, expect, it } from '@jest/globals';
import type { EventCategory } from '../../src/platform/event-store/event-codec.js';
import { EventCodec } from '../../src/platform/event-store/event-codec.js';
import { eventCategory } from '../../src/platform/contracts/event-category.js';
import { group, minutes, nullable, text, time, uuid } from '../../src/platform/contracts/fields.js';
import type { RecordedEvent } from '../../src/platform/event-store/event-store.port.js';
import type { JsonObject } from '../../src/platform/json.js';
import { violationsOfStored, violationsSeen } from './event-contracts.js';

interface KettleBoiled {
  readonly type: 'KettleBoiled';
  readonly data: { boiled_at: string; after_minutes: number | null; by: { name: string }; note: string };
}

const kettles: EventCategory = eventCategory<KettleBoiled>()({
  category: 'kettle',
  kind: 'kettle',
  summary: 'A kettle.',
  id: { kettle_id: uuid('The kettle') },
  types: {
    KettleBoiled: {
      version: 2,
      upcasters: { 1: (data) => ({ ...data, note: '' }) },
      summary: 'the water boiled',
      schema: {
        boiled_at: time('When'),
        after_minutes: nullable(minutes('How long it took'), 'nobody looked'),
        by: group('Who switched it on', { name: text('Their name') }),
        note: text('For us'),
      },
      published: { type: 'dormouse.kettle.boiled.v1', without: ['note'] },
    },
  },
});

const codec = new EventCodec();
codec.registerCategory(kettles);

const METADATA = { $correlationId: '', $causationId: '', time: '', actor: '', command_id: '' };
const GOOD = { boiled_at: '2026-03-04T12:00:00.000Z', after_minutes: 2.5, by: { name: 'ada' }, note: '' };

/** What is seen when an event with this data is encoded. */
function seenFor(data: object): readonly string[] {
  codec.encode({ type: 'KettleBoiled', data }, 'an-id', METADATA);
  return violationsSeen();
}

describe('An event that is encoded in a test', () => {
  it('passes when it keeps to its contract', () => {
    expect(seenFor(GOOD)).toEqual([]);
    expect(seenFor({ ...GOOD, after_minutes: null })).toEqual([]);
  });

  it.each([
    ['lacks a field', { ...GOOD, by: {} }, '/by', `must have required property 'name'; it is {}`],
    ['has a field too many', { ...GOOD, by: { name: 'ada', age: 36 } }, '/by', `'age' is no field of it`],
    ['has a time in another zone', { ...GOOD, boiled_at: '2026-03-04T12:00:00+01:00' }, '/boiled_at', 'must match'],
    ['has no time', { ...GOOD, boiled_at: 'noon' }, '/boiled_at', 'must match format "date-time"; it is "noon"'],
    ['has a number that cannot be', { ...GOOD, after_minutes: -1 }, '/after_minutes', 'must be >= 0; it is -1'],
  ])('is told of by type, path and value when it %s', (_, data, path, what) => {
    const told = seenFor(data);
    expect(told).toContainEqual(expect.stringContaining(`KettleBoiled${path}: ${what}`));
    expect(told).toContainEqual(expect.stringContaining(`dormouse.kettle.boiled.v1${path}: ${what}`));
  });

  it('is told of once when only what is stored is wrong', () => {
    expect(seenFor({ ...GOOD, note: 7 })).toEqual(['KettleBoiled/note: must be string; it is 7']);
  });

  it('is forgotten once it was told of', () => {
    seenFor({});
    expect(violationsSeen()).toEqual([]);
  });
});

describe('An event from a store', () => {
  const stored = (data: JsonObject, schema_version: number): RecordedEvent => ({
    ...{ id: '', type: 'KettleBoiled', data, metadata: { ...METADATA, schema_version } },
    ...{ stream: 'kettle-1', revision: 4, position: 40, recordedAt: 1 },
  });

  it('is held to the contract in its present shape', () => {
    const { note: _, ...before } = GOOD;
    expect(violationsOfStored(codec, stored(before, 1))).toEqual([]);
    expect(violationsOfStored(codec, stored(before, 2))).toEqual([
      `kettle-1, revision 4: KettleBoiled: must have required property 'note'; it is ${JSON.stringify(before)}`,
    ]);
  });

  it('without any contract is a violation', () => {
    const bare = new EventCodec();
    bare.register({ KettleBoiled: { version: 1 } });
    expect(violationsOfStored(bare, stored(GOOD, 1))).toEqual(['KettleBoiled: no contract says what it looks like']);
  });
});
