import { describe, expect, it } from '@jest/globals';
import { PlatformSettings } from '../config/platform-settings.js';
import type { EventCategory } from '../event-store/event-codec.js';
import { EventCodec, EventNotReadable } from '../event-store/event-codec.js';
import type { RecordedEvent } from '../event-store/event-store.port.js';
import type { JsonObject } from '../json.js';
import type { EventSelection } from './public-events.js';
import { PublicEvents } from './public-events.js';

const published = (type: string, map = (data: JsonObject, id: string): JsonObject => ({ id, ...data })) => ({
  version: 2,
  upcasters: { 1: (data: JsonObject) => ({ ...data, lifted: true }) },
  published: { type, schema: {}, map },
});

const fail = (): never => {
  throw new Error('no map');
};

const KETTLES: EventCategory = {
  category: 'kettle',
  kind: 'tea_kettle',
  summary: '',
  types: {
    KettleBoiled: published('dormouse.tea_kettle.boiled.v1'),
    KettleBroken: published('dormouse.tea_kettle.broken.v1', fail),
    KettleScrubbed: { version: 1 },
  },
};
const POTS: EventCategory = {
  category: 'pot',
  kind: 'pot',
  summary: '',
  types: { PotFilled: published('dormouse.pot.filled.v1') },
};
const DRAWERS: EventCategory = {
  category: 'drawer',
  kind: 'drawer',
  summary: '',
  types: { DrawerOpened: { version: 1 } },
};

const codec = new EventCodec();
for (const category of [KETTLES, POTS, DRAWERS]) codec.registerCategory(category);
const events = new PublicEvents(codec, Object.assign(new PlatformSettings(), { EVENTS_SOURCE: 'urn:dormouse:eu' }));

function recorded(type: string, stream = 'kettle-k1-a', schema_version = 2): RecordedEvent {
  return {
    ...{ id: 'an-id', type, data: { cups: 2 }, stream, revision: 4, position: 40, recordedAt: 1 },
    metadata: {
      ...{ $correlationId: 'a-request', $causationId: 'a-command', schema_version, command_id: 'a-command' },
      ...{ time: '2026-03-04T12:00:00.000Z', actor: 'ada' },
    },
  };
}

describe('A stored event is published', () => {
  it('as a CloudEvent that says where it comes from and where it stands', () => {
    expect(events.cloudEvent(recorded('KettleBoiled'), 'f30eaca5.14')).toEqual({
      specversion: '1.0',
      id: 'an-id',
      source: 'urn:dormouse:eu',
      type: 'dormouse.tea_kettle.boiled.v1',
      subject: 'tea_kettle/k1-a',
      time: '2026-03-04T12:00:00.000Z',
      datacontenttype: 'application/json',
      streamrevision: 4,
      position: 'f30eaca5.14',
      correlationid: 'a-request',
      causationid: 'a-command',
      actor: 'ada',
      data: { id: 'k1-a', cups: 2 },
    });
  });

  it('in the present shape of its type', () => {
    const event = events.cloudEvent(recorded('KettleBoiled', 'kettle-k1', 1), '');
    expect(event?.data).toEqual({ id: 'k1', cups: 2, lifted: true });
  });

  it('unless its type is not', () => {
    expect(events.cloudEvent(recorded('KettleScrubbed', 'kettle-k1', 1), '')).toBeUndefined();
    expect(events.cloudEvent(recorded('DrawerOpened', 'drawer-d1', 1), '')).toBeUndefined();
  });

  it.each([
    ['of a type that this program does not know', recorded('KettleSold')],
    ['of a version that this program does not know', recorded('KettleBoiled', 'kettle-k1', 3)],
    ['that cannot be mapped', recorded('KettleBroken')],
  ])('or is not readable, which is no reason to leave it out: one %s', (_, event) => {
    expect(() => events.cloudEvent(event, '')).toThrow(EventNotReadable);
  });
});

describe('A selection', () => {
  /** Those of the events that it selects, out of what the store is asked for. */
  function selected(selection: EventSelection, ...candidates: RecordedEvent[]): string[] {
    const { types, streamPrefixes } = events.filterOf(selection);
    const matches = events.matcher(selection);
    return candidates
      .filter(({ type }) => !types || types.includes(type))
      .filter(({ stream }) => !streamPrefixes || streamPrefixes.some((prefix) => stream.startsWith(prefix)))
      .filter(matches)
      .map(({ type, stream }) => `${type} ${stream}`);
  }

  const ALL = [
    recorded('KettleBoiled', 'kettle-k1'),
    recorded('KettleBoiled', 'kettle-k12'),
    recorded('KettleScrubbed', 'kettle-k1'),
    recorded('KettleSold', 'kettle-k1'),
    recorded('PotFilled', 'pot-k1'),
    recorded('DrawerOpened', 'drawer-k1'),
    recorded('Noted', 'kettleish-k1'),
  ];

  it('of everything has what is published, and what this program does not know', () => {
    expect(selected({}, ...ALL)).toEqual([
      'KettleBoiled kettle-k1',
      'KettleBoiled kettle-k12',
      'KettleSold kettle-k1',
      'PotFilled pot-k1',
    ]);
  });

  it('by type has exactly that', () => {
    expect(selected({ types: ['dormouse.pot.filled.v1'] }, ...ALL)).toEqual(['PotFilled pot-k1']);
  });

  it('by kind has nothing of another', () => {
    expect(selected({ aggregateKind: 'pot' }, ...ALL)).toEqual(['PotFilled pot-k1']);
  });

  it('by id has nothing of one that begins like it', () => {
    expect(selected({ aggregateKind: 'tea_kettle', aggregateId: 'k1' }, ...ALL)).toEqual([
      'KettleBoiled kettle-k1',
      'KettleSold kettle-k1',
    ]);
  });

  it.each<[string, EventSelection, string, RegExp]>([
    [
      'a type that is not published',
      { types: ['KettleBoiled'] },
      'type',
      /accepted: dormouse\.tea_kettle\.boiled\.v1,/,
    ],
    ['a kind of which nothing is', { aggregateKind: 'drawer' }, 'aggregate_kind', /accepted: tea_kettle, pot$/],
    ['an id without its kind', { aggregateId: 'k1' }, 'aggregate_kind', /needed with aggregate_id/],
    [
      'a type of another kind',
      { types: ['dormouse.pot.filled.v1'], aggregateKind: 'tea_kettle' },
      'type',
      /none of these is published of 'tea_kettle'/,
    ],
  ])('of %s is not acceptable', (_, selection, field, message) => {
    const problem = expect.objectContaining({ field, message: expect.stringMatching(message) });
    for (const ask of [() => events.filterOf(selection), () => events.matcher(selection)]) {
      expect(ask).toThrow(expect.objectContaining({ code: 'invalid_input', errors: [problem] }));
    }
  });
});
