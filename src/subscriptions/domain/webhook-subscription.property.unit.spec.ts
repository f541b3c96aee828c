import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SUBSCRIPTION_ID, at } from '../../../test/support/subscription-history.js';
import { isRefusal } from '../../platform/commands/aggregate.js';
import type { SubscriptionDecision } from './webhook-subscription.decisions.js';
import {
  createSubscription,
  deleteSubscription,
  pauseSubscription,
  requestRedelivery,
  resumeSubscription,
  rotateSecret,
  suspendSubscription,
} from './webhook-subscription.decisions.js';
import { SUBSCRIPTION_STATUSES, WebhookSubscription } from './webhook-subscription.js';
import type { WebhookSubscriptionState } from './webhook-subscription.js';

type Decide = (state: WebhookSubscriptionState, minutes: number) => SubscriptionDecision;

const wish = {
  subscriptionId: SUBSCRIPTION_ID,
  url: 'https://billing.example.com/hook',
  description: null,
  types: null,
  aggregateKind: null,
  aggregateId: null,
  startsAfter: 'now',
  keyId: '0a1b2c3d',
  by: 'ada',
};

/** The commands that lead to a state: repeated in it, they change nothing. */
const TO_A_STATE: Readonly<Record<string, Decide>> = {
  pause: (state, minutes) => pauseSubscription(state, 'ada', at(minutes)),
  resume: (state, minutes) => resumeSubscription(state, 'ada', at(minutes)),
  suspend: (state, minutes) =>
    suspendSubscription(state, {
      reason: 'failing',
      failingSince: at(0),
      lastError: 'HTTP 500',
      resumptions: state.kind === 'existing' ? state.resumptions : 0,
      redeliveries: state.kind === 'existing' ? state.redeliveries : 0,
      at: at(minutes),
    }),
};

/** The commands that do what they do each time. */
const EACH_TIME: Readonly<Record<string, Decide>> = {
  create: (state, minutes) => createSubscription(state, { ...wish, at: at(minutes) }),
  redeliver: (state, minutes) => requestRedelivery(state, { after: 'beginning', by: 'ada', at: at(minutes) }),
  rotate: (state, minutes) => rotateSecret(state, { keyId: '0a1b2c3d', by: 'ada', at: at(minutes) }),
  delete: (state, minutes) => deleteSubscription(state, 'ada', at(minutes)),
};

const COMMANDS = { ...TO_A_STATE, ...EACH_TIME };

const history = fc.array(fc.tuple(fc.constantFrom(...Object.keys(COMMANDS)), fc.integer({ min: 0, max: 5_000 })), {
  maxLength: 20,
});

function apply(state: WebhookSubscriptionState, decision: SubscriptionDecision): WebhookSubscriptionState {
  return isRefusal(decision) ? state : decision.reduce(WebhookSubscription.evolve, state);
}

function stateAfter(commands: readonly (readonly [string, number])[]): WebhookSubscriptionState {
  return commands.reduce<WebhookSubscriptionState>(
    (state, [name, minutes]) => apply(state, COMMANDS[name]?.(state, minutes) ?? []),
    WebhookSubscription.initialState,
  );
}

describe('Whatever is done with a subscription', () => {
  it('a command that leads to a state writes nothing in that state', () => {
    fc.assert(
      fc.property(history, fc.constantFrom(...Object.keys(TO_A_STATE)), (commands, name) => {
        const decide = TO_A_STATE[name] ?? (() => []);
        const before = stateAfter(commands);
        const once = decide(before, 6_000);
        fc.pre(!isRefusal(once));
        expect(decide(apply(before, once), 6_001)).toEqual([]);
      }),
    );
  });

  it('its state is one of those that there are, and says the same in all of its fields', () => {
    fc.assert(
      fc.property(history, (commands) => {
        const state = stateAfter(commands);
        if (state.kind !== 'existing') return;
        expect(SUBSCRIPTION_STATUSES).toContain(state.status);
        expect(state.suspension !== null).toBe(state.status === 'suspended');
        expect(state.previous_secret?.version ?? 0).toBe(state.secret.version - 1);
        expect(Object.values(state).some((value) => value === undefined || Number.isNaN(value))).toBe(false);
      }),
    );
  });

  it('what was deleted stays deleted', () => {
    fc.assert(
      fc.property(history, history, (before, after) => {
        const state = stateAfter([...before, ['create', 0], ['delete', 1], ...after]);
        expect(state).toEqual({ kind: 'deleted' });
      }),
    );
  });

  it('an event that does not fit leaves the state as it is', () => {
    fc.assert(
      fc.property(history, (commands) => {
        const state = stateAfter(commands);
        fc.pre(state.kind !== 'existing');
        const event = { type: 'SubscriptionPaused', data: { paused_by: 'ada', paused_at: 'x' } } as const;
        expect(WebhookSubscription.evolve(state, event)).toBe(state);
      }),
    );
  });
});
