import { iso } from '../../platform/time/iso.js';
import type { SubscriptionWithSecret } from '../commands/create-subscription.command.js';
import type { ExistingSubscription } from '../domain/webhook-subscription.js';
import type { DeliveryStatus } from '../queries/delivery-status.js';
import type { SubscriptionDetails } from '../queries/get-subscription.query.js';
import type {
  SubscriptionDetailsDto,
  SubscriptionDto,
  SubscriptionStatusDto,
  SubscriptionWithSecretDto,
} from './subscriptions.answers.js';

/** Documents and results as the answers of the HTTP interface: epoch milliseconds become ISO 8601 UTC. */
export function subscriptionDto(subscription: ExistingSubscription): SubscriptionDto {
  const { suspension } = subscription;
  return {
    subscription_id: subscription.subscription_id,
    url: subscription.url,
    description: subscription.description,
    types: subscription.types,
    aggregate_kind: subscription.aggregate_kind,
    aggregate_id: subscription.aggregate_id,
    state: subscription.status,
    suspension: suspension && {
      reason: suspension.reason,
      failing_since: iso(suspension.failing_since),
      last_error: suspension.last_error,
      suspended_at: iso(suspension.suspended_at),
    },
    secret_version: subscription.secret.version,
    created_by: subscription.created_by,
    created_at: iso(subscription.created_at),
    updated_at: iso(subscription.updated_at),
  };
}

export function subscriptionStatusDto(status: DeliveryStatus): SubscriptionStatusDto {
  const { last_error } = status;
  return {
    ...subscriptionDto(status.subscription),
    position: status.position_token,
    delivered: status.delivered,
    last_delivery_at: iso(status.last_delivery_at),
    last_error: last_error && { ...last_error, at: iso(last_error.at) },
    failing_since: iso(status.failing_since),
    next_attempt_at: iso(status.next_attempt_at),
  };
}

export function subscriptionDetailsDto(details: SubscriptionDetails): SubscriptionDetailsDto {
  return {
    ...subscriptionStatusDto(details),
    lag_events: details.lag.events,
    lag_seconds: details.lag.seconds,
  };
}

export function subscriptionWithSecretDto({ subscription, secret }: SubscriptionWithSecret): SubscriptionWithSecretDto {
  return { ...subscriptionDto(subscription.state), secret };
}
