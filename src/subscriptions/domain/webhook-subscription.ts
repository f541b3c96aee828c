/**
 * The WebhookSubscription aggregate: stream name, state, fold. Its events are in webhook-subscription.events.ts, its
 * decisions in webhook-subscription.decisions.ts. Pure: no clock, no ids, no I/O. Times in the state are epoch milliseconds.
 *
 * What is delivered and what fails is not in here: that changes with every request and is kept beside the read models.
 */
import type {
  StartsAfter,
  SubscriptionCreated,
  SubscriptionSecretRotated,
  SubscriptionSuspended,
  SuspensionReason,
  WebhookSubscriptionEvent,
} from './webhook-subscription.events.js';

export const SUBSCRIPTION_STATUSES = ['active', 'paused', 'suspended'] as const;
export type SubscriptionStatus = (typeof SUBSCRIPTION_STATUSES)[number];

export interface Suspension {
  readonly reason: SuspensionReason;
  readonly failing_since: number;
  readonly last_error: string;
  readonly suspended_at: number;
}

/** The secret that a receiver knows, by what it is derived from. */
export interface SecretVersion {
  readonly version: number;
  readonly key_id: string;
}

/** What a subscription has in every status. */
interface SubscriptionFacts {
  readonly kind: 'existing';
  readonly subscription_id: string;
  readonly url: string;
  readonly description: string | null;
  readonly types: readonly string[] | null;
  readonly aggregate_kind: string | null;
  readonly aggregate_id: string | null;
  readonly starts_after: StartsAfter;
  /** Counts the requests to deliver again: what was delivered before the last one is no progress any more. */
  readonly redeliveries: number;
  /** Counts the resumptions: failures from before the last one do not count any more. */
  readonly resumptions: number;
  readonly secret: SecretVersion;
  /** The one before, and when it was replaced; null: there was none. */
  readonly previous_secret: (SecretVersion & { readonly replaced_at: number }) | null;
  readonly created_by: string;
  readonly created_at: number;
  readonly updated_at: number;
}

export type ExistingSubscription = SubscriptionFacts &
  (
    | { readonly status: 'active' | 'paused'; readonly suspension: null }
    | { readonly status: 'suspended'; readonly suspension: Suspension }
  );

export type WebhookSubscriptionState =
  { readonly kind: 'missing' } | { readonly kind: 'deleted' } | ExistingSubscription;

export const WebhookSubscription = {
  category: 'webhookSubscription',
  stateVersion: 1,
  initialState: { kind: 'missing' } as WebhookSubscriptionState,
  evolve,
} as const;

/** Folds one event. Never throws: an event that does not fit leaves the state as it is. */
export function evolve(state: WebhookSubscriptionState, event: WebhookSubscriptionEvent): WebhookSubscriptionState {
  if (event.type === 'SubscriptionCreated') return state.kind === 'missing' ? created(event) : state;
  return state.kind === 'existing' ? evolveExisting(state, event) : state;
}

function evolveExisting(
  state: ExistingSubscription,
  event: Exclude<WebhookSubscriptionEvent, SubscriptionCreated>,
): WebhookSubscriptionState {
  switch (event.type) {
    case 'SubscriptionPaused':
      return { ...touched(state, event.data.paused_at), status: 'paused', suspension: null };
    case 'SubscriptionResumed':
      return {
        ...touched(state, event.data.resumed_at),
        resumptions: state.resumptions + 1,
        status: 'active',
        suspension: null,
      };
    case 'SubscriptionSuspended':
      return suspended(state, event);
    case 'SubscriptionRedeliveryRequested':
      return {
        ...touched(state, event.data.requested_at),
        starts_after: event.data.after,
        redeliveries: state.redeliveries + 1,
      };
    case 'SubscriptionSecretRotated':
      return rotated(state, event);
    case 'SubscriptionDeleted':
      return { kind: 'deleted' };
    default: {
      const unknown: never = event;
      return unknown ? state : state;
    }
  }
}

function created({ data }: SubscriptionCreated): ExistingSubscription {
  const at = Date.parse(data.created_at);
  return {
    kind: 'existing',
    subscription_id: data.subscription_id,
    url: data.url,
    description: data.description,
    types: data.types,
    aggregate_kind: data.aggregate_kind,
    aggregate_id: data.aggregate_id,
    starts_after: data.starts_after,
    redeliveries: 0,
    resumptions: 0,
    secret: { version: data.secret_version, key_id: data.key_id },
    previous_secret: null,
    created_by: data.created_by,
    created_at: at,
    updated_at: at,
    status: 'active',
    suspension: null,
  };
}

function suspended(state: ExistingSubscription, { data }: SubscriptionSuspended): ExistingSubscription {
  return {
    ...touched(state, data.suspended_at),
    status: 'suspended',
    suspension: {
      reason: data.reason,
      failing_since: Date.parse(data.failing_since),
      last_error: data.last_error,
      suspended_at: Date.parse(data.suspended_at),
    },
  };
}

function rotated(state: ExistingSubscription, { data }: SubscriptionSecretRotated): ExistingSubscription {
  return {
    ...touched(state, data.rotated_at),
    secret: { version: data.secret_version, key_id: data.key_id },
    previous_secret: { ...state.secret, replaced_at: Date.parse(data.rotated_at) },
  };
}

function touched(state: ExistingSubscription, at: string): ExistingSubscription {
  return { ...state, updated_at: Math.max(state.updated_at, Date.parse(at)) };
}
