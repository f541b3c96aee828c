import { Injectable } from '@nestjs/common';
import { ProjectionEngine } from '../../platform/projections/projection-engine.js';
import type { View } from '../../platform/projections/view.js';
import { webhookSubscriptionsProjection } from '../projections/webhook-subscriptions.projection.js';
import type { SubscriptionDocument } from '../projections/webhook-subscriptions.projection.js';

/** The read model of subscriptions, as queries ask it. */
@Injectable()
export class SubscriptionViews {
  constructor(private readonly projections: ProjectionEngine) {}

  get all(): View<SubscriptionDocument> {
    return this.projections.view<SubscriptionDocument>(webhookSubscriptionsProjection.name);
  }

  /** Suspended ones. @param limit at most so many */
  async suspended(limit: number): Promise<readonly SubscriptionDocument[]> {
    return (await this.all.find({ where: { status: 'suspended' }, limit })).map(({ document }) => document);
  }
}
