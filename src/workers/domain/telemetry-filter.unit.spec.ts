import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MAX_DATA_BYTES, MAX_DATA_DEPTH } from './telemetry-data.js';
import { MAX_REMEMBERED, OVERLAP, readTelemetry } from './telemetry-filter.js';
import type { TelemetryQuestion } from './telemetry-filter.js';
import { NO_TELEMETRY_SEEN } from './telemetry.js';
import type { RelevanceRule, TelemetryMemory, TelemetryReading } from './telemetry.js';

const NOW = Date.UTC(2025, 10, 19, 12);
const SECOND = 1_000;
const MINUTE = 60_000;
const DAY = 86_400_000;
const ADMIN = '00000000-0000-4000-a000-000000000000';
const ALICE = '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d';

const RULE: RelevanceRule = { categories: ['start_lab', 'user_activity'], excludedUserPattern: '^00000000-0000-.*' };

interface Shown {
  timestamp: string;
  category: string;
  data?: unknown;
}

function shown(at: number, category = 'start_lab', data: unknown = { lab_id: 'a' }): Shown {
  return { timestamp: new Date(at).toISOString(), category, data };
}

function read(events: readonly unknown[], question: Partial<TelemetryQuestion> = {}): TelemetryReading {
  return readTelemetry(events, { now: NOW, memory: NO_TELEMETRY_SEEN, rule: RULE, keep: 10, ...question });
}

/** A memory with nothing in it but its boundary. */
function since(at: number): TelemetryMemory {
  return { watermark: at + OVERLAP, since: at, seen: [] };
}

describe('what can be read', () => {
  it.each([
    ['null', null],
    ['a text', 'start_lab'],
    ['a number', 42],
    ['an array', ['start_lab', '2025-11-19T11:00:00Z']],
    ['an empty object', {}],
    ['no category', { timestamp: '2025-11-19T11:00:00Z', data: {} }],
    ['an empty category', { timestamp: '2025-11-19T11:00:00Z', category: '', data: {} }],
    ['a category that is no text', { timestamp: '2025-11-19T11:00:00Z', category: 7, data: {} }],
    ['no timestamp', { category: 'start_lab', data: {} }],
    ['a timestamp that is a number', { timestamp: 1763550000, category: 'start_lab', data: {} }],
    ['a day that does not exist', { timestamp: '2025-02-30T11:00:00Z', category: 'start_lab', data: {} }],
  ])('skips and counts %s, and the others still count', (_, event) => {
    const reading = read([event, shown(NOW - MINUTE)]);
    expect(reading).toMatchObject({ total: 2, malformed: 1, newCount: 1, lastActivityAt: NOW - MINUTE });
  });

  it.each([[null], [undefined]])('takes data %p as an empty object', (data) => {
    const reading = read([{ ...shown(NOW - MINUTE), data }]);
    expect(reading).toMatchObject({ malformed: 0, newEvents: [{ data: {} }] });
  });

  it.each([[['a']], ['a text'], [''], [42], [0], [false]])('counts an event with the data %j, and keeps it', (data) => {
    for (const category of ['start_lab', 'user_activity']) {
      const reading = read([{ ...shown(NOW - MINUTE, category), data }]);
      expect(reading).toMatchObject({ malformed: 0, newCount: 1, lastActivityAt: NOW - MINUTE });
      expect(reading.newEvents).toEqual([{ timestamp: expect.any(String), category, data: { value: data } }]);
    }
  });

  it('keeps only the size of data that is no object and too large', () => {
    const reading = read([{ ...shown(NOW - MINUTE), data: 'x'.repeat(MAX_DATA_BYTES) }]);
    expect(reading.newEvents).toMatchObject([{ data: { truncated: true, size_bytes: expect.any(Number) } }]);
  });

  it('takes an empty list as a valid answer that says nothing', () => {
    const nothing = { total: 0, malformed: 0, newEvents: [], newCount: 0, lastActivityAt: null };
    expect(read([])).toEqual({ ...nothing, memory: NO_TELEMETRY_SEEN });
    expect(read([], { memory: since(NOW - DAY) })).toEqual({ ...nothing, memory: since(NOW - DAY) });
  });

  it('ignores categories that it is not asked for, known or not, without counting them as malformed', () => {
    const reading = read([shown(NOW - MINUTE, 'system_stats'), shown(NOW - MINUTE, 'of_the_future')]);
    expect(reading).toMatchObject({ total: 2, malformed: 0, newCount: 0, lastActivityAt: null });
  });
});

describe('whose activity counts', () => {
  it.each([
    ['a user', { user_id: ALICE }, 1],
    ['the excluded pattern', { user_id: ADMIN }, 0],
    ['the pattern not at the start', { user_id: `x${ADMIN}` }, 1],
    ['nobody', {}, 1],
    ['an empty user_id', { user_id: '' }, 1],
    ['a null user_id', { user_id: null }, 1],
    ['a user_id that is a number', { user_id: 0 }, 1],
    ['a user_id that is an object', { user_id: { id: ADMIN } }, 1],
    ['no data', null, 1],
  ])('user_activity of %s', (_, data, count) => {
    expect(read([shown(NOW - MINUTE, 'user_activity', data)]).newCount).toBe(count);
  });

  it('asks the pattern of user_activity only', () => {
    expect(read([shown(NOW - MINUTE, 'start_lab', { user_id: ADMIN })]).newCount).toBe(1);
  });

  it('asks a pattern without ^ from the start of the id all the same, each alternative of it', () => {
    const rule = { ...RULE, excludedUserPattern: 'b|c' };
    const of = (id: string): Shown => shown(NOW - MINUTE, 'user_activity', { user_id: id });
    const reading = read([of('ab'), of('ac'), of('ba'), of('ca'), of('bb')], { rule });
    expect(reading.newEvents.map(({ data }) => data['user_id']).sort()).toEqual(['ab', 'ac']);
  });

  it('leaves out excluded ids exactly', () => {
    const rule = { ...RULE, excludedUserIds: [ALICE] };
    const events = [ALICE, ALICE.toUpperCase(), `${ALICE}0`].map((id) => shown(NOW, 'user_activity', { user_id: id }));
    expect(read(events, { rule }).newCount).toBe(2);
  });
});

describe('what is new', () => {
  it('takes an event exactly at since as old, and one a millisecond later as new', () => {
    const reading = read([shown(NOW - DAY), shown(NOW - DAY + 1)], { memory: since(NOW - DAY) });
    expect(reading.newEvents.map(({ timestamp }) => Date.parse(timestamp))).toEqual([NOW - DAY + 1]);
  });

  it('counts all history when nothing was seen before', () => {
    expect(read([shown(0), shown(NOW - DAY), shown(NOW)]).newCount).toBe(3);
  });

  it('finds nothing new in what it has read before', () => {
    const events = [
      shown(NOW - DAY),
      shown(NOW - 5 * MINUTE),
      shown(NOW - MINUTE, 'user_activity', { user_id: ALICE }),
    ];
    expect(read(events, { memory: read(events).memory })).toMatchObject({
      newCount: 0,
      newEvents: [],
      lastActivityAt: null,
    });
  });

  it('takes equal events as one, in whatever order their data is written', () => {
    const one = shown(NOW, 'start_lab', { a: 1, b: { c: [1, 2], d: null } });
    const same = shown(NOW, 'start_lab', { b: { d: null, c: [1, 2] }, a: 1 });
    expect(read([one, same]).newCount).toBe(1);
    expect(read([same], { memory: read([one]).memory }).newCount).toBe(0);
  });

  it('tells events apart that differ in anything', () => {
    const digits = { timestamp: '2025-11-19T11:00:00.0001Z', category: 'start_lab', data: {} };
    const events = [
      shown(NOW, 'start_lab', { a: 1 }),
      shown(NOW, 'start_lab', { a: '1' }),
      shown(NOW, 'start_lab', { a: [1] }),
      shown(NOW, 'start_lab', { a: [[1]] }),
      shown(NOW, 'start_lab', { a: [1, 2] }),
      shown(NOW, 'start_lab', { a: [2, 1] }),
      shown(NOW, 'user_activity', { a: 1 }),
      shown(NOW - 1, 'start_lab', { a: 1 }),
      digits,
      { ...digits, timestamp: '2025-11-19T11:00:00.0002Z' },
    ];
    expect(read(events).newCount).toBe(events.length);
  });

  it('counts an event once that was in flight during the previous check or stamped ten minutes behind', () => {
    const before = [shown(NOW - DAY), shown(NOW)];
    const late = shown(NOW - 10 * MINUTE, 'start_lab', { late: true });
    const { memory } = read(before);
    const second = read([...before, late], { now: NOW + MINUTE, memory });
    expect(second).toMatchObject({ newCount: 1, lastActivityAt: NOW - 10 * MINUTE });
    expect(read([...before, late], { now: NOW + 2 * MINUTE, memory: second.memory }).newCount).toBe(0);
  });

  it('does not count again what CML hides for a while and then shows again', () => {
    const event = shown(NOW - MINUTE);
    const { memory } = read([event, shown(NOW, 'system_stats')]);
    const hidden = read([shown(NOW + SECOND, 'system_stats')], { now: NOW + MINUTE, memory });
    expect(read([event], { now: NOW + MINUTE, memory: hidden.memory }).newCount).toBe(0);
  });

  it('forgets what is older than the overlap', () => {
    const { memory } = read([shown(NOW - OVERLAP - 1), shown(NOW - OVERLAP + 1), shown(NOW)]);
    expect(memory).toMatchObject({ watermark: NOW, since: NOW - OVERLAP });
    expect(memory.seen).toHaveLength(2);
  });
});

describe("CML's clock", () => {
  it('moves the watermark with events of any category', () => {
    const { memory } = read([shown(NOW - DAY), shown(NOW - MINUTE, 'system_stats')]);
    expect(memory).toMatchObject({ watermark: NOW - MINUTE, since: NOW - MINUTE - OVERLAP, seen: [] });
  });

  it('never moves the watermark backwards', () => {
    const { memory } = read([shown(NOW)]);
    expect(read([shown(NOW - DAY)], { memory }).memory).toEqual(memory);
  });

  it('may be hours behind ours: what is new is judged by what it has shown', () => {
    const behind = NOW - 5 * 60 * MINUTE;
    const before = [shown(behind)];
    const { memory } = read(before);
    const after = read([...before, shown(behind + MINUTE)], { now: NOW + 30 * MINUTE, memory });
    expect(after.newCount).toBe(1);
  });

  it('takes a timestamp in the future as activity now, and counts it once', () => {
    const events = [shown(NOW + 10 * 365 * DAY)];
    const first = read(events);
    expect(first).toMatchObject({ newCount: 1, lastActivityAt: NOW });
    expect(read(events, { now: NOW + DAY, memory: first.memory }).newCount).toBe(0);
  });

  it('is not overruled by one timestamp in the future, even when it is behind ours', () => {
    const behind = NOW - 60 * MINUTE;
    const before = [shown(NOW + DAY), shown(behind)];
    const { memory } = read(before);
    expect(memory.watermark).toBe(behind);
    const after = read([...before, shown(behind + MINUTE)], { now: NOW + MINUTE, memory });
    expect(after).toMatchObject({ newCount: 1, lastActivityAt: behind + MINUTE });
  });
});

describe('the bounds of a reading', () => {
  it('hands back the newest events first, at most as many as asked for, and counts them all', () => {
    const events = Array.from({ length: 2_000 }, (_, i) => shown(NOW - i * SECOND)).reverse();
    const reading = read(events, { keep: 3 });
    expect(reading.newEvents.map(({ timestamp }) => Date.parse(timestamp))).toEqual([
      NOW,
      NOW - SECOND,
      NOW - 2 * SECOND,
    ]);
    expect(reading.newCount).toBe(2_000);
    expect(read(events, { keep: 0 })).toMatchObject({ newEvents: [], newCount: 2_000 });
  });

  it('writes timestamps as UTC with milliseconds', () => {
    const events = [{ timestamp: '2025-11-19T13:00:00.1234567+02:00', category: 'start_lab', data: { lab: 1 } }];
    expect(read(events).newEvents).toEqual([
      { timestamp: '2025-11-19T11:00:00.123Z', category: 'start_lab', data: { lab: 1 } },
    ]);
  });

  it('keeps data up to its limit, and of larger data the size only', () => {
    const frame = JSON.stringify({ text: '' }).length;
    const fits = { text: 'x'.repeat(MAX_DATA_BYTES - frame) };
    const larger = { text: 'é'.repeat((MAX_DATA_BYTES - frame) / 2 + 1) };
    const reading = read([shown(NOW, 'start_lab', fits), shown(NOW - 1, 'start_lab', larger)]);
    const size = Buffer.byteLength(JSON.stringify(larger));
    expect(reading.newEvents.map(({ data }) => data)).toEqual([fits, { truncated: true, size_bytes: size }]);
  });

  it('measures data as JSON does', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), (members) => {
        const data = JSON.parse(JSON.stringify({ ...members, filler: 'x'.repeat(MAX_DATA_BYTES) })) as object;
        const expected = { truncated: true, size_bytes: Buffer.byteLength(JSON.stringify(data)) };
        expect(read([shown(NOW, 'start_lab', data)]).newEvents[0]?.data).toEqual(expected);
      }),
    );
  });

  it('survives data that is nested without end, and does not hand it on', () => {
    const deep = 100_000;
    const text = `{"a":${'['.repeat(deep)}${']'.repeat(deep)}}`;
    const event = { ...shown(NOW), data: JSON.parse(text) as unknown };
    expect(read([event]).newEvents[0]?.data).toEqual({ truncated: true, size_bytes: text.length });
    const small = `{"a":${'['.repeat(MAX_DATA_DEPTH)}${']'.repeat(MAX_DATA_DEPTH)}}`;
    expect(read([{ ...shown(NOW), data: JSON.parse(small) as unknown }]).newEvents[0]?.data).toHaveProperty(
      'truncated',
    );
  });

  it('remembers a bounded number, and then takes what it forgot as old', () => {
    const events = Array.from({ length: MAX_REMEMBERED + 10 }, (_, i) => shown(NOW - i * 10));
    const { memory } = read(events);
    expect(memory.seen).toHaveLength(MAX_REMEMBERED);
    expect(memory.since).toBe(NOW - MAX_REMEMBERED * 10);
    expect(read(events, { memory }).newCount).toBe(0);
    expect(read([...events, shown(NOW + 1)], { now: NOW + 1, memory }).newCount).toBe(1);
  });

  it('does not let a burst from the future make real activity old', () => {
    const burst = Array.from({ length: MAX_REMEMBERED + 10 }, (_, i) => shown(NOW + DAY + i));
    const before = [...burst, shown(NOW - MINUTE)];
    const { memory } = read(before);
    expect(memory.since).toBeLessThan(NOW);
    const real = shown(NOW + SECOND, 'start_lab', { real: true });
    const after = read([shown(NOW - MINUTE), real], { now: NOW + MINUTE, memory });
    expect(after).toMatchObject({ newCount: 1, lastActivityAt: NOW + SECOND });
  });
});

describe('for any history', () => {
  const time = fc.integer({ min: NOW - 40 * MINUTE, max: NOW + 40 * MINUTE });
  const category = fc.constantFrom('start_lab', 'user_activity', 'system_stats');
  const data = fc.constantFrom({}, { user_id: ALICE }, { user_id: ADMIN }, { lab_id: 'a' });
  const event = fc.tuple(time, category, data).map(([at, name, members]) => shown(at, name, members));
  const element = fc.oneof({ weight: 5, arbitrary: event }, { weight: 1, arbitrary: fc.jsonValue() });
  const history = fc.array(element, { maxLength: 40 });

  it('makes no difference in which order it is listed', () => {
    const listings = history.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    );
    fc.assert(
      fc.property(listings, fc.nat({ max: 12 }), ([list, shuffled], keep) => {
        expect(read(shuffled, { keep })).toEqual(read(list, { keep }));
      }),
    );
  });

  it('has nothing new at a second reading, whenever that is', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: -DAY, max: DAY }), (list, later) => {
        expect(read(list, { now: NOW + later, memory: read(list).memory }).newCount).toBe(0);
      }),
    );
  });

  it('counts each relevant event exactly once however its arrival falls between checks', () => {
    // Arrival times increase; each event is stamped up to the overlap before its arrival, or after it by a fast clock.
    const arrival = fc.record({
      wait: fc.integer({ min: 0, max: 20 * MINUTE }),
      late: fc.integer({ min: -60 * MINUTE, max: OVERLAP - 1 }),
      category,
      checkAfter: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 30 }), (arrivals) => {
        let now = NOW;
        let memory: TelemetryMemory = NO_TELEMETRY_SEEN;
        let counted = 0;
        const list: Shown[] = [];
        for (const [serial, { wait, late, category: name, checkAfter }] of arrivals.entries()) {
          now += wait;
          list.push(shown(now - late, name, { serial }));
          if (!checkAfter) continue;
          const reading = read(list, { now, memory });
          counted += reading.newCount;
          memory = reading.memory;
        }
        counted += read(list, { now, memory }).newCount;
        expect(counted).toBe(list.filter((shownEvent) => RULE.categories.includes(shownEvent.category)).length);
      }),
    );
  });
});
