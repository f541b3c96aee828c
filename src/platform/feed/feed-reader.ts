import { Injectable } from '@nestjs/common';
import { PublicEvents } from '../contracts/public-events.js';
import type { CloudEvent, EventSelection } from '../contracts/public-events.js';
import { EventNotReadable } from '../event-store/event-codec.js';
import { EventStore } from '../event-store/event-store.port.js';
import type { EventBatch, EventFilter, Position, RecordedEvent } from '../event-store/event-store.port.js';
import { PositionTokens } from '../event-store/position-tokens.js';

/** So many parts of the history without a selected event are passed over before an empty page is handed over. */
const MOST_READS = 20;

/** A published event, with where it is in the store. */
export interface FeedEvent {
  readonly position: Position;
  readonly event: CloudEvent;
}

/** Some of the selected events, in global order. */
export interface FeedPage {
  readonly events: readonly FeedEvent[];
  /** Go on after it; it moves on over what was not selected. Null: nothing is stored yet. */
  readonly position: Position | null;
  /** True when nothing was stored beyond this page at the moment it was read. */
  readonly live: boolean;
  /** The event after this page, when it cannot be read by this program. It is never passed over. */
  readonly blockedBy: EventNotReadable | undefined;
}

export interface FeedRead {
  /** Exclusive; null is the beginning. */
  readonly after: Position | null;
  readonly selection: EventSelection;
  /** At most so many events. */
  readonly limit: number;
}

/**
 * The feed, page by page, straight from the event store.
 *
 * ```ts
 * let { events, position, live } = await reader.read({ after: null, selection: {}, limit: 100 });
 * ```
 */
@Injectable()
export class FeedReader {
  constructor(
    private readonly events: EventStore,
    private readonly published: PublicEvents,
    private readonly tokens: PositionTokens,
  ) {}

  /**
   * A page; empty and not live when much was passed over without finding anything, so that it takes a bounded time.
   *
   * @throws {InvalidInput} a selection of what is not published @throws {EventStoreUnavailable}
   */
  async read({ after, selection, limit }: FeedRead): Promise<FeedPage> {
    const filter = this.published.filterOf(selection);
    const selects = this.published.matcher(selection);
    const tokenOf = await this.tokens.encoder();
    let page = this.pageOf(await this.events.readAll({ after, limit, filter }), after, selects, tokenOf);
    for (let reads = 1; reads < MOST_READS && isWorthAnother(page); reads++) {
      const from = page.position;
      page = this.pageOf(await this.batch(from, limit, filter), from, selects, tokenOf);
    }
    return page;
  }

  private batch(after: Position | null, limit: number, filter: EventFilter): Promise<EventBatch> {
    return this.events.readAll({ after, limit, filter });
  }

  private pageOf(
    batch: EventBatch,
    after: Position | null,
    selects: (event: RecordedEvent) => boolean,
    tokenOf: (position: Position) => string,
  ): FeedPage {
    const events: FeedEvent[] = [];
    let passed = after;
    for (const recorded of batch.events) {
      const { position } = recorded;
      try {
        const event = selects(recorded) ? this.published.cloudEvent(recorded, tokenOf(position)) : undefined;
        if (event) events.push({ position, event });
      } catch (error) {
        if (!(error instanceof EventNotReadable)) throw error;
        return { events, position: passed, live: false, blockedBy: error };
      }
      passed = position;
    }
    return { events, position: batch.position, live: batch.live, blockedBy: undefined };
  }
}

function isWorthAnother({ events, live, blockedBy }: FeedPage): boolean {
  return events.length === 0 && !live && blockedBy === undefined;
}
