import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../../src/platform/json.js';
import type {
  EventBatch,
  EventStore,
  NewEvent,
  RecordedEvent,
  SubscribeOptions,
} from '../../../src/platform/event-store/event-store.port.js';
import { collect } from '../../support/collect.js';

/** A store under test, which may hold anything already. */
export interface StoreFixture {
  readonly store: EventStore;
  /** Closes the store and opens the same history again. */
  readonly reopen: () => Promise<EventStore>;
  /** Closes whatever is open and removes what was made. */
  readonly close: () => Promise<void>;
}

export type MakeStore = () => Promise<StoreFixture>;

/** A stream name that nobody else uses. */
export function newStream(category = 'conformance'): string {
  return `${category}-${randomUUID()}`;
}

/** An event with a new id, correlation and causation. */
export function newEvent(data: JsonObject = { some: 'thing' }, type = 'SomethingHappened'): NewEvent {
  return {
    id: randomUUID(),
    type,
    data,
    metadata: {
      $correlationId: randomUUID(),
      $causationId: randomUUID(),
      schema_version: 1,
      time: '2026-01-02T03:04:05.678Z',
      actor: 'conformance',
      command_id: randomUUID(),
    },
  };
}

/** `count` events, numbered in their data. */
export function newEvents(count: number, type?: string): NewEvent[] {
  return Array.from({ length: count }, (_, number) => newEvent({ number }, type));
}

export function idsOf(events: readonly NewEvent[]): string[] {
  return events.map(({ id }) => id);
}

/** Ids of a stream's events, in order. */
export async function idsIn(store: EventStore, stream: string): Promise<string[]> {
  return idsOf(await collect(store.readStream(stream)));
}

/** Everything after a position that the filter lets through, read page by page. */
export async function readEverything(
  store: EventStore,
  options: Pick<SubscribeOptions, 'after' | 'filter'> & { limit?: number },
): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  let { after } = options;
  for (;;) {
    const batch = await store.readAll({ limit: 50, ...options, after });
    events.push(...batch.events);
    if (batch.live) return events;
    after = batch.position;
  }
}

/** What a subscription has handed over so far. */
export interface Followed {
  readonly events: RecordedEvent[];
  readonly batches: EventBatch[];
}

/** Follows a subscription until `enough` holds, aborts it, and gives what it handed over once it has ended. */
export async function follow(
  store: EventStore,
  options: Omit<SubscribeOptions, 'signal'>,
  enough: (followed: Followed) => boolean,
): Promise<Followed> {
  const stop = new AbortController();
  const followed: Followed = { events: [], batches: [] };
  for await (const batch of store.subscribe({ ...options, signal: stop.signal })) {
    followed.batches.push(batch);
    followed.events.push(...batch.events);
    if (enough(followed)) stop.abort();
  }
  return followed;
}
