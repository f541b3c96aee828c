import { describe, expect, it } from '@jest/globals';
import { specify } from '../../../test/support/given-when-then.js';
import {
  KEY_ID,
  SUBSCRIPTION_ID,
  at,
  created,
  deleted,
  isoAt,
  paused,
  redeliveryRequested,
  resumed,
  rotated,
  suspended,
} from '../../../test/support/subscription-history.js';
import {
  createSubscription,
  deleteSubscription,
  pauseSubscription,
  requestRedelivery,
  resumeSubscription,
  rotateSecret,
  secretsAt,
  suspendSubscription,
} from './webhook-subscription.decisions.js';
import { WebhookSubscription } from './webhook-subscription.js';
import type { ExistingSubscription, WebhookSubscriptionState } from './webhook-subscription.js';

const { given } = specify(WebhookSubscription);

const WISH = {
  subscriptionId: SUBSCRIPTION_ID,
  url: 'https://billing.example.com/hook',
  description: null,
  types: ['dormouse.cml_worker.paused.v1'],
  aggregateKind: 'cml_worker',
  aggregateId: null,
  startsAfter: 'now',
  keyId: KEY_ID,
  by: 'ada',
  at: at(0),
};

const PROPOSAL = {
  reason: 'failing',
  failingSince: at(0),
  lastError: 'The receiver answered HTTP 500',
  resumptions: 0,
  redeliveries: 0,
  at: at(1_440),
} as const;

describe('Creating a subscription', () => {
  it('records the target, the selection, where it begins, and which key its secret is from: never the secret', () => {
    given()
      .when((state) => createSubscription(state, WISH))
      .thenEvents({
        type: 'SubscriptionCreated',
        data: {
          subscription_id: SUBSCRIPTION_ID,
          url: 'https://billing.example.com/hook',
          types: ['dormouse.cml_worker.paused.v1'],
          aggregate_kind: 'cml_worker',
          starts_after: 'now',
          secret_version: 1,
          key_id: KEY_ID,
          created_by: 'ada',
          created_at: isoAt(0),
        },
      })
      .thenState({ kind: 'existing', status: 'active', suspension: null, previous_secret: null, redeliveries: 0 });
  });

  it('is refused where there is one, or was', () => {
    given(created())
      .when((state) => createSubscription(state, WISH))
      .thenRefused('subscription_exists');
    given(created(), deleted(1))
      .when((state) => createSubscription(state, WISH))
      .thenRefused('subscription_exists');
  });
});

describe('A pause', () => {
  it('stops an active subscription', () => {
    given(created())
      .when((state) => pauseSubscription(state, 'ada', at(1)))
      .thenEvents({ type: 'SubscriptionPaused', data: { paused_by: 'ada', paused_at: isoAt(1) } })
      .thenState({ status: 'paused', updated_at: at(1) });
  });

  it('of a paused one changes nothing', () => {
    given(created(), paused(1))
      .when((state) => pauseSubscription(state, 'bob', at(2)))
      .thenNothing();
  });

  it('of a suspended one says that somebody knows', () => {
    given(created(), suspended(1))
      .when((state) => pauseSubscription(state, 'ada', at(2)))
      .thenState({ status: 'paused', suspension: null });
  });
});

describe('A resume', () => {
  it.each([
    ['paused', paused(1)],
    ['suspended', suspended(1)],
  ] as const)('of a %s subscription makes it active, and failures are counted anew', (_, event) => {
    given(created(), event)
      .when((state) => resumeSubscription(state, 'ada', at(2)))
      .thenEvents({ type: 'SubscriptionResumed', data: { resumed_by: 'ada' } })
      .thenState({ status: 'active', suspension: null, resumptions: 1 });
  });

  it('of an active one changes nothing', () => {
    given(created())
      .when((state) => resumeSubscription(state, 'ada', at(1)))
      .thenNothing();
  });
});

describe('A suspension', () => {
  it('by the service keeps why, since when, and what failed last', () => {
    given(created())
      .when((state) => suspendSubscription(state, PROPOSAL))
      .thenEvents({ type: 'SubscriptionSuspended', data: { reason: 'failing', suspended_at: isoAt(1_440) } })
      .thenState({
        status: 'suspended',
        suspension: { reason: 'failing', failing_since: at(0), last_error: PROPOSAL.lastError },
      });
  });

  it.each([
    ['was paused', [created(), paused(1)]],
    ['was suspended', [created(), suspended(1)]],
    ['was resumed', [created(), paused(1), resumed(2)]],
    ['was told to deliver again', [created(), redeliveryRequested(1)]],
    ['was deleted', [created(), deleted(1)]],
  ] as const)('comes too late when the subscription %s since the failures were counted', (_, history) => {
    given(...history)
      .when((state) => suspendSubscription(state, PROPOSAL))
      .thenNothing();
  });
});

describe('A redelivery', () => {
  it.each([
    ['an active', [created()], 'active'],
    ['a paused', [created(), paused(1)], 'paused'],
    ['a suspended', [created(), suspended(1)], 'suspended'],
  ] as const)('moves where %s subscription begins, and leaves its state', (_, history, status) => {
    given(...history)
      .when((state) => requestRedelivery(state, { after: 'beginning', by: 'ada', at: at(2) }))
      .thenEvents({ type: 'SubscriptionRedeliveryRequested', data: { after: 'beginning', requested_by: 'ada' } })
      .thenState({ status, starts_after: 'beginning', redeliveries: 1 });
  });
});

describe('The secret', () => {
  const existing = (state: WebhookSubscriptionState): ExistingSubscription => {
    if (state.kind !== 'existing') throw new Error('There is no subscription.');
    return state;
  };

  it('is counted on with each rotation', () => {
    given(created(), rotated(1))
      .when((state) => rotateSecret(state, { keyId: 'ffffffff', by: 'ada', at: at(2) }))
      .thenEvents({ type: 'SubscriptionSecretRotated', data: { secret_version: 3, key_id: 'ffffffff' } })
      .thenState({
        secret: { version: 3, key_id: 'ffffffff' },
        previous_secret: { version: 2, key_id: KEY_ID, replaced_at: at(2) },
      });
  });

  it('signs together with the one before it for 24 hours, the present one first', () => {
    const state = existing(given(created(), rotated(0)).state);
    const versions = (minutes: number) => secretsAt(state, at(minutes)).map(({ version }) => version);
    expect(versions(0)).toEqual([2, 1]);
    expect(versions(24 * 60 - 1)).toEqual([2, 1]);
    expect(versions(24 * 60)).toEqual([2]);
    expect(secretsAt(existing(given(created()).state), at(0))).toEqual([{ version: 1, key_id: KEY_ID }]);
  });
});

describe('A subscription that was deleted, or never was', () => {
  it.each([
    ['pause', (state: WebhookSubscriptionState) => pauseSubscription(state, 'ada', at(2))],
    ['resume', (state: WebhookSubscriptionState) => resumeSubscription(state, 'ada', at(2))],
    [
      'redelivery',
      (state: WebhookSubscriptionState) => requestRedelivery(state, { after: 'now', by: 'ada', at: at(2) }),
    ],
    ['rotation', (state: WebhookSubscriptionState) => rotateSecret(state, { keyId: KEY_ID, by: 'ada', at: at(2) })],
    ['deletion', (state: WebhookSubscriptionState) => deleteSubscription(state, 'ada', at(2))],
  ] as const)('takes no %s', (_, decide) => {
    given(created(), deleted(1)).when(decide).thenRefused('subscription_not_found');
    given().when(decide).thenRefused('subscription_not_found');
  });
});
