/**
 * Everything that can happen to a webhook subscription. Type and field names are the storage format: they never change. A
 * new shape gets a new schema version and an upcaster (see contracts/). Times are ISO 8601, UTC, ending in `Z`. The secret
 * is in no event: it is derived from the service's key, the subscription's id and the secret's version.
 */
type Event<T extends string, D extends object> = { readonly type: T; readonly data: Readonly<D> };

/** Why the service has stopped to deliver: nothing was accepted for too long, or the receiver says that it is gone for good. */
export const SUSPENSION_REASONS = ['failing', 'gone'] as const;
export type SuspensionReason = (typeof SUSPENSION_REASONS)[number];

/**
 * Where deliveries begin: with the first event there is (`beginning`), with the first one after the event that says so
 * (`now`), or after a position of the feed (any other text: its token).
 */
export type StartsAfter = string;

export type SubscriptionCreated = Event<
  'SubscriptionCreated',
  {
    subscription_id: string;
    url: string;
    description: string | null;
    /** Published names; null: all. */
    types: readonly string[] | null;
    aggregate_kind: string | null;
    aggregate_id: string | null;
    starts_after: StartsAfter;
    /** From 1. */
    secret_version: number;
    /** Which of the service's keys the secret is derived from. */
    key_id: string;
    created_by: string;
    created_at: string;
  }
>;

export type SubscriptionPaused = Event<'SubscriptionPaused', { paused_by: string; paused_at: string }>;

export type SubscriptionResumed = Event<'SubscriptionResumed', { resumed_by: string; resumed_at: string }>;

export type SubscriptionSuspended = Event<
  'SubscriptionSuspended',
  {
    reason: SuspensionReason;
    /** Since when nothing was accepted. */
    failing_since: string;
    last_error: string;
    suspended_at: string;
  }
>;

export type SubscriptionRedeliveryRequested = Event<
  'SubscriptionRedeliveryRequested',
  { after: StartsAfter; requested_by: string; requested_at: string }
>;

export type SubscriptionSecretRotated = Event<
  'SubscriptionSecretRotated',
  { secret_version: number; key_id: string; rotated_by: string; rotated_at: string }
>;

export type SubscriptionDeleted = Event<'SubscriptionDeleted', { deleted_by: string; deleted_at: string }>;

export type WebhookSubscriptionEvent =
  | SubscriptionCreated
  | SubscriptionPaused
  | SubscriptionResumed
  | SubscriptionSuspended
  | SubscriptionRedeliveryRequested
  | SubscriptionSecretRotated
  | SubscriptionDeleted;
