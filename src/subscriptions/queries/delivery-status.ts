import { Injectable } from '@nestjs/common';
import { EventStore } from '../../platform/event-store/event-store.port.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import { PositionTokens } from '../../platform/event-store/position-tokens.js';
import type { DeliveryProgress } from '../delivery/delivery-progress.js';
import { progressAtStart } from '../delivery/delivery-progress.js';
import { startOf } from '../delivery/starting-position.js';
import type { SubscriptionDocument } from '../projections/webhook-subscriptions.projection.js';

/** How the deliveries of a subscription stand, as last stored. Times are epoch ms. */
export interface DeliveryStatus {
  readonly subscription: SubscriptionDocument;
  /** Everything up to here was accepted; null: the beginning. */
  readonly position: Position | null;
  /** The same as a token. */
  readonly position_token: string | null;
  /** Positions beyond it that were accepted as well. */
  readonly accepted: readonly Position[];
  readonly delivered: number;
  readonly last_delivery_at: number | null;
  readonly last_error: DeliveryProgress['last_error'];
  readonly failing_since: number | null;
  readonly next_attempt_at: number | null;
}

/** Puts together what a subscription is and how far its deliveries are. */
@Injectable()
export class DeliveryStatuses {
  constructor(
    private readonly events: EventStore,
    private readonly tokens: PositionTokens,
  ) {}

  async of(subscription: SubscriptionDocument, kept: DeliveryProgress | undefined): Promise<DeliveryStatus> {
    const [history, head, beginning] = await Promise.all([
      this.events.identity(),
      this.events.head(),
      startOf(subscription, this.tokens),
    ]);
    const start = progressAtStart(kept, subscription, { beginning: beginning.position, history, head });
    // Nothing is tried before somebody resumes it.
    const isTried = subscription.status === 'active' && start.failing === kept?.failing;
    return {
      subscription,
      position: start.position,
      position_token: start.position === null ? null : await this.tokens.encode(start.position),
      accepted: start.accepted,
      delivered: start.delivered,
      last_delivery_at: start.last_delivery_at,
      last_error: start.last_error,
      failing_since: isTried ? kept.failing_since : (subscription.suspension?.failing_since ?? null),
      next_attempt_at: isTried ? kept.next_attempt_at : null,
    };
  }
}
