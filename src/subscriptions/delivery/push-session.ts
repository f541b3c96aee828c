import type { EventBatch, EventFilter, EventStore, Position } from '../../platform/event-store/event-store.port.js';
import type { PublicEvents } from '../../platform/contracts/public-events.js';
import { idOf } from '../../platform/contracts/public-events.js';
import { DormouseError, InvalidInput } from '../../platform/errors.js';
import { KeyedQueue } from '../../platform/commands/keyed-queue.js';
import type { PositionTokens } from '../../platform/event-store/position-tokens.js';
import type { Lease } from '../../platform/leases/leases.port.js';
import { rejectOnAbort } from '../../platform/projections/pause.js';
import type { View } from '../../platform/projections/view.js';
import { WebhookSubscription } from '../domain/webhook-subscription.js';
import type { SubscriptionDocument } from '../projections/webhook-subscriptions.projection.js';
import type { SubscriptionsMetrics } from '../subscriptions-metrics.js';
import type { DeliveryProgresses } from './delivery-progress.js';
import { progressAtStart } from './delivery-progress.js';
import { EventTail } from './event-tail.js';
import { startOf } from './starting-position.js';
import { selectionOf } from '../domain/selection.js';
import { SubscriptionDelivery } from './subscription-delivery.js';
import type { DeliveryContext, DeliverySession } from './subscription-delivery.js';
import type { SubscriptionReader } from './subscription-reader.js';

/** What a session works with. */
export interface PushContext extends DeliveryContext {
  readonly events: EventStore;
  readonly published: PublicEvents;
  readonly tokens: PositionTokens;
  readonly progresses: DeliveryProgresses;
  readonly subscriptions: SubscriptionReader;
  readonly view: () => View<SubscriptionDocument>;
  readonly suspend: DeliverySession['suspend'];
  readonly stallAfterMs?: number;
}

/** The read model has so long to show which subscriptions there are, ms. */
const VIEW_WAIT_MS = 30_000;

/** When it ends in order, receivers have so long to answer what was sent, ms. */
const ANSWER_WITHIN_MS = 1_500;

/** Category prefix of the subscriptions' own streams. */
const OWN_STREAMS = `${WebhookSubscription.category}-`;

/** Active subscriptions by what to ask of an event. */
interface Running {
  readonly delivery: SubscriptionDelivery;
  readonly selects: ReturnType<PublicEvents['matcher']>;
}

/** The deliveries of all subscriptions, for as long as the lease is held: follows the events, and what becomes of the subscriptions. */
export class PushSession {
  private readonly running = new Map<string, Running>();
  private readonly broken = new AbortController();
  private readonly signal: AbortSignal;
  private readonly queue = new KeyedQueue();
  private readonly reconciling = new Set<Promise<void>>();
  private readonly tail: EventTail;

  private constructor(
    private readonly context: PushContext,
    private readonly lease: Lease,
    stop: AbortSignal,
    private readonly history: string,
    private readonly head: Position | null,
  ) {
    this.signal = AbortSignal.any([stop, lease.lost, this.broken.signal]);
    this.tail = new EventTail(
      context,
      head,
      () => this.filter(),
      (batch, from) => this.passOn(batch, from),
    );
  }

  /** @throws when a store is away */
  static async open(context: PushContext, lease: Lease, stop: AbortSignal): Promise<PushSession> {
    const [history, head] = await Promise.all([context.events.identity(), context.events.head()]);
    return new PushSession(context, lease, stop, history, head);
  }

  /**
   * Delivers until something ends it.
   * @param begun told when all active subscriptions are being delivered
   * @throws the reason
   */
  async run(begun: () => void): Promise<never> {
    try {
      await this.beginAll();
      begun();
      return await Promise.race([this.tail.follow(this.signal), rejectOnAbort(this.signal)]);
    } finally {
      this.broken.abort(new Error('The session is over.'));
      await Promise.allSettled(this.reconciling);
      const within = this.lease.lost.aborted ? 0 : ANSWER_WITHIN_MS;
      await Promise.all([...this.running.values()].map(({ delivery }) => delivery.stop(within)));
    }
  }

  /** Looks at what is due: for tests that have moved the clock. */
  wake(): void {
    for (const { delivery } of this.running.values()) delivery.wake();
  }

  figures(): ReturnType<Parameters<SubscriptionsMetrics['watch']>[0]> {
    const deliveries = [...this.running.values()].map(({ delivery }) => delivery);
    const times = deliveries.flatMap(({ oldestTime }) => oldestTime ?? []);
    const oldest = times.length === 0 ? undefined : Math.min(...times);
    return {
      active: deliveries.length,
      failing: deliveries.filter(({ isFailing }) => isFailing).length,
      oldestLagSeconds: oldest === undefined ? 0 : Math.max(0, this.context.clock.now() - oldest) / 1000,
    };
  }

  /** Without any active subscription only their own streams matter. */
  private filter(): EventFilter {
    if (this.running.size === 0) return { streamPrefixes: [OWN_STREAMS] };
    const { streamPrefixes = [] } = this.context.published.filterOf({});
    return { streamPrefixes: [...streamPrefixes, OWN_STREAMS] };
  }

  private passOn({ events, position }: EventBatch, from: Position | null): void {
    for (const { stream } of events) if (stream.startsWith(OWN_STREAMS)) this.changed(idOf(stream));
    for (const { delivery, selects } of this.running.values()) {
      const last = events.findLast(selects);
      if (last) delivery.eventAt(last.position);
      else if (position !== null) delivery.nothingBetween(from, position);
    }
  }

  /** Something has happened to a subscription: nothing more is sent before it is known what. */
  private changed(subscriptionId: string): void {
    this.running.get(subscriptionId)?.delivery.hold();
    const reconciled = this.queue
      .run(subscriptionId, () => this.reconcile(subscriptionId))
      .catch((error: unknown) => this.broken.abort(error));
    this.reconciling.add(reconciled);
    void reconciled.finally(() => this.reconciling.delete(reconciled));
  }

  /** @throws when a store is away, or the read model is late */
  private async beginAll(): Promise<void> {
    const { head } = this;
    const view = this.context.view();
    if (head !== null && !(await view.waitFor(head, VIEW_WAIT_MS))) throw new ReadModelLate();
    const found = await view.find({});
    await this.forgetOthers(new Set(found.map(({ id }) => id)));
    for (const { document } of found) if (document.status === 'active') await this.begin(document);
  }

  private async reconcile(subscriptionId: string): Promise<void> {
    if (this.signal.aborted) return;
    const subscription = await this.context.subscriptions.read(subscriptionId);
    const delivery = this.running.get(subscriptionId)?.delivery;
    if (subscription?.status === 'active' && delivery?.fits(subscription)) return delivery.release(subscription);
    if (delivery) {
      await delivery.stop();
      this.running.delete(subscriptionId);
    }
    if (!subscription) await this.context.progresses.delete(subscriptionId, this.lease.fence);
    else if (subscription.status === 'active') await this.begin(subscription);
    if (delivery && this.running.size === 0) this.tail.refilter();
  }

  private async begin(subscription: SubscriptionDocument): Promise<void> {
    const { subscription_id } = subscription;
    const { context, history, head } = this;
    const kept = await context.progresses.get(subscription_id);
    const { position: beginning, isAsAsked } = await startOf(subscription, context.tokens);
    if (!isAsAsked && kept?.history !== history) context.log.warn({ subscription_id }, 'push.begins_anew');
    const start = progressAtStart(kept, subscription, {
      beginning,
      history,
      head: (await context.events.head()) ?? head,
    });
    if (this.signal.aborted) return;
    const session: DeliverySession = {
      lease: this.lease,
      history,
      store: (progress) => context.progresses.put(progress, this.lease.fence),
      suspend: context.suspend,
      fail: (error) => this.broken.abort(error),
    };
    const delivery = new SubscriptionDelivery(context, session, subscription, start);
    this.running.set(subscription_id, { delivery, selects: this.selectorOf(subscription) });
    if (this.running.size === 1) this.tail.refilter();
    delivery.wake();
  }

  /** What is not published any more selects nothing; the delivery says so itself. */
  private selectorOf(subscription: SubscriptionDocument): Running['selects'] {
    try {
      return this.context.published.matcher(selectionOf(subscription));
    } catch (error) {
      if (error instanceof InvalidInput) return () => false;
      throw error;
    }
  }

  /** What is kept of subscriptions that were deleted while nobody looked. */
  private async forgetOthers(existing: ReadonlySet<string>): Promise<void> {
    for (const id of await this.context.progresses.ids()) {
      if (!existing.has(id)) await this.context.progresses.delete(id, this.lease.fence);
    }
  }
}

class ReadModelLate extends DormouseError {
  constructor() {
    super('view_is_late', 503, 'The read model of the subscriptions is late.');
  }
}
