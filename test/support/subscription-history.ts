import type { WebhookSubscriptionEvent } from '../../src/subscriptions/domain/webhook-subscription.events.js';

export const SUBSCRIPTION_ID = 'sub_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01';
export const KEY_ID = '0a1b2c3d';

const NOON = Date.parse('2026-03-04T12:00:00.000Z');
const MINUTE = 60_000;

/** @param minutes after noon */
export const at = (minutes: number): number => NOON + minutes * MINUTE;
export const isoAt = (minutes: number): string => new Date(at(minutes)).toISOString();

type Of<T extends WebhookSubscriptionEvent['type']> = Extract<WebhookSubscriptionEvent, { type: T }>;

/** The events of a subscription, as they are written; times in minutes after noon. */
export const created = (data: Partial<Of<'SubscriptionCreated'>['data']> = {}): Of<'SubscriptionCreated'> => ({
  type: 'SubscriptionCreated',
  data: {
    subscription_id: SUBSCRIPTION_ID,
    url: 'https://billing.example.com/hook',
    description: null,
    types: null,
    aggregate_kind: null,
    aggregate_id: null,
    starts_after: 'now',
    secret_version: 1,
    key_id: KEY_ID,
    created_by: 'ada',
    created_at: isoAt(0),
    ...data,
  },
});

export const paused = (minutes: number): Of<'SubscriptionPaused'> => ({
  type: 'SubscriptionPaused',
  data: { paused_by: 'ada', paused_at: isoAt(minutes) },
});

export const resumed = (minutes: number): Of<'SubscriptionResumed'> => ({
  type: 'SubscriptionResumed',
  data: { resumed_by: 'ada', resumed_at: isoAt(minutes) },
});

export const suspended = (minutes: number): Of<'SubscriptionSuspended'> => ({
  type: 'SubscriptionSuspended',
  data: {
    reason: 'failing',
    failing_since: isoAt(0),
    last_error: 'The receiver answered HTTP 500',
    suspended_at: isoAt(minutes),
  },
});

export const redeliveryRequested = (minutes: number, after = 'beginning'): Of<'SubscriptionRedeliveryRequested'> => ({
  type: 'SubscriptionRedeliveryRequested',
  data: { after, requested_by: 'ada', requested_at: isoAt(minutes) },
});

export const rotated = (minutes: number, version = 2): Of<'SubscriptionSecretRotated'> => ({
  type: 'SubscriptionSecretRotated',
  data: { secret_version: version, key_id: KEY_ID, rotated_by: 'ada', rotated_at: isoAt(minutes) },
});

export const deleted = (minutes: number): Of<'SubscriptionDeleted'> => ({
  type: 'SubscriptionDeleted',
  data: { deleted_by: 'ada', deleted_at: isoAt(minutes) },
});
