import { setImmediate as nextTurn } from 'node:timers/promises';
import { SubscriptionDropped } from '../event-store/event-store.errors.js';
import type { EventBatch, EventFilter, EventStore, Position } from '../event-store/event-store.port.js';
import { pause, rejectOnAbort } from './pause.js';
import type { ProjectionSession } from './projection-session.js';
import { filterOf } from './projection.js';

/** Somebody who takes the events as they come, and how. */
export interface Follower {
  readonly events: EventStore;
  readonly filter: EventFilter;
  readonly batchSize: number;
  /** A subscription that has been silent for so long is looked after, milliseconds. */
  readonly stallAfterMs: number;
  /** How far it has come. */
  position(): Position | null;
  /** The next batch; the one after it waits. */
  apply(batch: EventBatch): Promise<void> | void;
  /** During a silence: nothing for it has happened up to the position of this batch, which is empty. */
  passOver(batch: EventBatch): Promise<void> | void;
}

/**
 * Follows the events live and applies them, from where the session's documents are, until something ends it. Every way
 * that a subscription can end is an error here, silence included.
 *
 * @param onBatch told after each batch that has been applied
 * @throws {SubscriptionDropped} or what the stores threw, or the reason of the session's signal
 */
export async function followEvents(session: ProjectionSession, onBatch: (batch: EventBatch) => void): Promise<never> {
  const { events, options } = session.context;
  const { batchSize, stallAfterMs } = options;
  const follower: Follower = {
    events,
    filter: filterOf(session.projection),
    batchSize,
    stallAfterMs,
    position: () => session.active.readTo,
    apply: async (batch) => {
      await session.applyLive(batch);
      onBatch(batch);
    },
    passOver: async (batch) => {
      await session.applyLive(batch);
      await session.flush();
    },
  };
  try {
    return await follow(follower, session.signal);
  } finally {
    await session.settled();
  }
}

/**
 * One subscription, from where the follower is, until something ends it. Every way that it can end is an error here,
 * silence included.
 *
 * @throws {SubscriptionDropped} or what the store or the follower threw, or the reason of the signal
 */
export async function follow(follower: Follower, until: AbortSignal): Promise<never> {
  const own = new AbortController();
  const signal = AbortSignal.any([until, own.signal]);
  const subscription = new Subscription(follower, signal);
  try {
    return await Promise.race([subscription.consume(), subscription.watch(), rejectOnAbort(signal)]);
  } finally {
    own.abort(new SubscriptionDropped('it is not followed any more.'));
  }
}

class Subscription {
  /** Batches received so far. */
  private received = 0;
  private applying = false;

  constructor(
    private readonly follower: Follower,
    private readonly signal: AbortSignal,
  ) {}

  async consume(): Promise<never> {
    const { events, filter, batchSize } = this.follower;
    const after = this.follower.position();
    for await (const batch of events.subscribe({ after, filter, signal: this.signal, batchSize })) {
      this.signal.throwIfAborted();
      this.received++;
      this.applying = true;
      await this.follower.apply(batch);
      this.applying = false;
      await nextTurn();
    }
    this.signal.throwIfAborted();
    throw new SubscriptionDropped('the event store ended it.');
  }

  /**
   * Looks after a subscription that has been silent. An event that it still has not handed over one look later means
   * that it has stalled; when there is none, the follower is as far as was looked.
   */
  async watch(): Promise<never> {
    let seen = -1;
    let overdue: Position | undefined;
    for (;;) {
      await pause(this.follower.stallAfterMs, this.signal);
      this.signal.throwIfAborted();
      const silent = this.received === seen && !this.applying;
      seen = this.received;
      if (!silent) {
        overdue = undefined;
        continue;
      }
      if (overdue !== undefined) throw new SubscriptionDropped(`it does not hand over the event at ${overdue}.`);
      overdue = await this.look();
    }
  }

  /** Position of the first event that has not been received; without one, the follower moves on to where that is known. */
  private async look(): Promise<Position | undefined> {
    const { received, follower } = this;
    const page = await follower.events.readAll({ after: follower.position(), limit: 1, filter: follower.filter });
    if (this.received !== received) return undefined;
    const [first] = page.events;
    if (first) return first.position;
    await follower.passOver({ ...page, events: [] });
    return undefined;
  }
}
