import { expect } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  AppendOutcomeUnknown,
  EventStoreUnavailable,
  SubscriptionDropped,
} from '../../src/platform/event-store/event-store.errors.js';
import type {
  AppendResult,
  EventStore,
  ExpectedRevision,
  Position,
  RecordedEvent,
  SubscribeOptions,
} from '../../src/platform/event-store/event-store.port.js';
import { idsOf, newEvents, newStream } from '../conformance/event-store/fixture.js';
import { collect } from './collect.js';

/** A pause between attempts, so that a server that is away is not asked all the time. */
const BETWEEN_ATTEMPTS_MS = 10;

function isPassing(error: unknown): boolean {
  return error instanceof AppendOutcomeUnknown || error instanceof EventStoreUnavailable;
}

/** Asks until the store answers. @param onFailure told of each attempt that failed */
export async function persist<T>(work: () => Promise<T>, onFailure: () => void = () => undefined): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error)) throw error;
      onFailure();
      await delay(BETWEEN_ATTEMPTS_MS);
    }
  }
}

/** Appends, and repeats that, ids and expectation unchanged, until the outcome is known. */
export async function settle(events: EventStore, ...append: Parameters<EventStore['append']>): Promise<AppendResult> {
  return await persist(() => events.append(...append));
}

/** Follows, and resumes whenever that is dropped, until `enough` holds. */
async function followThrough(
  events: EventStore,
  options: Omit<SubscribeOptions, 'signal'>,
  enough: (seen: readonly RecordedEvent[]) => boolean,
): Promise<RecordedEvent[]> {
  const seen: RecordedEvent[] = [];
  const stop = new AbortController();
  let { after } = options;
  while (!enough(seen)) {
    try {
      for await (const batch of events.subscribe({ ...options, after, signal: stop.signal })) {
        seen.push(...batch.events);
        after = batch.position;
        if (enough(seen)) return seen;
      }
    } catch (error) {
      if (!(error instanceof SubscriptionDropped)) throw error;
      await delay(BETWEEN_ATTEMPTS_MS);
    }
  }
  return seen;
}

/** How the work is getting on, for whoever disturbs it. */
export interface Progress {
  /** Appends whose outcome is known. */
  settled: number;
  /** Attempts that failed. */
  failed: number;
  done: boolean;
}

export interface Work {
  readonly writers: number;
  readonly appendsEach: number;
  /** Makes trouble meanwhile, and leaves the store healthy. */
  disturb(progress: Progress): Promise<void>;
}

/**
 * Several writers, each with a stream of its own, who settle every append by repeating it, and somebody who follows all
 * of them. Whatever happens meanwhile, in the end every append is there once, in its order, and was handed over once.
 */
export async function expectWorkToSurvive(events: EventStore, work: Work): Promise<void> {
  const progress: Progress = { settled: 0, failed: 0, done: false };
  const onFailure = () => progress.failed++;
  const category = `faults${randomUUID().replaceAll('-', '')}`;
  const after = await persist<Position | null>(() => events.head());
  const total = { events: 0 };
  const write = async () => {
    const stream = newStream(category);
    const written: string[] = [];
    let expected: number | 'no_stream' = 'no_stream';
    for (let i = 0; i < work.appendsEach; i++) {
      const batch = newEvents(1 + (i % 3));
      const guard: ExpectedRevision = expected;
      const { revision }: AppendResult = await persist(() => events.append(stream, batch, guard), onFailure);
      written.push(...idsOf(batch));
      expect(revision).toBe(written.length - 1);
      expected = revision;
      progress.settled++;
    }
    total.events += written.length;
    return { stream, written };
  };
  const writing = Promise.all(Array.from({ length: work.writers }, write)).finally(() => {
    progress.done = true;
  });
  const filter = { streamPrefixes: [`${category}-`] };
  const following = followThrough(events, { after, filter }, (s) => progress.done && s.length >= total.events);
  const [streams] = await Promise.all([writing, work.disturb(progress)]);
  // One more, so that the follower has something to arrive after everybody is done.
  await settle(events, newStream(category), newEvents(1), 'no_stream');
  const followed = await following;

  for (const { stream, written } of streams) {
    const stored = await persist(() => collect(events.readStream(stream)));
    expect(idsOf(stored)).toEqual(written);
    expect(followed.filter((event) => event.stream === stream)).toEqual(stored);
  }
}
