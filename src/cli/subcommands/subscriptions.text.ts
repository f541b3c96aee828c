import type {
  SubscriptionDetailsDto,
  SubscriptionStatusDto,
  SubscriptionWithSecretDto,
} from '../../subscriptions/http/subscriptions.answers.js';
import { amount, count, duration, fields, moment, printable, table } from '../text.js';

/** Subscriptions as a table. */
export function subscriptionTable(items: readonly SubscriptionStatusDto[]): string[] {
  if (items.length === 0) return ["No subscriptions. 'dormouse subscriptions create URL' makes one."];
  return table(
    ['SUBSCRIPTION', 'STATE', 'DELIVERED', 'LAST DELIVERY', 'FAILING SINCE', 'URL'],
    items.map((item) => [
      item.subscription_id,
      item.state,
      count(item.delivered),
      moment(item.last_delivery_at),
      moment(item.failing_since),
      item.url,
    ]),
  );
}

/** Everything about one subscription. */
export function subscriptionText(subscription: SubscriptionDetailsDto): string[] {
  const { suspension, last_error } = subscription;
  return [
    `${printable(subscription.subscription_id)}  ${subscription.state}`,
    ...fields({
      url: subscription.url,
      description: subscription.description ?? undefined,
      types: subscription.types?.join(', ') ?? 'all',
      of:
        [subscription.aggregate_kind, subscription.aggregate_id].filter((text) => text !== null).join('/') || undefined,
      suspended: suspension ? `${moment(suspension.suspended_at)}, ${suspension.reason}` : undefined,
      delivered: `${count(subscription.delivered)}, last ${moment(subscription.last_delivery_at)}`,
      behind: lagText(subscription),
      position: subscription.position ?? 'beginning',
      'failing since': subscription.failing_since ? moment(subscription.failing_since) : undefined,
      'next attempt': subscription.next_attempt_at ? moment(subscription.next_attempt_at) : undefined,
      'last error': last_error ? `${moment(last_error.at)}  ${last_error.message}` : undefined,
      'of event': last_error?.event_id ?? undefined,
      created: `${moment(subscription.created_at)} by ${subscription.created_by}`,
    }),
  ];
}

function lagText({ lag_events, lag_seconds }: SubscriptionDetailsDto): string {
  if (lag_events === 0) return 'nothing';
  return `${amount(lag_events, 'event')}, the oldest from ${duration(lag_seconds * 1000)} ago`;
}

export function createdText({ subscription_id, url, secret }: SubscriptionWithSecretDto): string[] {
  return [`${printable(subscription_id)}: events are pushed to ${printable(url)}.`, ...secretText(secret)];
}

export function rotatedText({ subscription_id, secret }: SubscriptionWithSecretDto): string[] {
  return [`${printable(subscription_id)}: the secret was replaced.`, ...secretText(secret)];
}

function secretText(secret: string): string[] {
  return [...fields({ secret }), 'Give it to the receiver, which verifies signatures with it. It is not shown again.'];
}
