import { v5 as uuidV5 } from 'uuid';
import { placeOf } from './event-log.js';
import type { EventLog, WrittenEvent } from './event-log.js';
import { BINARY_CONTENT, LINK, STREAM_REFERENCE } from './records.js';
import type { StoredEvent } from './records.js';

/** A link that the system projections make of an event, before it is known where in its stream it stands. */
export interface Link {
  readonly stream: string;
  readonly type: typeof LINK | typeof STREAM_REFERENCE;
  readonly data: string;
  /** Position in the global order, in the gap after the event's own. */
  readonly position: number;
}

/** So many events are taken into the index at a time. */
const SCAN_EVENTS = 1_000;

/** Links have no ids of their own here: they are made from those of their events. */
const LINK_IDS = 'b1f1d5d4-3a52-4d0c-9d6c-2f6f0e0f3c11';

/** True for the names of streams that system projections write. */
export function isProjected(stream: string): boolean {
  return /^\$(?:ce-|et-|bc-|category-|streams$)/.test(stream);
}

/** The links of an event, in the order in which they follow it. Events of the system have none. */
export function linksOf(event: WrittenEvent): Link[] {
  if (event.type.startsWith('$') || event.stream.startsWith('$')) return [];
  const links: Link[] = [];
  const add = (stream: string, type: Link['type'], data: string) => {
    links.push({ stream, type, data, position: event.position + links.length + 1 });
  };
  const target = `${event.revision}@${event.stream}`;
  const dash = event.stream.indexOf('-');
  const category = dash > 0 ? event.stream.slice(0, dash) : undefined;
  if (category !== undefined) add(`$ce-${category}`, LINK, target);
  add(`$et-${event.type}`, LINK, target);
  if (event.correlationId !== undefined) add(`$bc-${event.correlationId}`, LINK, target);
  if (event.revision === 0n) {
    add('$streams', STREAM_REFERENCE, target);
    if (category !== undefined) add(`$category-${category}`, STREAM_REFERENCE, event.stream);
  }
  return links;
}

/**
 * What EventStoreDB's system projections write: `$ce-<category>`, `$et-<type>`, `$bc-<correlation id>`, `$streams` and
 * `$category-<category>`. The links are not stored: all of them follow from the events, each in the gap of positions
 * after its event. Only which events are in which stream is kept, in memory, and only once somebody asks.
 */
export class SystemStreams {
  /** Places of the events in each stream, in order. */
  private readonly places = new Map<string, number[]>();
  private indexedTo = 0;

  constructor(private readonly log: EventLog) {}

  /** Number of links in a stream now. */
  lengthOf(stream: string): number {
    this.catchUp();
    return this.places.get(stream)?.length ?? 0;
  }

  /** The link at a revision of a stream; undefined beyond its end. */
  at(stream: string, revision: number): StoredEvent | undefined {
    this.catchUp();
    const place = this.places.get(stream)?.[revision];
    if (place === undefined) return undefined;
    const [source] = this.log.page(place, 'forwards', 1).events;
    const link = source && linksOf(source).find((candidate) => candidate.stream === stream);
    return source && link && toEvent(link, source, revision);
  }

  /** A link of an event that is at hand. */
  toEvent(link: Link, source: WrittenEvent): StoredEvent {
    this.catchUp();
    return toEvent(link, source, indexIn(this.places.get(link.stream) ?? [], placeOf(source.position)));
  }

  private catchUp(): void {
    while (this.indexedTo < this.log.head) {
      const { events, end } = this.log.page(this.indexedTo + 1, 'forwards', SCAN_EVENTS);
      for (const event of events) this.note(event);
      this.indexedTo = end;
    }
  }

  private note(event: WrittenEvent): void {
    const place = placeOf(event.position);
    for (const { stream } of linksOf(event)) {
      const places = this.places.get(stream);
      if (places) places.push(place);
      else this.places.set(stream, [place]);
    }
  }
}

function toEvent(link: Link, source: WrittenEvent, revision: number): StoredEvent {
  return {
    id: uuidV5(`${link.stream}/${source.position}`, LINK_IDS),
    type: link.type,
    contentType: BINARY_CONTENT,
    data: Buffer.from(link.data),
    metadata: Buffer.from(JSON.stringify({ $o: source.stream, $causedBy: source.id })),
    stream: link.stream,
    revision: BigInt(revision),
    position: link.position,
    created: source.created,
  };
}

/** Where a number stands in an ascending list. */
function indexIn(ascending: readonly number[], value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? Infinity) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
