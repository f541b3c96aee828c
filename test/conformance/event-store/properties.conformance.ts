import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { WrongExpectedRevision } from '../../../src/platform/event-store/event-store.errors.js';
import type {
  EventStore,
  ExpectedRevision,
  NewEvent,
  RecordedEvent,
} from '../../../src/platform/event-store/event-store.port.js';
import { collect } from '../../support/collect.js';
import { EventStoreModel } from './event-store.model.js';
import { follow, idsOf, newEvents, newStream, readEverything } from './fixture.js';

const STREAMS = 3;
const RUNS = 40;

/** One thing a writer does: append something new, or send an earlier append again. */
interface Step {
  readonly stream: number;
  readonly count: number;
  readonly expected: 'no_stream' | 'exists' | 'any' | 'current' | 'stale' | 'ahead';
  /** Takes the ids of an earlier step instead of new ones: how far back; 0 is new. */
  readonly reuse: number;
  /** With `reuse`: also what the earlier step expected, which makes it a true repeat. */
  readonly repeat: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  stream: fc.nat(STREAMS - 1),
  count: fc.integer({ min: 1, max: 4 }),
  expected: fc.constantFrom('no_stream', 'exists', 'any', 'any', 'current', 'current', 'stale', 'ahead'),
  reuse: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) }),
  repeat: fc.boolean(),
});

interface Append {
  readonly stream: string;
  readonly events: NewEvent[];
  readonly expected: ExpectedRevision;
}

function expectationAt(kind: Step['expected'], revision: number): ExpectedRevision {
  switch (kind) {
    case 'current':
      return revision < 0 ? 'no_stream' : revision;
    case 'stale':
      return revision < 1 ? 'no_stream' : revision - 1;
    case 'ahead':
      return revision + 2;
    case 'no_stream':
    case 'exists':
    case 'any':
      return kind;
  }
}

/** Turns a step into an append, given what was done before. */
function appendOf(step: Step, streams: string[], earlier: Append[], revision: (stream: string) => number): Append {
  const before = step.reuse === 0 ? undefined : earlier.at(-step.reuse);
  if (before && step.repeat) return before;
  const stream = before?.stream ?? streams[step.stream]!;
  const events = before?.events ?? newEvents(step.count);
  // Old ids at the present revision are written twice; which of the two a later repeat finds is nobody's contract.
  const kind = before && step.expected === 'current' ? 'stale' : step.expected;
  return { stream, events, expected: expectationAt(kind, revision(stream)) };
}

async function outcomeOf(store: EventStore, append: Append): Promise<{ revision: number } | { actual: unknown }> {
  try {
    const { revision } = await store.append(append.stream, append.events, append.expected);
    return { revision };
  } catch (error) {
    if (error instanceof WrongExpectedRevision) return { actual: error.actual };
    throw error;
  }
}

/** What must hold of any log: dense revisions, growing positions, and streams that are parts of it. */
async function expectConsistent(store: EventStore, log: RecordedEvent[], streams: string[]): Promise<void> {
  const positions = log.map(({ position }) => position);
  expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
  for (const stream of streams) {
    const events = log.filter((event) => event.stream === stream);
    expect(events.map(({ revision }) => revision)).toEqual(events.map((_, index) => index));
    expect(await collect(store.readStream(stream))).toEqual(events);
  }
}

/** Whatever writers do, in whatever order, the store is as its model. */
export function describeProperties(store: () => EventStore): void {
  describe('for any sequence of appends', () => {
    it('answers and holds what the model does', async () => {
      const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const after = await store().head();
        const category = `model${randomUUID()}`;
        const streams = Array.from({ length: STREAMS }, () => newStream(category));
        const model = new EventStoreModel();
        const earlier: Append[] = [];

        for (const step of steps) {
          const append = appendOf(step, streams, earlier, (stream) => model.idsIn(stream).length - 1);
          earlier.push(append);
          const wanted = model.append(append.stream, idsOf(append.events), append.expected);
          expect(await outcomeOf(store(), append)).toEqual(wanted);
        }

        const log = await readEverything(store(), { after, filter: { streamPrefixes: [category] } });
        expect(log.map(({ stream, id, revision }) => ({ stream, id, revision }))).toEqual(model.log);
        await expectConsistent(store(), log, streams);
      });
      await fc.assert(property, { numRuns: RUNS });
    });
  });

  describe('for any appends of concurrent writers', () => {
    it('writes each accepted one whole and once, in one order that every subscriber sees', async () => {
      const writers = fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 6 });
      const property = fc.asyncProperty(writers, fc.integer({ min: 1, max: 9 }), async (plans, batchSize) => {
        const after = await store().head();
        const category = `race${randomUUID()}`;
        const streams = Array.from({ length: STREAMS }, () => newStream(category));
        const filter = { streamPrefixes: [category] };
        const last = newEvents(1)[0]!;
        const followed = follow(store(), { after, filter, batchSize }, ({ events }) => events.at(-1)?.id === last.id);

        const accepted = (await Promise.all(plans.map((plan) => runWriter(store(), plan, streams)))).flat();
        await store().append(newStream(category), [last], 'no_stream');

        const log = await readEverything(store(), { after, filter });
        await expectConsistent(store(), log, streams);
        expect((await followed).events).toEqual(log);
        expect(idsOf(log).sort()).toEqual([...accepted.flatMap(({ events }) => idsOf(events)), last.id].sort());
        for (const { stream, events, revision } of accepted) {
          const written = log.filter((event) => event.stream === stream).slice(revision - events.length + 1);
          expect(idsOf(written.slice(0, events.length))).toEqual(idsOf(events));
        }
      });
      await fc.assert(property, { numRuns: RUNS });
    });
  });
}

/** Appends new events one after another, guessing revisions from what it has seen, and gives what was accepted. */
async function runWriter(store: EventStore, plan: Step[], streams: string[]) {
  const seen = new Map<string, number>();
  const accepted: (Append & { revision: number })[] = [];
  for (const step of plan) {
    const append = appendOf({ ...step, reuse: 0 }, streams, [], (stream) => seen.get(stream) ?? -1);
    const outcome = await outcomeOf(store, append);
    if ('revision' in outcome) {
      accepted.push({ ...append, revision: outcome.revision });
      seen.set(append.stream, outcome.revision);
      // A repeat in the middle of the race must change nothing.
      if (step.repeat && typeof append.expected !== 'string') expect(await outcomeOf(store, append)).toEqual(outcome);
    } else if (typeof outcome.actual === 'number') {
      seen.set(append.stream, outcome.actual);
    }
  }
  return accepted;
}
