import { Injectable } from '@nestjs/common';
import { EventCodec } from '../../platform/event-store/event-codec.js';
import { EventStore } from '../../platform/event-store/event-store.port.js';
import type { WebhookSubscriptionEvent } from '../domain/webhook-subscription.events.js';
import { WebhookSubscription } from '../domain/webhook-subscription.js';
import { webhookSubscriptionsProjection } from '../projections/webhook-subscriptions.projection.js';
import type { SubscriptionDocument } from '../projections/webhook-subscriptions.projection.js';

/** A subscription as its stream says now: the document that the read model will have, without waiting for it. */
@Injectable()
export class SubscriptionReader {
  constructor(
    private readonly events: EventStore,
    private readonly codec: EventCodec,
  ) {}

  /** @returns undefined when there is none, or none any more @throws {EventNotReadable} */
  async read(subscriptionId: string): Promise<SubscriptionDocument | undefined> {
    let document: SubscriptionDocument | null = null;
    for await (const recorded of this.events.readStream(`${WebhookSubscription.category}-${subscriptionId}`)) {
      const event = this.codec.decode<WebhookSubscriptionEvent>(recorded);
      document = webhookSubscriptionsProjection.apply(document ?? undefined, event);
    }
    return document ?? undefined;
  }
}
