import type { Logger } from 'pino';
import { messageOf } from '../../platform/errors.js';
import { SubscriptionDropped } from '../../platform/event-store/event-store.errors.js';
import type { EventBatch, EventFilter, EventStore, Position } from '../../platform/event-store/event-store.port.js';
import { OutageReasons } from '../../platform/observability/outage-reasons.js';
import { backoff, pause } from '../../platform/projections/pause.js';
import { follow } from '../../platform/projections/subscription.js';
import type { Follower } from '../../platform/projections/subscription.js';

const BACKOFF = { backoffMinMs: 100, backoffMaxMs: 5_000 };

/** After so many failures in a row the events are better followed by another instance. */
const LEAVE_AFTER_FAILURES = 5;

const BATCH = 250;
const STALL_AFTER_MS = 5_000;

/** What a tail works with. */
export interface TailContext {
  readonly events: EventStore;
  readonly log: Logger;
  /** A subscription that has been silent for so long is looked after, milliseconds. */
  readonly stallAfterMs?: number;
}

/**
 * Follows the end of the history and tells what has come, in order and each part once. It is for waking up those who read
 * for themselves. A subscription that ends or stalls is replaced.
 */
export class EventTail {
  private current: AbortController | undefined;
  private failures = 0;
  private readonly outage = new OutageReasons();

  /**
   * @param reached everything up to here needs no telling
   * @param onBatch told of each batch, with the position up to which everything was told before
   */
  constructor(
    private readonly context: TailContext,
    private reached: Position | null,
    private readonly filter: () => EventFilter,
    private readonly onBatch: (batch: EventBatch, from: Position | null) => void,
  ) {}

  /** The filter says something else from now on. */
  refilter(): void {
    this.current?.abort(new SubscriptionDropped('another filter is wanted.'));
  }

  /** Follows until `signal` aborts. @throws its reason, or what has failed again and again */
  async follow(signal: AbortSignal): Promise<never> {
    for (;;) {
      const current = new AbortController();
      this.current = current;
      try {
        await follow(this.follower(), AbortSignal.any([signal, current.signal]));
      } catch (error) {
        signal.throwIfAborted();
        if (!current.signal.aborted) await this.failed(error, signal);
      }
    }
  }

  private follower(): Follower {
    const { events, stallAfterMs = STALL_AFTER_MS } = this.context;
    const tell = (batch: EventBatch): void => this.tell(batch);
    const position = (): Position | null => this.reached;
    return { events, filter: this.filter(), batchSize: BATCH, stallAfterMs, position, apply: tell, passOver: tell };
  }

  private tell(batch: EventBatch): void {
    this.failures = 0;
    if (this.outage.over()) this.context.log.info('push.events_back');
    const from = this.reached;
    this.reached = batch.position ?? from;
    this.onBatch(batch, from);
  }

  private async failed(error: unknown, signal: AbortSignal): Promise<void> {
    this.failures++;
    const line = { error: messageOf(error), failures: this.failures };
    this.context.log[this.outage.isNews(line.error) ? 'warn' : 'debug'](line, 'push.events_away');
    if (this.failures >= LEAVE_AFTER_FAILURES) throw error;
    await pause(backoff(this.failures, BACKOFF), signal);
    signal.throwIfAborted();
  }
}
