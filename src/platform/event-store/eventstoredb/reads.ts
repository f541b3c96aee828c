import type { Direction, Filter, ReadAllOptions, ReadStreamOptions } from '@eventstore/db-client';
import { EventStoreUnavailable, StreamDeleted } from '../event-store.errors.js';
import type { Position, RecordedEvent } from '../event-store.port.js';
import type { Connection } from './connection.js';
import type { DormouseClient } from './eventstoredb-client.js';
import { Incoming } from './incoming.js';
import type { EventSource } from './incoming.js';
import { failureType, lostConnection, storeUnavailable } from './store-failures.js';
import { isHidden, positionOf, toRecordedEvent } from './stored-events.js';
import type { StoredEvent } from './stored-events.js';

/** Events that arrive ahead of being asked for, at most. */
export const READ_AHEAD = 128;

/** A part of the global order, events of every kind in it. */
export interface RawPage {
  readonly events: readonly StoredEvent[];
  /** There is nothing beyond. */
  readonly isLast: boolean;
}

/** Everything that is read, with one way of failing. */
export class Reads {
  private readonly open = new Set<Incoming>();

  constructor(
    private readonly connection: Connection,
    private readonly timeoutMs: number,
  ) {}

  /** The events of a stream but for links and the like; one that does not exist is empty. */
  async *stream(name: string, options: ReadStreamOptions = {}): AsyncGenerator<RecordedEvent, void> {
    for await (const events of this.rawStream(name, options)) {
      for (const event of events) if (!isHidden(event)) yield toRecordedEvent(event);
    }
  }

  /** The same with everything that is in it, as it arrives. @throws {StreamDeleted} */
  async *rawStream(name: string, options: ReadStreamOptions): AsyncGenerator<StoredEvent[], void> {
    try {
      yield* this.chunks((client) => client.readStream(name, options, AHEAD));
    } catch (error) {
      const type = failureType(error);
      if (type === 'stream-not-found') return;
      throw type === 'stream-deleted' ? new StreamDeleted(name) : storeUnavailable('read', error);
    }
  }

  /** One event of a stream, of any kind: the first or last one, or that at a revision. */
  async one(name: string, at: 'first' | 'last' | bigint): Promise<StoredEvent | undefined> {
    const options: ReadStreamOptions =
      at === 'last' ? { direction: 'backwards', fromRevision: 'end' } : { fromRevision: at === 'first' ? 'start' : at };
    let found: StoredEvent | undefined;
    for await (const [event] of this.rawStream(name, { ...options, maxCount: 1 })) found = event;
    return found;
  }

  /** Position of the last event of any kind; null while there is none. */
  async head(timeoutMs?: number): Promise<Position | null> {
    const options = { direction: 'backwards', fromPosition: 'end', maxCount: 1 } as const;
    let head: Position | null = null;
    for await (const [last] of this.all(options, timeoutMs)) if (last) head = positionOf(last);
    return head;
  }

  /** Up to `count` events of any kind on one side of a position, exclusive of it. */
  async raw(after: Position | null, count: number, direction: Direction = 'forwards'): Promise<RawPage> {
    const from = after === null ? (direction === 'forwards' ? 'start' : 'end') : positionAt(after);
    // Forwards inclusive of the position: one more is asked for, and the one at the position is left out.
    const options: ReadAllOptions = { direction, fromPosition: from, maxCount: count + (after === null ? 0 : 1) };
    return await pageOf(this.all(options), after, count, direction);
  }

  /** The same, of what a filter lets through: the server sorts out the rest. */
  async filtered(after: Position | null, count: number, direction: Direction, filter: Filter): Promise<RawPage> {
    const read = { from: after, direction, maxCount: count + (after === null ? 0 : 1), filter };
    try {
      return await pageOf(
        this.chunks((client) => client.readFiltered(read, AHEAD)),
        after,
        count,
        direction,
      );
    } catch (error) {
      throw storeUnavailable('read', error);
    }
  }

  /** Ends what is being read. */
  close(): void {
    for (const incoming of this.open) incoming.fail(new EventStoreUnavailable('The event store was closed.'));
  }

  private async *all(options: ReadAllOptions, timeoutMs?: number): AsyncGenerator<StoredEvent[], void> {
    try {
      yield* this.chunks((client) => client.readAll(options, AHEAD), timeoutMs);
    } catch (error) {
      throw storeUnavailable('read', error);
    }
  }

  /** What arrives, as it arrives. The server is told to stop when nobody asks for more. */
  private async *chunks(read: Read, timeoutMs = this.timeoutMs): AsyncGenerator<StoredEvent[], void> {
    const progress = { hasBegun: false };
    try {
      yield* this.attempt(read, timeoutMs, progress);
    } catch (error) {
      // A connection that had died unnoticed is found out by the first that uses it. Another one is made for the next.
      if (progress.hasBegun || !lostConnection(error)) throw error;
      yield* this.attempt(read, timeoutMs, progress);
    }
  }

  private async *attempt(read: Read, timeoutMs: number, progress: { hasBegun: boolean }) {
    const incoming = new Incoming(read(this.connection.client));
    this.open.add(incoming);
    try {
      for (;;) {
        const events = incoming.take(READ_AHEAD);
        progress.hasBegun ||= events.length > 0;
        if (events.length > 0) yield events;
        else if (incoming.hasEnded()) break;
        else await incoming.next(timeoutMs);
      }
      this.connection.answered();
    } catch (error) {
      const isAnswer = failureType(error)?.startsWith('stream-');
      if (!isAnswer) this.connection.failed(error);
      throw error;
    } finally {
      this.open.delete(incoming);
      incoming.cancel();
    }
  }
}

const positionAt = (position: Position) => ({ commit: BigInt(position), prepare: BigInt(position) });

/** What of a read lies beyond a position, which may or may not be part of it. */
async function pageOf(
  chunks: AsyncIterable<StoredEvent[]>,
  after: Position | null,
  count: number,
  direction: Direction,
): Promise<RawPage> {
  const events: StoredEvent[] = [];
  for await (const chunk of chunks) {
    for (const event of chunk) {
      const position = positionOf(event);
      const isBeyond = after === null || (direction === 'forwards' ? position > after : position < after);
      if (isBeyond && events.length < count) events.push(event);
    }
  }
  return { events, isLast: events.length < count };
}

type Read = (client: DormouseClient) => EventSource;

const AHEAD = { highWaterMark: READ_AHEAD };
