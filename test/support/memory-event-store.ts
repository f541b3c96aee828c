import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  EventStoreUnavailable,
  SubscriptionDropped,
  WrongExpectedRevision,
} from '../../src/platform/event-store/event-store.errors.js';
import { EventStore } from '../../src/platform/event-store/event-store.port.js';
import type {
  AppendResult,
  EventBatch,
  EventFilter,
  ExpectedRevision,
  NewEvent,
  Position,
  ReadAllOptions,
  ReadStreamOptions,
  RecordedEvent,
  SubscribeOptions,
} from '../../src/platform/event-store/event-store.port.js';

/** What happens to the subscriptions that are open now. */
export type SubscriptionFault = 'error' | 'polite_end' | 'stall';

interface OpenSubscription {
  fault: SubscriptionFault | undefined;
  wake(): void;
}

/**
 * An event store in memory for unit tests, with faults on demand. Positions have gaps, as EventStoreDB's do. It keeps
 * to the port where the projections look; the conformance suite is for the real adapters.
 */
export class MemoryEventStore extends EventStore {
  readonly kind = 'memory';
  /** Change it to make the store another history. */
  historyId: string = randomUUID();
  /** While true every read, append and subscription fails. */
  unavailable = false;
  /** Calls that failed because of that. */
  refusals = 0;
  /** Subscriptions opened so far. */
  subscriptionsOpened = 0;
  /** Calls of `readAll` so far. */
  pagesRead = 0;
  private events: RecordedEvent[] = [];
  private readonly streams = new Map<string, RecordedEvent[]>();
  private readonly subscriptions = new Set<OpenSubscription>();

  /** @param recordedAt milliseconds since the epoch given to each event */
  constructor(private readonly recordedAt: () => number = () => 0) {
    super();
  }

  identity(): Promise<string> {
    return this.answer(() => this.historyId);
  }

  append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<AppendResult> {
    return this.answer(() => {
      const existing = this.streams.get(stream) ?? [];
      const actual = existing.length === 0 ? 'no_stream' : existing.length - 1;
      const matches = expected === 'any' || (expected === 'exists' ? actual !== 'no_stream' : expected === actual);
      if (!matches) throw new WrongExpectedRevision(stream, expected, actual);
      for (const event of events) {
        const position = (this.events.at(-1)?.position ?? 0) + 1 + (existing.length % 3);
        const recorded = { ...event, stream, revision: existing.length, position, recordedAt: this.recordedAt() };
        existing.push(recorded);
        this.events.push(recorded);
      }
      this.streams.set(stream, existing);
      for (const subscription of this.subscriptions) subscription.wake();
      return { revision: existing.length - 1, position: this.events.at(-1)?.position ?? 0 };
    });
  }

  async *readStream(stream: string, options: ReadStreamOptions = {}): AsyncGenerator<RecordedEvent> {
    const events = await this.answer(() => [...(this.streams.get(stream) ?? [])]);
    const from = options.from;
    const chosen =
      options.direction === 'backwards'
        ? events.filter((event) => from === undefined || event.revision <= from).toReversed()
        : events.filter((event) => event.revision >= (from ?? 0));
    yield* chosen.slice(0, options.limit);
  }

  async findEvent(stream: string, eventId: string): Promise<RecordedEvent | undefined> {
    return this.answer(() => this.streams.get(stream)?.find((event) => event.id === eventId));
  }

  readAll(options: ReadAllOptions): Promise<EventBatch> {
    return this.answer(() => {
      if (options.direction === 'backwards') throw new Error('The memory event store reads all events forwards only.');
      this.pagesRead++;
      return this.page(options.after, options.limit, options.filter);
    });
  }

  async *subscribe(options: SubscribeOptions): AsyncGenerator<EventBatch> {
    this.subscriptionsOpened++;
    let { after } = options;
    let bell = Promise.withResolvers<void>();
    const subscription: OpenSubscription = { fault: undefined, wake: () => bell.resolve() };
    const wake = () => bell.resolve();
    this.subscriptions.add(subscription);
    options.signal.addEventListener('abort', wake);
    try {
      for (let first = true; !options.signal.aborted; first = false) {
        // As with a real server, what is there arrives a moment after the asking.
        await delay(0);
        bell = Promise.withResolvers<void>();
        if (subscription.fault === 'polite_end') return;
        if (subscription.fault === 'error') throw new SubscriptionDropped('the connection was lost.');
        if (subscription.fault === 'stall') await new Promise(() => undefined);
        const batch = await this.answer(() => this.page(after, options.batchSize ?? 500, options.filter));
        if (first || batch.position !== after) yield batch;
        after = batch.position;
        if (batch.live && batch.position === this.last()) await bell.promise;
      }
    } finally {
      options.signal.removeEventListener('abort', wake);
      this.subscriptions.delete(subscription);
    }
  }

  head(): Promise<Position | null> {
    return this.answer(() => this.last());
  }

  ping(): Promise<void> {
    return this.answer(() => undefined);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Lets all subscriptions that are open now fail in one way; later ones are healthy. */
  breakSubscriptions(fault: SubscriptionFault): void {
    for (const subscription of this.subscriptions) {
      subscription.fault = fault;
      subscription.wake();
    }
  }

  /** Forgets the last events, as a restored backup would. */
  truncateTo(count: number): void {
    this.events = this.events.slice(0, count);
    this.streams.clear();
    for (const event of this.events) {
      this.streams.set(event.stream, [...(this.streams.get(event.stream) ?? []), event]);
    }
  }

  /** All events in global order. */
  all(): readonly RecordedEvent[] {
    return this.events;
  }

  private last(): Position | null {
    return this.events.at(-1)?.position ?? null;
  }

  private page(after: Position | null, limit: number, filter: EventFilter | undefined): EventBatch {
    const events: RecordedEvent[] = [];
    for (let i = this.indexAfter(after); i < this.events.length && events.length < limit; i++) {
      const event = this.events[i];
      if (event && passes(event, filter)) events.push(event);
    }
    const full = events.length === limit;
    const passed = full ? events.at(-1)?.position : this.last();
    const position = passed === undefined || passed === null ? after : Math.max(passed, after ?? passed);
    return { events, position, live: !full || position === this.last() };
  }

  private indexAfter(after: Position | null): number {
    if (after === null) return 0;
    let low = 0;
    for (let high = this.events.length; low < high;) {
      const middle = (low + high) >>> 1;
      if ((this.events[middle]?.position ?? 0) <= after) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private async answer<T>(work: () => T): Promise<T> {
    await Promise.resolve();
    if (this.unavailable) {
      this.refusals++;
      throw new EventStoreUnavailable('The memory event store was told not to answer.');
    }
    return work();
  }
}

function passes(event: RecordedEvent, filter: EventFilter | undefined): boolean {
  const { types, streamPrefixes } = filter ?? {};
  return (
    (!types || types.includes(event.type)) &&
    (!streamPrefixes || streamPrefixes.some((prefix) => event.stream.startsWith(prefix)))
  );
}
