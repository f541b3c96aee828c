import type { Logger } from 'pino';
import type { PublicEvents } from '../contracts/public-events.js';
import { messageOf } from '../errors.js';
import { EventNotReadable } from '../event-store/event-codec.js';
import type { EventStore, Position, RecordedEvent } from '../event-store/event-store.port.js';
import { OutageReasons } from '../observability/outage-reasons.js';
import { backoff, pause } from '../projections/pause.js';
import { follow } from '../projections/subscription.js';
import { eventFrame } from './frames.js';
import type { RingEntry } from './frame-ring.js';
import { positionOf } from './reached.js';
import type { Reached, TokenOf } from './reached.js';

export interface TailOptions {
  readonly batchSize: number;
  readonly stallAfterMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
}

export interface TailContext {
  readonly events: EventStore;
  readonly published: PublicEvents;
  readonly log: Logger;
  readonly options: TailOptions;
}

/** Who takes what the tail reads. */
export interface TailTarget {
  /** How far it has come. */
  reached(): Reached;
  /** @param end everything up to here is in `entries`, or is not published */
  take(entries: readonly RingEntry[], end: Reached, newest: RecordedEvent | undefined): void;
  /** The events cannot be had at the moment; said once for each outage. */
  away(): void;
}

/**
 * The one subscription that all clients of an instance live on: follows all published events until the signal aborts,
 * however often the store drops it.
 *
 * @param tokenOf makes a position's token
 */
export async function followTail(
  context: TailContext,
  target: TailTarget,
  tokenOf: TokenOf,
  signal: AbortSignal,
): Promise<void> {
  const { events, published, log, options } = context;
  const outage = new OutageReasons();
  let failures = 0;
  const follower = {
    events,
    filter: published.filterOf({}),
    ...options,
    position: () => positionOf(target.reached()),
    apply: (batch: { readonly events: readonly RecordedEvent[]; readonly position: Position | null }) => {
      failures = 0;
      if (outage.over()) log.info('feed.resumed');
      const entries = batch.events.flatMap((recorded) => entryOf(recorded, published, tokenOf) ?? []);
      target.take(entries, batch.position ?? target.reached(), batch.events.at(-1));
    },
    passOver: ({ position }: { readonly position: Position | null }) => {
      target.take([], position ?? target.reached(), undefined);
    },
  };
  while (!signal.aborted) {
    try {
      await follow(follower, signal);
    } catch (error) {
      if (signal.aborted) return;
      failures++;
      const line = { error: messageOf(error), failures };
      const isNews = outage.isNews(line.error);
      log[isNews ? 'warn' : 'debug'](line, 'feed.waiting');
      if (isNews) target.away();
      await pause(backoff(failures, options), signal);
    }
  }
}

function entryOf(recorded: RecordedEvent, published: PublicEvents, tokenOf: TokenOf): RingEntry | undefined {
  const { position, type, stream } = recorded;
  try {
    const event = published.cloudEvent(recorded, tokenOf(position));
    return event && { position, type, stream, frame: Buffer.from(eventFrame(event)) };
  } catch (error) {
    if (!(error instanceof EventNotReadable)) throw error;
    return { position, type, stream, frame: error };
  }
}
