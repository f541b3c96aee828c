/**
 * What may be done with a webhook subscription: one pure function per operation, from state to events, `[]` for no change,
 * or a refusal. The moment, the actor and the ids come with the call. Times are epoch milliseconds.
 */
import { iso } from '../../platform/time/iso.js';
import type { StartsAfter, SuspensionReason, WebhookSubscriptionEvent } from './webhook-subscription.events.js';
import type { ExistingSubscription, SecretVersion, WebhookSubscriptionState } from './webhook-subscription.js';

export type SubscriptionRefusalCode = 'subscription_not_found' | 'subscription_exists';

export interface SubscriptionRefusal {
  readonly refused: SubscriptionRefusalCode;
  readonly message: string;
}

export type SubscriptionDecision = readonly WebhookSubscriptionEvent[] | SubscriptionRefusal;

const NO_CHANGE: readonly WebhookSubscriptionEvent[] = [];

export const NOT_FOUND: SubscriptionRefusal = {
  refused: 'subscription_not_found',
  message: 'No subscription has this id.',
};

/** For so long after a rotation a receiver may still know the former secret only, ms: messages are signed with both. */
export const BOTH_SECRETS_MS = 24 * 3_600_000;

export interface NewSubscription {
  readonly subscriptionId: string;
  readonly url: string;
  readonly description: string | null;
  readonly types: readonly string[] | null;
  readonly aggregateKind: string | null;
  readonly aggregateId: string | null;
  readonly startsAfter: StartsAfter;
  readonly keyId: string;
  readonly by: string;
  readonly at: number;
}

export function createSubscription(state: WebhookSubscriptionState, wish: NewSubscription): SubscriptionDecision {
  if (state.kind !== 'missing') return { refused: 'subscription_exists', message: 'This subscription exists already.' };
  return [
    {
      type: 'SubscriptionCreated',
      data: {
        subscription_id: wish.subscriptionId,
        url: wish.url,
        description: wish.description,
        types: wish.types,
        aggregate_kind: wish.aggregateKind,
        aggregate_id: wish.aggregateId,
        starts_after: wish.startsAfter,
        secret_version: 1,
        key_id: wish.keyId,
        created_by: wish.by,
        created_at: iso(wish.at),
      },
    },
  ];
}

/** A suspended one may be paused as well: somebody knows about it, and health need not tell any more. */
export function pauseSubscription(state: WebhookSubscriptionState, by: string, at: number): SubscriptionDecision {
  if (state.kind !== 'existing') return NOT_FOUND;
  if (state.status === 'paused') return NO_CHANGE;
  return [{ type: 'SubscriptionPaused', data: { paused_by: by, paused_at: iso(at) } }];
}

/** Out of a pause or a suspension; deliveries go on where they were. */
export function resumeSubscription(state: WebhookSubscriptionState, by: string, at: number): SubscriptionDecision {
  if (state.kind !== 'existing') return NOT_FOUND;
  if (state.status === 'active') return NO_CHANGE;
  return [{ type: 'SubscriptionResumed', data: { resumed_by: by, resumed_at: iso(at) } }];
}

export interface SuspensionProposal {
  readonly reason: SuspensionReason;
  readonly failingSince: number;
  readonly lastError: string;
  /** The subscription's `resumptions` and `redeliveries` as the failures were counted: what was resumed since begins anew. */
  readonly resumptions: number;
  readonly redeliveries: number;
  readonly at: number;
}

/** The service gives up, for now. Whatever else has happened to the subscription meanwhile is no error. */
export function suspendSubscription(
  state: WebhookSubscriptionState,
  proposal: SuspensionProposal,
): SubscriptionDecision {
  if (state.kind !== 'existing') return NO_CHANGE;
  const { resumptions, redeliveries } = proposal;
  const isTheSame = state.resumptions === resumptions && state.redeliveries === redeliveries;
  if (state.status !== 'active' || !isTheSame) return NO_CHANGE;
  return [
    {
      type: 'SubscriptionSuspended',
      data: {
        reason: proposal.reason,
        failing_since: iso(proposal.failingSince),
        last_error: proposal.lastError,
        suspended_at: iso(proposal.at),
      },
    },
  ];
}

/** From now on deliveries begin after another position. In every status: a paused one does so when it is resumed. */
export function requestRedelivery(
  state: WebhookSubscriptionState,
  { after, by, at }: { readonly after: StartsAfter; readonly by: string; readonly at: number },
): SubscriptionDecision {
  if (state.kind !== 'existing') return NOT_FOUND;
  return [{ type: 'SubscriptionRedeliveryRequested', data: { after, requested_by: by, requested_at: iso(at) } }];
}

export function rotateSecret(
  state: WebhookSubscriptionState,
  { keyId, by, at }: { readonly keyId: string; readonly by: string; readonly at: number },
): SubscriptionDecision {
  if (state.kind !== 'existing') return NOT_FOUND;
  const data = { secret_version: state.secret.version + 1, key_id: keyId, rotated_by: by, rotated_at: iso(at) };
  return [{ type: 'SubscriptionSecretRotated', data }];
}

export function deleteSubscription(state: WebhookSubscriptionState, by: string, at: number): SubscriptionDecision {
  if (state.kind !== 'existing') return NOT_FOUND;
  return [{ type: 'SubscriptionDeleted', data: { deleted_by: by, deleted_at: iso(at) } }];
}

/** The secrets that a message is signed with: the present one first. */
export function secretsAt({ secret, previous_secret }: ExistingSubscription, at: number): readonly SecretVersion[] {
  if (previous_secret === null || at - previous_secret.replaced_at >= BOTH_SECRETS_MS) return [secret];
  return [secret, previous_secret];
}
