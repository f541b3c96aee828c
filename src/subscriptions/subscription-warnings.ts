import { Injectable } from '@nestjs/common';
import { Clock } from '../platform/clock.js';
import { iso } from '../platform/time/iso.js';
import { DeliveryProgresses } from './delivery/delivery-progress.js';
import type { SubscriptionDocument } from './projections/webhook-subscriptions.projection.js';
import { SubscriptionViews } from './queries/subscription-views.js';

/** What fails for longer is for a person to look at, ms. */
const LONG_MS = 15 * 60_000;

/** Of each kind at most so many are named. */
const MOST_NAMED = 20;

/** What health warns of: subscriptions that the service has given up, and those that it is about to. */
@Injectable()
export class SubscriptionWarnings {
  constructor(
    private readonly views: SubscriptionViews,
    private readonly progresses: DeliveryProgresses,
    private readonly clock: Clock,
  ) {}

  async all(): Promise<readonly string[]> {
    const suspended = await this.views.suspended(MOST_NAMED);
    return [...suspended.map(suspendedText), ...(await this.failing())];
  }

  private async failing(): Promise<readonly string[]> {
    const kept = await this.progresses.failingSinceBefore(this.clock.now() - LONG_MS, MOST_NAMED);
    const found = await this.views.all.getMany(kept.map(({ subscription_id }) => subscription_id));
    const active = new Map(found.map(({ id, document }) => [id, document]));
    return kept.flatMap(({ subscription_id, failing_since, last_error, resumptions, redeliveries }) => {
      const subscription = active.get(subscription_id);
      const isNow = subscription?.resumptions === resumptions && subscription.redeliveries === redeliveries;
      if (!isNow || subscription.status !== 'active' || failing_since === null) return [];
      return [
        `Push subscription ${nameOf(subscription)} has failed since ${iso(failing_since)}: ${last_error?.message ?? ''}`,
      ];
    });
  }
}

function suspendedText(subscription: SubscriptionDocument): string {
  const { suspension } = subscription;
  if (!suspension) return `Push subscription ${nameOf(subscription)} is suspended.`;
  const why =
    suspension.reason === 'gone' ? 'its receiver is gone' : `it failed since ${iso(suspension.failing_since)}`;
  return (
    `Push subscription ${nameOf(subscription)} is suspended, because ${why}: ${suspension.last_error} ` +
    `See 'dormouse subscriptions show', then resume, pause or delete it.`
  );
}

function nameOf({ subscription_id, url }: SubscriptionDocument): string {
  return `${subscription_id} (${new URL(url).host})`;
}
