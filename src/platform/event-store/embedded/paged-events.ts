import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RecordedEvent } from '../event-store.port.js';

/** Some of the events, and whether there are none after them. */
export interface EventPage {
  readonly events: readonly RecordedEvent[];
  readonly isLast: boolean;
}

/**
 * Events one by one, read page by page as they are asked for. Between pages others have a turn.
 *
 * Written by hand because an async generator goes three times through the queue of microtasks for each event, which
 * takes a tenth of the whole time of a replay.
 */
export class PagedEvents implements AsyncIterable<RecordedEvent> {
  /** @param open begins a new reading: gives a function that reads its next page, until the last one */
  constructor(private readonly open: () => () => EventPage) {}

  [Symbol.asyncIterator](): AsyncIterator<RecordedEvent, undefined> {
    const readPage = this.open();
    let page: EventPage | undefined;
    let index = 0;

    const isUsedUp = () => page !== undefined && index >= page.events.length;

    /** Moves on by one. All of it happens at once, so that calls that overlap still get one event each, in order. */
    const advance = (): IteratorResult<RecordedEvent, undefined> => {
      if (page === undefined || (isUsedUp() && !page.isLast)) {
        page = readPage();
        index = 0;
      }
      const event = page.events[index++];
      return event ? { done: false, value: event } : { done: true, value: undefined };
    };

    return {
      async next() {
        if (isUsedUp() && !page?.isLast) await nextTurn();
        return advance();
      },
      return() {
        page = { events: [], isLast: true };
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}
