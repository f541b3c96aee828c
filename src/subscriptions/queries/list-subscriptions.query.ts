import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import { DeliveryProgresses } from '../delivery/delivery-progress.js';
import type { SubscriptionStatus } from '../domain/webhook-subscription.js';
import type { DeliveryStatus } from './delivery-status.js';
import { DeliveryStatuses } from './delivery-status.js';
import { SubscriptionViews } from './subscription-views.js';

export interface SubscriptionPage {
  readonly items: readonly DeliveryStatus[];
  /** Where the next page begins; null on the last one. */
  readonly next: string | null;
}

/** A page of the subscriptions, by id. */
export class ListSubscriptionsQuery extends Query<SubscriptionPage> {
  constructor(
    readonly status: SubscriptionStatus | undefined,
    readonly limit: number,
    /** `next` of the page before. */
    readonly after: string | undefined,
  ) {
    super();
  }
}

@QueryHandler(ListSubscriptionsQuery)
export class ListSubscriptionsHandler implements IQueryHandler<ListSubscriptionsQuery> {
  constructor(
    private readonly views: SubscriptionViews,
    private readonly progresses: DeliveryProgresses,
    private readonly statuses: DeliveryStatuses,
  ) {}

  async execute({ status, limit, after }: ListSubscriptionsQuery): Promise<SubscriptionPage> {
    const found = await this.views.all.find({
      ...(status === undefined ? {} : { where: { status } }),
      ...(after === undefined ? {} : { after: { id: after } }),
      limit: limit + 1,
    });
    const shown = found.slice(0, limit);
    const kept = await this.progresses.getMany(shown.map(({ id }) => id));
    const items = await Promise.all(shown.map(({ id, document }) => this.statuses.of(document, kept.get(id))));
    return { items, next: found.length > limit ? (shown.at(-1)?.id ?? null) : null };
  }
}
