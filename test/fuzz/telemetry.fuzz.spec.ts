import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NO_TELEMETRY_SEEN } from '../../src/workers/domain/telemetry.js';
import type { TelemetryMemory, TelemetryReading } from '../../src/workers/domain/telemetry.js';
import { MAX_REMEMBERED, readTelemetry } from '../../src/workers/domain/telemetry-filter.js';
import { NotAnArray } from '../../src/workers/gateways/json-array-reader.js';
import { TelemetryParser } from '../../src/workers/gateways/telemetry-parser.js';

/** `FUZZ_CASES=100000` for the full run. */
const CASES = Number(process.env['FUZZ_CASES'] ?? 2_000);
const NOW = Date.UTC(2025, 10, 19, 12);
const RULE = { categories: ['start_lab', 'user_activity'], excludedUserPattern: '^00000000-0000-.*' };
const KEEP = 5;

/** Timestamps as CML writes them, as it might, and as it must not. */
const timestamp = fc.oneof(
  fc
    .tuple(
      fc.date({ min: new Date(NOW - 3_600_000), max: new Date(NOW + 3_600_000), noInvalidDate: true }),
      fc.constantFrom('', 'Z', '+02:00', '-0930', '123Z', ' '),
    )
    .map(([date, end]) => date.toISOString().slice(0, -1) + end),
  fc.date().map(String),
  fc.string(),
  fc.jsonValue(),
);

/** Something like an event: each member right, wrong or missing. */
const eventLike = fc.record(
  {
    timestamp,
    category: fc.oneof(fc.constantFrom('start_lab', 'user_activity', 'system_stats', ''), fc.jsonValue()),
    data: fc.oneof(fc.record({ user_id: fc.oneof(fc.uuid(), fc.jsonValue()) }, { requiredKeys: [] }), fc.jsonValue()),
  },
  { requiredKeys: [] },
);

const telemetry = fc.array(fc.oneof({ weight: 4, arbitrary: eventLike }, { weight: 1, arbitrary: fc.jsonValue() }));

function read(events: readonly unknown[], memory: TelemetryMemory = NO_TELEMETRY_SEEN): TelemetryReading {
  return readTelemetry(events, { now: NOW, memory, rule: RULE, keep: KEEP });
}

/** What holds for any reading of so many events. */
function expectSound(reading: TelemetryReading, total: number): void {
  const { malformed, newCount, newEvents, lastActivityAt, memory } = reading;
  expect(reading.total).toBe(total);
  expect(malformed).toBeGreaterThanOrEqual(0);
  expect(malformed + newCount).toBeLessThanOrEqual(total);
  expect(newEvents).toHaveLength(Math.min(KEEP, newCount));
  expect(lastActivityAt === null).toBe(newCount === 0);
  const times = newEvents.map((event) => Date.parse(event.timestamp));
  expect(times).toEqual([...times].sort((a, b) => b - a));
  if (times[0] !== undefined) expect(lastActivityAt).toBe(Math.min(times[0], NOW));
  expect(memory.watermark ?? NOW).toBeLessThanOrEqual(NOW);
  expect(memory.seen.length).toBeLessThanOrEqual(MAX_REMEMBERED);
  for (const event of newEvents) expect(RULE.categories).toContain(event.category);
}

describe('telemetry that may be anything', () => {
  it('is read without an error, the counts add up, and a second reading finds nothing new', () => {
    fc.assert(
      fc.property(telemetry, (events) => {
        const first = read(events);
        expectSound(first, events.length);
        const second = read(events, first.memory);
        expectSound(second, events.length);
        expect(second.newCount).toBe(0);
        expect(second.malformed).toBe(first.malformed);
      }),
      { numRuns: CASES },
    );
  });

  it('is read alike after it went through JSON, in whatever pieces it came', async () => {
    const parser = new TelemetryParser();
    await fc.assert(
      fc.asyncProperty(telemetry, fc.integer({ min: 1, max: 200 }), async (events, size) => {
        const body = Buffer.from(JSON.stringify(events));
        const answer = parser.begin({ now: NOW, memory: NO_TELEMETRY_SEEN, rule: RULE, keep: KEEP });
        for (let at = 0; at < body.length; at += size) await answer.push(body.subarray(at, at + size));
        expect(await answer.end()).toEqual(read(JSON.parse(body.toString()) as unknown[]));
      }),
      { numRuns: Math.ceil(CASES / 4) },
    );
  });

  it('is refused as a body that is no JSON array, and never breaks anything else', () => {
    const parser = new TelemetryParser();
    const body = fc.oneof(
      fc.json(),
      fc.string(),
      fc.uint8Array(),
      telemetry.map((list) => JSON.stringify(list).slice(0, -1)),
    );
    fc.assert(
      fc.property(body, (bytes) => {
        const answer = parser.begin({ now: NOW, memory: NO_TELEMETRY_SEEN, rule: RULE, keep: KEEP });
        void answer.push(Buffer.from(bytes as Uint8Array));
        const outcome = outcomeOf(() => answer.end() as TelemetryReading);
        if (outcome instanceof NotAnArray) expect(['not_json', 'not_array']).toContain(outcome.failure);
        else expectSound(outcome, outcome.total);
      }),
      { numRuns: CASES },
    );
  });
});

/** The result, or the refusal; any other error is the test's failure. */
function outcomeOf(work: () => TelemetryReading): TelemetryReading | NotAnArray {
  try {
    return work();
  } catch (error) {
    if (error instanceof NotAnArray) return error;
    throw error;
  }
}
