import { Injectable } from '@nestjs/common';
import type { Loaded, Transacted } from '../../platform/commands/aggregate-store.js';
import { AggregateStore } from '../../platform/commands/aggregate-store.js';
import { isRefusal } from '../../platform/commands/aggregate.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { DormouseError } from '../../platform/errors.js';
import { NOT_FOUND } from '../domain/webhook-subscription.decisions.js';
import type {
  SubscriptionDecision,
  SubscriptionRefusal,
  SubscriptionRefusalCode,
} from '../domain/webhook-subscription.decisions.js';
import type { WebhookSubscriptionEvent } from '../domain/webhook-subscription.events.js';
import { WebhookSubscription } from '../domain/webhook-subscription.js';
import type { ExistingSubscription, WebhookSubscriptionState } from '../domain/webhook-subscription.js';

const HTTP_STATUS: Readonly<Record<SubscriptionRefusalCode, number>> = {
  subscription_not_found: 404,
  subscription_exists: 409,
};

/** The subscription's own rules say no. */
export class SubscriptionCommandRefused extends DormouseError {
  constructor({ refused, message }: SubscriptionRefusal) {
    super(refused, HTTP_STATUS[refused], message);
  }
}

/** A subscription that exists, as its stream says now. */
export type LoadedSubscription = Loaded<ExistingSubscription>;

/** Changing subscriptions, with this context's refusals as errors. */
@Injectable()
export class SubscriptionsRepository {
  constructor(private readonly aggregates: AggregateStore) {}

  /** Whether there is one, or was. */
  async exists(subscriptionId: string): Promise<boolean> {
    const { state } = await this.aggregates.load<WebhookSubscriptionState, WebhookSubscriptionEvent>(
      WebhookSubscription,
      subscriptionId,
    );
    return state.kind !== 'missing';
  }

  /** @throws {SubscriptionCommandRefused} whatever `decide` refused; not found when it does not exist afterwards */
  async transact(
    subscriptionId: string,
    context: CommandContext,
    decide: (state: WebhookSubscriptionState) => SubscriptionDecision,
  ): Promise<LoadedSubscription> {
    const result = await this.change(subscriptionId, context, decide);
    const { state } = result;
    if (state.kind !== 'existing') throw new SubscriptionCommandRefused(NOT_FOUND);
    return { ...result, state };
  }

  /** The same, whether or not it exists afterwards. */
  async change(
    subscriptionId: string,
    context: CommandContext,
    decide: (state: WebhookSubscriptionState) => SubscriptionDecision,
  ): Promise<Transacted<WebhookSubscriptionState, WebhookSubscriptionEvent>> {
    const result = await this.aggregates.transact<WebhookSubscriptionState, WebhookSubscriptionEvent>(
      WebhookSubscription,
      subscriptionId,
      context,
      decide,
    );
    if (isRefusal(result)) throw new SubscriptionCommandRefused(result as SubscriptionRefusal);
    return result;
  }
}
