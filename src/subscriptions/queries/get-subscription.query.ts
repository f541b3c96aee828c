import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import { PublicEvents } from '../../platform/contracts/public-events.js';
import { InvalidInput } from '../../platform/errors.js';
import { EventStore } from '../../platform/event-store/event-store.port.js';
import { SubscriptionCommandRefused } from '../commands/subscriptions.repository.js';
import { DeliveryProgresses } from '../delivery/delivery-progress.js';
import { selectionOf } from '../domain/selection.js';
import { NOT_FOUND } from '../domain/webhook-subscription.decisions.js';
import type { DeliveryStatus } from './delivery-status.js';
import { DeliveryStatuses } from './delivery-status.js';
import { SubscriptionViews } from './subscription-views.js';

/** Events behind are counted up to here. */
export const MOST_LAG_COUNTED = 1_000;

/** Parts of the history that are read for the count, at most. */
const MOST_READS = 20;

/** How far a subscription is behind. */
export interface DeliveryLag {
  /** Events that were not accepted yet; MOST_LAG_COUNTED means so many or more. */
  readonly events: number;
  /** Age of the oldest of them; 0 without any. */
  readonly seconds: number;
}

export interface SubscriptionDetails extends DeliveryStatus {
  readonly lag: DeliveryLag;
}

/** One subscription with how its deliveries stand. */
export class GetSubscriptionQuery extends Query<SubscriptionDetails> {
  constructor(readonly subscriptionId: string) {
    super();
  }
}

@QueryHandler(GetSubscriptionQuery)
export class GetSubscriptionHandler implements IQueryHandler<GetSubscriptionQuery> {
  constructor(
    private readonly views: SubscriptionViews,
    private readonly progresses: DeliveryProgresses,
    private readonly statuses: DeliveryStatuses,
    private readonly published: PublicEvents,
    private readonly events: EventStore,
    private readonly clock: Clock,
  ) {}

  /** @throws {SubscriptionCommandRefused} subscription_not_found */
  async execute({ subscriptionId }: GetSubscriptionQuery): Promise<SubscriptionDetails> {
    const subscription = (await this.views.all.get(subscriptionId))?.document;
    if (!subscription) throw new SubscriptionCommandRefused(NOT_FOUND);
    const status = await this.statuses.of(subscription, await this.progresses.get(subscriptionId));
    return { ...status, lag: await this.lagOf(status) };
  }

  private async lagOf({ subscription, position, accepted }: DeliveryStatus): Promise<DeliveryLag> {
    const selection = selectionOf(subscription);
    if (!this.isPublished(selection)) return { events: 0, seconds: 0 };
    const filter = this.published.filterOf(selection);
    const selects = this.published.matcher(selection);
    const done = new Set(accepted);
    let [after, events] = [position, 0];
    let oldest: number | undefined;
    for (let reads = 0; reads < MOST_READS && events < MOST_LAG_COUNTED; reads++) {
      const page = await this.events.readAll({ after, limit: MOST_LAG_COUNTED - events, filter });
      const behind = page.events.filter((event) => selects(event) && !done.has(event.position));
      events += behind.length;
      oldest ??= behind[0]?.recordedAt;
      after = page.position;
      if (page.live) break;
    }
    return { events, seconds: oldest === undefined ? 0 : Math.max(0, this.clock.now() - oldest) / 1000 };
  }

  /** What was published when it was made may not be any more. */
  private isPublished(selection: ReturnType<typeof selectionOf>): boolean {
    try {
      this.published.filterOf(selection);
      return true;
    } catch (error) {
      if (error instanceof InvalidInput) return false;
      throw error;
    }
  }
}
