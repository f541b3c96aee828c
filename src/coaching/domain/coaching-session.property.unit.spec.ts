import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isRefusal } from '../../platform/commands/aggregate.js';
import { coachingSessionContract } from '../contracts/coaching-session.contract.js';
import {
  abandonSession,
  autoPauseSession,
  cancelSession,
  completeSession,
  expireSession,
  pauseSession,
  recordMessage,
  resumeSession,
  startSession,
} from './coaching-session.decisions.js';
import type { SessionDecision } from './coaching-session.decisions.js';
import type { CoachingSessionEvent } from './coaching-session.events.js';
import type { CoachingSessionState } from './coaching-session.js';
import { CoachingSession, SESSION_STATUSES, isTerminal } from './coaching-session.js';
import { INACTIVITY_CLOCKS } from './inactivity-rule.js';
import {
  CORE_VALUES,
  MINUTE,
  NOON,
  RULE,
  SESSION_ID,
  abandoned,
  autoPaused,
  cancelled,
  completed,
  paused,
  resumed,
  said,
  started,
} from '../../../test/support/coaching-history.js';

/** One command with its arguments, as a decision on whatever the state is. */
interface Step {
  readonly name: string;
  readonly decide: (state: CoachingSessionState, now: number) => SessionDecision;
  /** Asks for a state and may be repeated in it. A message is a fact, new each time. */
  readonly isWish: boolean;
}

const wish = (name: string, decide: Step['decide']): Step => ({ name, decide, isWish: true });
const person = fc.constantFrom('ada', 'bob');

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.integer({ min: 0, max: 3 }).map((max_turns) =>
    wish(`start of ${max_turns} turns`, (state, at) =>
      startSession(state, {
        sessionId: SESSION_ID,
        tenantId: 'acme',
        userId: 'ada',
        sessionNumber: 1,
        topic: { ...CORE_VALUES, max_turns, session_ttl_days: 1 },
        at,
      }),
    ),
  ),
  person.map((by) => wish(`pause by ${by}`, (state, at) => pauseSession(state, by, at))),
  fc
    .constantFrom(...INACTIVITY_CLOCKS)
    .map((clock) => wish(`sweep by ${clock}`, (state, at) => autoPauseSession(state, () => ({ ...RULE, clock }), at))),
  person.map((by) => wish(`resume by ${by}`, (state, at) => resumeSession(state, { by, reason: 'manual', at }))),
  fc.jsonValue().map((result) => wish('complete', (state, at) => completeSession(state, 'ada', result, at))),
  fc.constant(wish('cancel', (state, at) => cancelSession(state, 'ada', at))),
  fc.constant(wish('abandon', (state, at) => abandonSession(state, 'ada', at))),
  fc.constant(wish('expire', (state, at) => expireSession(state, at))),
  fc.constantFrom('user' as const, 'assistant' as const).map((role) => ({
    name: `message of the ${role}`,
    decide: (state: CoachingSessionState, at: number) => recordMessage(state, { role, content: 'Hello.', at }),
    isWish: false,
  })),
);

interface Taken {
  readonly step: Step;
  readonly now: number;
  readonly before: CoachingSessionState;
  readonly after: CoachingSessionState;
  readonly events: readonly CoachingSessionEvent[];
}

const fold = (state: CoachingSessionState, events: readonly CoachingSessionEvent[]): CoachingSessionState =>
  events.reduce(CoachingSession.evolve, state);

function run(steps: readonly { step: Step; after: number }[]): Taken[] {
  let state = CoachingSession.initialState;
  let now = NOON;
  return steps.map(({ step: taken, after }) => {
    now += after * MINUTE;
    const decision = taken.decide(state, now);
    const events = isRefusal(decision) ? [] : decision;
    const before = state;
    state = fold(state, events);
    return { step: taken, now, before, after: state, events };
  });
}

// Clocks go back at times.
const steps = fc.array(fc.record({ step, after: fc.integer({ min: -20, max: 90 }) }), { minLength: 1, maxLength: 60 });

/** Checks something of every run of commands. */
function always(check: (taken: readonly Taken[]) => void): void {
  fc.assert(
    fc.property(steps, (chosen) => check(run(chosen))),
    { numRuns: 300 },
  );
}

describe('Whatever commands come in whatever order', () => {
  it('the state is one of the known ones, every field defined, and what it holds fits its status', () => {
    always((taken) => {
      for (const { after } of taken) {
        expect(Object.values(after)).not.toContain(undefined);
        if (after.kind === 'unstarted') continue;
        expect(SESSION_STATUSES).toContain(after.status);
        expect(Object.values(after).some(Number.isNaN)).toBe(false);
        expect(after.paused_by !== null).toBe(after.status === 'paused');
        expect(after.pause_reason !== null).toBe(after.status === 'paused');
        expect(after.completed_at !== null).toBe(after.status === 'completed');
      }
    });
  });

  it('a command repeated in its target state writes nothing', () => {
    always((taken) => {
      for (const { step: repeated, now, after } of taken) {
        if (!repeated.isWish) continue;
        const again = repeated.decide(after, now);
        expect(isRefusal(again) ? [] : again).toEqual([]);
      }
    });
  });

  it('nothing leads out of a terminal status', () => {
    always((taken) => {
      for (const { before, after, events } of taken) {
        if (before.kind !== 'started' || !isTerminal(before.status)) continue;
        expect(events).toEqual([]);
        expect(after).toBe(before);
      }
    });
  });

  it('each change is one event, and no time moves backwards', () => {
    always((taken) => {
      for (const { before, after, events } of taken) {
        expect(events.length).toBeLessThanOrEqual(1);
        if (before.kind !== 'started' || after.kind !== 'started') continue;
        expect(after.updated_at).toBeGreaterThanOrEqual(before.updated_at);
        expect(after.last_activity_at).toBeGreaterThanOrEqual(before.last_activity_at);
        expect(after.updated_at).toBeGreaterThanOrEqual(after.last_activity_at);
      }
    });
  });

  it('messages are numbered without a gap, and the user never has more turns than allowed', () => {
    always((taken) => {
      const messages = taken.flatMap(({ events }) => events).filter(({ type }) => type === 'SessionMessageRecorded');
      const numbers = messages.map(({ data }) => (data as { message_number: number }).message_number);
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
      const last = taken.at(-1)?.after;
      if (last?.kind === 'started' && last.max_turns > 0) expect(last.turn_count).toBeLessThanOrEqual(last.max_turns);
    });
  });

  it('an automatic pause never comes before its time, and says how long it was quiet', () => {
    always((taken) => {
      for (const { events, now } of taken) {
        for (const event of events) {
          if (event.type !== 'SessionAutoPaused') continue;
          const quiet = now - Date.parse(event.data.last_update_at);
          expect(quiet).toBeGreaterThan(30 * MINUTE);
          expect(event.data.inactive_minutes).toBeCloseTo(quiet / MINUTE, 2);
        }
      }
    });
  });
});

describe('evolve', () => {
  const examples: CoachingSessionEvent[] = [
    started(),
    said(1),
    said(2, 'assistant', 2),
    paused(3),
    autoPaused(31),
    resumed(40),
    completed(50),
    cancelled(51),
    abandoned(52),
  ];

  it('has an example of every registered event here', () => {
    expect(new Set(examples.map(({ type }) => type))).toEqual(new Set(Object.keys(coachingSessionContract.types)));
  });

  it('never throws, on any event in any state, and never changes what it was given', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...examples), { maxLength: 30 }), (events) => {
        let state = CoachingSession.initialState;
        for (const event of events) {
          const before = structuredClone(state);
          const after = CoachingSession.evolve(state, event);
          expect(state).toEqual(before);
          state = after;
        }
      }),
    );
  });

  it('leaves the state as it is at an event of a type that it does not know', () => {
    const foreign = { type: 'SessionPainted', data: {} } as unknown as CoachingSessionEvent;
    const state = fold(CoachingSession.initialState, [started()]);
    expect(CoachingSession.evolve(state, foreign)).toBe(state);
  });
});
