import { EventStoreUnavailable } from '../event-store.errors.js';
import type { EventBatch, Position, ReadAllOptions } from '../event-store.port.js';
import type { RawPage, Reads } from './reads.js';
import { serverFilterOf } from './server-filter.js';
import { isConnectionTrouble } from './store-failures.js';
import { passesFilter, positionOf, toRecordedEvent } from './stored-events.js';

/** Without the server's filter a page looks at so many events of any kind, so that it takes a bounded time. */
const WINDOW_EVENTS = 2_000;

/** After a filtered read has failed, so long (ms) none is tried. */
const UNFILTERED_MS = 60_000;

/** What of {@link Reads} makes pages. */
export type PageReads = Pick<Reads, 'filtered' | 'raw'>;

/** The global order, page by page. */
export class Pages {
  /** Until then (by performance.now()) the filtering is done here. */
  private unfilteredUntil = -Infinity;

  /**
   * @param known position of the last event that is known of, null for none
   * @param head the same, asked of the server
   */
  constructor(
    private readonly reads: PageReads,
    private readonly known: () => Position | null,
    private readonly head: () => Promise<Position | null>,
  ) {}

  /**
   * A page, see the port. The server filters. It is silent while it looks through what it leaves out, which may be all
   * of a long history: when a filtered read fails for want of an answer, everything is read and filtered here, a bounded
   * part of it a page, which gets on however rare the wanted events are.
   */
  async read(options: ReadAllOptions): Promise<EventBatch> {
    if (performance.now() < this.unfilteredUntil) return await this.readWindow(options);
    try {
      return await (options.direction === 'backwards' ? this.readBackwards(options) : this.readForwards(options));
    } catch (error) {
      if (!(error instanceof EventStoreUnavailable) || isConnectionTrouble(error.cause)) throw error;
      this.unfilteredUntil = performance.now() + UNFILTERED_MS;
      return await this.readWindow(options);
    }
  }

  private async readForwards(options: ReadAllOptions): Promise<EventBatch> {
    const { after, limit, filter } = options;
    // What was there before the read began has been looked at when the read ends.
    const known = this.known() ?? -1;
    const there = known > (after ?? -1) ? known : ((await this.head()) ?? -1);
    if (there <= (after ?? -1)) return { events: [], position: after, live: true };
    const page = await this.reads.filtered(after, limit, 'forwards', serverFilterOf(filter).filter);
    const batch = toBatch(page, options);
    return batch.live ? { ...batch, position: Math.max(there, batch.position ?? -1) } : batch;
  }

  private async readBackwards(options: ReadAllOptions): Promise<EventBatch> {
    const { after, limit, filter } = options;
    const page = await this.reads.filtered(after, limit, 'backwards', serverFilterOf(filter).filter);
    return toBatch(page, options);
  }

  private async readWindow(options: ReadAllOptions): Promise<EventBatch> {
    return toBatch(await this.reads.raw(options.after, WINDOW_EVENTS, options.direction), options);
  }
}

/** The events of a page that are wanted, up to the limit; behind that, nothing has been looked at. */
function toBatch({ events: raw, isLast }: RawPage, { after, limit, filter }: ReadAllOptions): EventBatch {
  const wanted = raw.filter(passesFilter(filter));
  const events = wanted.slice(0, limit);
  const last = wanted.length > limit ? wanted[limit - 1] : raw.at(-1);
  const position = last ? positionOf(last) : after;
  return { events: events.map(toRecordedEvent), position, live: isLast && wanted.length <= limit };
}
