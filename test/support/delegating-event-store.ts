import { EventStore } from '../../src/platform/event-store/event-store.port.js';
import type {
  AppendResult,
  EventBatch,
  ExpectedRevision,
  NewEvent,
  Position,
  ReadAllOptions,
  ReadStreamOptions,
  RecordedEvent,
  SubscribeOptions,
} from '../../src/platform/event-store/event-store.port.js';

/** Hands everything on to another store; a test overrides what is to go wrong on the way. */
export class DelegatingEventStore extends EventStore {
  constructor(protected readonly inner: EventStore) {
    super();
  }

  get kind(): string {
    return this.inner.kind;
  }

  identity(): Promise<string> {
    return this.inner.identity();
  }

  append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<AppendResult> {
    return this.inner.append(stream, events, expected);
  }

  readStream(stream: string, options?: ReadStreamOptions): AsyncIterable<RecordedEvent> {
    return this.inner.readStream(stream, options);
  }

  findEvent(stream: string, eventId: string): Promise<RecordedEvent | undefined> {
    return this.inner.findEvent(stream, eventId);
  }

  readAll(options: ReadAllOptions): Promise<EventBatch> {
    return this.inner.readAll(options);
  }

  subscribe(options: SubscribeOptions): AsyncIterable<EventBatch> {
    return this.inner.subscribe(options);
  }

  head(): Promise<Position | null> {
    return this.inner.head();
  }

  ping(): Promise<void> {
    return this.inner.ping();
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
