import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AllStreamSubscription } from '@eventstore/db-client';
import { messageOf } from '../../errors.js';
import { EventStoreUnavailable, SubscriptionDropped } from '../event-store.errors.js';
import type { EventBatch, Position, RecordedEvent, SubscribeOptions } from '../event-store.port.js';
import type { Connection } from './connection.js';
import { Incoming } from './incoming.js';
import { READ_AHEAD } from './reads.js';
import type { Reads } from './reads.js';
import { serverFilterOf } from './server-filter.js';
import type { ServerFilter } from './server-filter.js';
import { storeUnavailable } from './store-failures.js';
import { exactNumber, passesFilter, positionOf, toRecordedEvent } from './stored-events.js';
import type { StoredEvent } from './stored-events.js';

/** How a subscription looks beyond what the server sends it. Milliseconds. */
const LOOK = {
  /** After somebody asked for the head: who waits for a view to get there waits about so long. */
  soonMs: 10,
  /** After an event became known that may come by itself. */
  laterMs: 1_000,
  /** Looks at so many events; the server tells of each 32 that it has left out. */
  events: 256,
};

export interface FeedContext {
  readonly connection: Connection;
  readonly reads: Reads;
  /** A subscription that the server has not confirmed by then is dropped. */
  readonly timeoutMs: number;
}

/**
 * One subscription: what the server sends, in batches, as fast as they are taken and no faster.
 *
 * The server is silent about the last events that its filter leaves out, so on a quiet store a subscription would stay
 * behind the head, and whoever waits for it to get there would wait for ever. When an event beyond is known of and
 * nothing comes, the feed looks for itself: when nothing between is let through, that is how far it is.
 */
export class Feed {
  private readonly signal: AbortSignal;
  private readonly incoming: Incoming;
  private readonly passes: (event: StoredEvent) => boolean;
  private readonly serverFilter: ServerFilter;
  private readonly confirmation: NodeJS.Timeout;
  private readonly batchSize: number;
  private position: Position | null;
  /** The server has left out everything up to here that it has not sent. Holds once all that was sent is taken. */
  private checkpoint: Position = -1;
  /** Nothing that is let through lies between `position` and here. Holds at any time. */
  private lookedTo: Position = -1;
  /** The last event that is known of. */
  private known: Position = -1;
  private caughtUp = false;
  private wasLive = false;
  private taken = 0;
  private waiting = false;
  private dropped: SubscriptionDropped | undefined;
  private closed = false;
  private nextLook: { readonly timer: NodeJS.Timeout; readonly isSoon: boolean } | undefined;
  private looking = false;

  constructor(
    private readonly context: FeedContext,
    { after, filter, signal, batchSize }: SubscribeOptions & { readonly batchSize: number },
  ) {
    this.signal = signal;
    this.position = after;
    this.batchSize = batchSize;
    this.passes = passesFilter(filter);
    this.serverFilter = serverFilterOf(filter);
    const subscription = this.open(after);
    this.incoming = new Incoming(subscription);
    this.confirmation = setTimeout(() => this.drop('it was not confirmed in time.'), context.timeoutMs);
    subscription.on('confirmation', () => {
      clearTimeout(this.confirmation);
      context.connection.answered();
    });
    subscription.on('caughtUp', () => this.setCaughtUp(true));
    subscription.on('fellBehind', () => this.setCaughtUp(false));
    signal.addEventListener('abort', this.onAbort);
    // Servers before 23.10 do not tell when a subscription has caught up: then a look does.
    this.lookIn(false);
  }

  /** The next batch; undefined once the signal has aborted. @throws what has ended the subscription */
  async next(): Promise<EventBatch | undefined> {
    while (!this.signal.aborted) {
      if (this.dropped !== undefined) throw this.dropped;
      const batch = this.takeBatch();
      if (batch) return batch;
      if (this.incoming.hasEnded()) throw new SubscriptionDropped('EventStoreDB ended it.');
      this.waiting = true;
      await this.incoming.next();
      this.waiting = false;
      // What arrives at the same time is handed over together.
      await nextTurn();
    }
    return undefined;
  }

  /** Tells of an event that exists. @param isWanted somebody may be waiting for this subscription to get there */
  notice(position: Position, isWanted: boolean): void {
    this.known = Math.max(this.known, position);
    if (position > this.reached) this.lookIn(isWanted);
  }

  /** Ends the subscription with an error. */
  drop(reason: string): void {
    this.dropped ??= new SubscriptionDropped(reason);
    this.incoming.ring();
  }

  /** The subscription ended with this; says so to the connection and gives what to throw. */
  failureOf(error: unknown): SubscriptionDropped {
    if (error instanceof SubscriptionDropped) return error;
    this.context.connection.failed(error);
    return new SubscriptionDropped(storeUnavailable('go on with it', error).message, { cause: error });
  }

  close(): void {
    this.closed = true;
    this.signal.removeEventListener('abort', this.onAbort);
    clearTimeout(this.confirmation);
    clearTimeout(this.nextLook?.timer);
    this.incoming.cancel();
  }

  private readonly onAbort = (): void => this.incoming.ring();

  private open(after: Position | null): AllStreamSubscription {
    const fromPosition = after === null ? ('start' as const) : { commit: BigInt(after), prepare: BigInt(after) };
    const checkpointReached = (_: unknown, { commit }: { commit: bigint }) => this.reach(commit);
    const filter = { ...this.serverFilter.filter, checkpointReached };
    return this.context.connection.client.subscribeToAll({ fromPosition, filter }, { highWaterMark: READ_AHEAD });
  }

  /** Must not throw: the client would stop to deliver, without a word. */
  private reach(commit: bigint): void {
    try {
      this.checkpoint = exactNumber(commit, 'the checkpoint');
      this.incoming.ring();
    } catch (error) {
      this.drop(messageOf(error));
    }
  }

  private setCaughtUp(caughtUp: boolean): void {
    this.caughtUp = caughtUp;
    this.incoming.ring();
  }

  /** What has arrived, if that is anything. */
  private takeBatch(): EventBatch | undefined {
    const raw = this.incoming.take(this.batchSize);
    this.taken += raw.length;
    const events: RecordedEvent[] = [];
    for (const event of raw) if (this.passes(event)) events.push(toRecordedEvent(event));
    const last = raw.at(-1);
    const isDrained = this.incoming.isEmpty;
    const reached = Math.max(this.reached, last ? positionOf(last) : -1, isDrained ? this.checkpoint : -1);
    const position = reached < 0 ? null : reached;
    const live = this.caughtUp && isDrained;
    const isNews = events.length > 0 || position !== this.position || (live && !this.wasLive);
    this.position = position;
    this.wasLive = live;
    return isNews ? { events, position, live } : undefined;
  }

  /** Everything up to here was handed over or is left out, -1 for nothing yet. */
  private get reached(): Position {
    return Math.max(this.position ?? -1, this.lookedTo);
  }

  private lookIn(isSoon: boolean): void {
    if (this.closed || (this.nextLook && (this.nextLook.isSoon || !isSoon))) return;
    clearTimeout(this.nextLook?.timer);
    const timer = setTimeout(() => void this.look(), isSoon ? LOOK.soonMs : LOOK.laterMs).unref();
    this.nextLook = { timer, isSoon };
  }

  /** Looks whether anything lies between here and the last event that is known of. */
  private async look(): Promise<void> {
    this.nextLook = undefined;
    if (this.looking) return this.lookIn(true);
    this.looking = true;
    let isFarther = false;
    try {
      if (this.isQuiet() && (!this.caughtUp || this.known > this.reached)) isFarther = await this.lookOnce();
    } catch (error) {
      // A store that does not answer has been told of; the subscription has its own way of ending, or goes on.
      if (!(error instanceof EventStoreUnavailable)) this.drop(messageOf(error));
    }
    this.looking = false;
    if (!this.caughtUp || this.known > this.reached) this.lookIn(isFarther);
  }

  /** @returns whether there is more to look at */
  private async lookOnce(): Promise<boolean> {
    const { reached, taken } = this;
    const { events, isLast } = await this.context.reads.raw(reached < 0 ? null : reached, LOOK.events);
    const next = events.findIndex((event) => this.serverFilter.passes(event));
    const last = next === -1 ? events.at(-1) : events[next - 1];
    if (last) this.lookedTo = Math.max(this.lookedTo, positionOf(last));
    if (next === -1 && isLast && this.isQuiet() && this.taken === taken) this.caughtUp = true;
    this.incoming.ring();
    return next === -1 && !isLast;
  }

  /** Whoever takes the batches waits for one, and there is none. */
  private isQuiet(): boolean {
    return this.waiting && this.incoming.isEmpty;
  }
}
