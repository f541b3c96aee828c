import { setImmediate as nextTurn } from 'node:timers/promises';
import { SubscriptionDropped } from '../event-store/event-store.errors.js';
import type { EventBatch, Position } from '../event-store/event-store.port.js';
import { pause, rejectOnAbort } from './pause.js';
import type { ProjectionContext } from './projection-options.js';
import type { ProjectionSession } from './projection-session.js';
import { filterOf } from './projection.js';

/**
 * Follows the events live and applies them, from where the session's documents are, until something ends it. Every way
 * that a subscription can end is an error here, silence included.
 *
 * @param onBatch told after each batch that has been applied
 * @throws {SubscriptionDropped} or what the stores threw, or the reason of the session's signal
 */
export async function followEvents(session: ProjectionSession, onBatch: (batch: EventBatch) => void): Promise<never> {
  const own = new AbortController();
  const signal = AbortSignal.any([session.signal, own.signal]);
  const subscription = new Subscription(session, signal, onBatch);
  try {
    return await Promise.race([subscription.consume(), subscription.watch(), rejectOnAbort(signal)]);
  } finally {
    own.abort(new SubscriptionDropped('it is not followed any more.'));
    await session.settled();
  }
}

class Subscription {
  private readonly context: ProjectionContext;
  /** Batches received so far. */
  private received = 0;
  private applying = false;

  constructor(
    private readonly session: ProjectionSession,
    private readonly signal: AbortSignal,
    private readonly onBatch: (batch: EventBatch) => void,
  ) {
    this.context = session.context;
  }

  async consume(): Promise<never> {
    const { events, options } = this.context;
    const filter = filterOf(this.session.projection);
    const after = this.session.active.readTo;
    for await (const batch of events.subscribe({ after, filter, signal: this.signal, batchSize: options.batchSize })) {
      this.signal.throwIfAborted();
      this.received++;
      this.applying = true;
      await this.session.applyLive(batch);
      this.applying = false;
      this.onBatch(batch);
      await nextTurn();
    }
    this.signal.throwIfAborted();
    throw new SubscriptionDropped('the event store ended it.');
  }

  /**
   * Looks after a subscription that has been silent. An event that it still has not handed over one look later means
   * that it has stalled; when there is none, the view is as far as was looked.
   */
  async watch(): Promise<never> {
    let seen = -1;
    let overdue: Position | undefined;
    for (;;) {
      await pause(this.context.options.stallAfterMs, this.signal);
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

  /** Position of the first event that has not been received; without one, the view moves on to where that is known. */
  private async look(): Promise<Position | undefined> {
    const { received, session } = this;
    const filter = filterOf(session.projection);
    const page = await this.context.events.readAll({ after: session.active.readTo, limit: 1, filter });
    if (this.received !== received) return undefined;
    const [first] = page.events;
    if (first) return first.position;
    await session.applyLive({ ...page, events: [] });
    await session.flush();
    return undefined;
  }
}
