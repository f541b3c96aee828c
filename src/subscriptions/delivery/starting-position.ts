import type { Position } from '../../platform/event-store/event-store.port.js';
import type { PositionTokens } from '../../platform/event-store/position-tokens.js';
import type { SubscriptionDocument } from '../projections/webhook-subscriptions.projection.js';

export interface StartingPosition {
  /** Exclusive; null is the beginning. */
  readonly position: Position | null;
  /** False when the position that was asked for means nothing here: the history was moved to another store. */
  readonly isAsAsked: boolean;
}

/** Where a subscription says that its deliveries begin. What cannot be told any more is the beginning: rather again than not at all. */
export async function startOf(
  { starts_after, said_at }: Pick<SubscriptionDocument, 'starts_after' | 'said_at'>,
  tokens: Pick<PositionTokens, 'decode'>,
): Promise<StartingPosition> {
  if (starts_after === 'beginning') return { position: null, isAsAsked: true };
  if (starts_after === 'now') return { position: said_at, isAsAsked: true };
  const position = await tokens.decode(starts_after);
  return typeof position === 'number' ? { position, isAsAsked: true } : { position: null, isAsAsked: false };
}
