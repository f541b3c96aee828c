import type { Position } from '../../platform/event-store/event-store.port.js';
import { defineProjection, idOfStream } from '../../platform/projections/projection.js';
import type { WebhookSubscriptionEvent } from '../domain/webhook-subscription.events.js';
import type { ExistingSubscription } from '../domain/webhook-subscription.js';
import { WebhookSubscription } from '../domain/webhook-subscription.js';

/** A subscription as the queries and the deliveries see it: the aggregate's state, and where `now` is. */
export type SubscriptionDocument = ExistingSubscription & {
  /** Position of the event that said where deliveries begin: what `starts_after: now` means. */
  readonly said_at: Position;
};

const EVENT_TYPES: { readonly [T in WebhookSubscriptionEvent['type']]: true } = {
  SubscriptionCreated: true,
  SubscriptionPaused: true,
  SubscriptionResumed: true,
  SubscriptionSuspended: true,
  SubscriptionRedeliveryRequested: true,
  SubscriptionSecretRotated: true,
  SubscriptionDeleted: true,
};

/** One document per subscription that exists. It folds with the aggregate's own `evolve`. */
export const webhookSubscriptionsProjection = defineProjection<SubscriptionDocument, WebhookSubscriptionEvent>({
  name: 'webhook_subscriptions',
  version: 1,
  category: WebhookSubscription.category,
  eventTypes: Object.keys(EVENT_TYPES) as WebhookSubscriptionEvent['type'][],
  indexes: [{ fields: ['status'] }],
  documentId: ({ stream }) => idOfStream(stream),
  apply(document, { event, position }) {
    const after = WebhookSubscription.evolve(document ?? WebhookSubscription.initialState, event);
    if (after === document) return document;
    if (after.kind !== 'existing') return null;
    const says = event.type === 'SubscriptionCreated' || event.type === 'SubscriptionRedeliveryRequested';
    return { ...after, said_at: says || !document ? position : document.said_at };
  },
});
