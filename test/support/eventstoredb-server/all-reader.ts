import { placeOf } from './event-log.js';
import type { EventLog, WrittenEvent } from './event-log.js';
import type { StoredEvent } from './records.js';
import { linksOf } from './system-streams.js';
import type { SystemStreams } from './system-streams.js';

/** Which events of the global order are wanted. */
export type Predicate = (stream: string, type: string) => boolean;

/** One position of the global order, taken or not. */
export interface AllEntry {
  readonly position: number;
  /** Undefined: it is not wanted. */
  readonly event: StoredEvent | undefined;
}

/** So many written events are looked at at a time. */
const PAGE_EVENTS = 256;

/** The global order: what was written, each event followed by the links that system projections make of it. */
export class AllReader {
  constructor(
    private readonly log: EventLog,
    private readonly system: SystemStreams,
  ) {}

  /** Position of the last entry; 0 when there is none. */
  get head(): number {
    const last = this.log.page(this.log.head, 'backwards', 1).events.at(-1);
    return last ? (linksOf(last).at(-1)?.position ?? last.position) : 0;
  }

  /** Some of the entries after a position, exclusive, in order; none at the end. */
  after(position: number, wanted: Predicate): AllEntry[] {
    // The links of the event at this position may still be to come.
    for (let place = Math.max(1, placeOf(position)); place <= this.log.head;) {
      const { events, end } = this.log.page(place, 'forwards', PAGE_EVENTS);
      const entries: AllEntry[] = [];
      for (const event of events) this.addEntries(event, position, wanted, entries);
      if (entries.length > 0) return entries;
      place = end + 1;
    }
    return [];
  }

  /** Some of the entries before a position, exclusive, the last one first; none at the beginning. */
  before(position: number, wanted: Predicate): AllEntry[] {
    for (let place = Math.min(this.log.head, placeOf(position)); place >= 1;) {
      const { events, end } = this.log.page(place, 'backwards', PAGE_EVENTS);
      const entries: AllEntry[] = [];
      for (const event of [...events].reverse()) this.addEntries(event, 0, wanted, entries);
      const before = entries.filter((entry) => entry.position < position).reverse();
      if (before.length > 0) return before;
      place = end - 1;
    }
    return [];
  }

  private addEntries(event: WrittenEvent, after: number, wanted: Predicate, entries: AllEntry[]): void {
    if (event.position > after) {
      entries.push({ position: event.position, event: wanted(event.stream, event.type) ? event : undefined });
    }
    for (const link of linksOf(event)) {
      if (link.position <= after) continue;
      const isWanted = wanted(link.stream, link.type);
      entries.push({ position: link.position, event: isWanted ? this.system.toEvent(link, event) : undefined });
    }
  }
}
