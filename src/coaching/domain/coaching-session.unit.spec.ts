import { describe, expect, it } from '@jest/globals';
import {
  abandonSession,
  autoPauseSession,
  cancelSession,
  completeSession,
  expireSession,
  isWokenBy,
  pauseSession,
  recordMessage,
  resumeSession,
  startSession,
} from './coaching-session.decisions.js';
import type { SessionDecision, SessionOperation } from './coaching-session.decisions.js';
import type { CoachingSessionEvent, MessageRole } from './coaching-session.events.js';
import type { CoachingSessionState, SessionStatus } from './coaching-session.js';
import { CoachingSession, SESSION_STATUSES, statusAt } from './coaching-session.js';
import type { InactivityRule } from './inactivity-rule.js';
import { specify } from '../../../test/support/given-when-then.js';
import {
  CORE_VALUES,
  RULE,
  SESSION_ID,
  abandoned,
  at,
  autoPaused,
  cancelled,
  completed,
  paused,
  resumed,
  said,
  started,
  time,
} from '../../../test/support/coaching-history.js';

const { given } = specify(CoachingSession);
const TTL = 14 * 24 * 60;
const EXPIRED = TTL + 0.001;

type Decide = (state: CoachingSessionState, minutes: number) => SessionDecision;

const start = { sessionId: SESSION_ID, tenantId: 'acme', userId: 'ada', sessionNumber: 1, topic: CORE_VALUES };

/** The operations of the spec's table, by the session's user. */
const OPERATIONS: Readonly<Record<SessionOperation, Decide>> = {
  start: (state, minutes) => startSession(state, { ...start, at: at(minutes) }),
  pause: (state, minutes) => pauseSession(state, 'ada', at(minutes)),
  resume: (state, minutes) => resumeSession(state, { by: 'ada', reason: 'manual', at: at(minutes) }),
  complete: (state, minutes) => completeSession(state, 'ada', null, at(minutes)),
  cancel: (state, minutes) => cancelSession(state, 'ada', at(minutes)),
  abandon: (state, minutes) => abandonSession(state, 'ada', at(minutes)),
  expire: (state) => expireSession(state, at(EXPIRED)),
};

const HISTORIES: Readonly<Record<SessionStatus, readonly CoachingSessionEvent[]>> = {
  active: [started()],
  paused: [started(), autoPaused(31)],
  completed: [started(), completed(5)],
  cancelled: [started(), cancelled(5)],
  abandoned: [started(), paused(5), abandoned(6)],
};

const autoPause =
  (minutes: number, rule: Partial<InactivityRule> = {}) =>
  (state: CoachingSessionState) =>
    autoPauseSession(state, () => ({ ...RULE, ...rule }), at(minutes));

const say =
  (minutes: number, role: MessageRole = 'user') =>
  (state: CoachingSessionState) =>
    recordMessage(state, { role, content: 'Hello.', at: at(minutes) });

/** The spec's status table, as it stands there. */
const TABLE: readonly (readonly [SessionOperation, readonly SessionStatus[], SessionStatus])[] = [
  ['pause', ['active'], 'paused'],
  ['resume', ['paused'], 'active'],
  ['complete', ['active'], 'completed'],
  ['cancel', ['active', 'paused'], 'cancelled'],
  ['abandon', ['paused'], 'abandoned'],
  ['expire', ['active', 'paused'], 'abandoned'],
];

describe('The status table', () => {
  it('start: from nothing to active', () => {
    given()
      .when((state) => OPERATIONS.start(state, 0))
      .thenEvents(started())
      .thenState({ status: 'active', message_count: 0, created_at: at(0), updated_at: at(0), expires_at: at(TTL) });
  });

  for (const [operation, from, to] of TABLE) {
    it.each(from)(`${operation}: from %s to ${to}`, (status) => {
      given(...HISTORIES[status])
        .when((state) => OPERATIONS[operation](state, 40))
        .thenState({ status: to });
    });
  }

  const allowed = (operation: SessionOperation, status: SessionStatus): boolean =>
    TABLE.some(([name, from]) => name === operation && from.includes(status));
  const others = (Object.keys(OPERATIONS) as SessionOperation[]).flatMap((operation) =>
    SESSION_STATUSES.filter((status) => !allowed(operation, status)).map((status) => [operation, status] as const),
  );

  it.each(others)('%s of one that is %s is refused, with both in the text, and no event', (operation, status) => {
    given(...HISTORIES[status])
      .when((state) => {
        const decision = OPERATIONS[operation](state, 40);
        expect(decision).toMatchObject({ message: expect.stringMatching(new RegExp(`${operation} .* ${status}`)) });
        return decision;
      })
      .thenRefused('invalid_session_status');
  });

  it.each(Object.keys(OPERATIONS).filter((name) => name !== 'start'))(
    '%s of one that does not exist is refused',
    (name) => {
      given()
        .when((state) => OPERATIONS[name as SessionOperation](state, 0))
        .thenRefused('session_not_found');
    },
  );

  it.each(['pause', 'resume', 'complete', 'cancel', 'abandon'] as const)(
    '%s of one that is past its expires_at is refused: it counts as abandoned',
    (operation) => {
      for (const status of ['active', 'paused'] as const) {
        given(...HISTORIES[status])
          .when((state) => OPERATIONS[operation](state, EXPIRED))
          .thenRefused('invalid_session_status');
      }
    },
  );
});

describe('A pause', () => {
  it('by the same user again changes nothing', () => {
    given(started(), paused(1))
      .when((state) => OPERATIONS.pause(state, 2))
      .thenNothing();
  });

  it('of a session that the sweep has paused is refused', () => {
    given(started(), autoPaused(31))
      .when((state) => OPERATIONS.pause(state, 40))
      .thenRefused('invalid_session_status');
  });

  it('says who and why, moves updated_at but not last_activity_at', () => {
    given(started())
      .when((state) => OPERATIONS.pause(state, 5))
      .thenEvents({ type: 'SessionPaused', data: { paused_by: 'ada', paused_at: time(5) } })
      .thenState({ paused_by: 'ada', pause_reason: 'manual', updated_at: at(5), last_activity_at: at(0) });
  });
});

describe('An automatic pause', () => {
  it('at exactly 30:00 does not take place; a millisecond later it does', () => {
    given(started()).when(autoPause(30)).thenNothing();
    given(started())
      .when(autoPause(30 + 1 / 60_000))
      .thenEvents({ type: 'SessionAutoPaused' });
  });

  it('of a session 45 minutes old says 45, and where everything comes from', () => {
    given(started())
      .when(autoPause(45))
      .thenEvents(autoPaused(45))
      .thenState({ status: 'paused', paused_by: 'system', pause_reason: 'inactivity', updated_at: at(0) });
  });

  it.each([
    ['a message of the user', said(20)],
    ['a message of the assistant', said(20, 'assistant')],
  ])('counts from %s', (_, event) => {
    given(started(), event).when(autoPause(50)).thenNothing();
    given(started(), event).when(autoPause(50.001)).thenEvents({ type: 'SessionAutoPaused' });
  });

  it('counts from the user’s last activity alone where that is the clock', () => {
    const clock = 'last_activity_at';
    given(started(), said(20, 'assistant'))
      .when(autoPause(31, { clock }))
      .thenEvents({ type: 'SessionAutoPaused', data: { last_update_at: time(0), inactivity_clock: clock } });
    given(started(), said(20)).when(autoPause(31, { clock })).thenNothing();
  });

  it('gives a resumed session its whole timeout again, by either clock', () => {
    for (const clock of ['updated_at', 'last_activity_at'] as const) {
      const history = [started(), autoPaused(31), resumed(100)];
      given(...history)
        .when(autoPause(130, { clock }))
        .thenNothing();
      given(...history)
        .when(autoPause(131, { clock }))
        .thenEvents({ type: 'SessionAutoPaused' });
    }
  });

  it.each(['paused', 'completed', 'cancelled', 'abandoned'] as const)(
    'of one that is %s is no error, and nothing',
    (status) => {
      given(...HISTORIES[status])
        .when(autoPause(500))
        .thenNothing();
    },
  );

  it('never says 0 minutes, however short the timeout', () => {
    given(started())
      .when(autoPause(1 / 60_000, { timeout: { minutes: 0.000001, source: 'topic' } }))
      .thenEvents({ type: 'SessionAutoPaused', data: { inactive_minutes: 0.001 } });
  });

  it('does not take place when the clock has gone back', () => {
    given(started()).when(autoPause(-500)).thenNothing();
  });
});

describe('A message', () => {
  it('moves updated_at; the user’s moves last_activity_at and takes a turn', () => {
    given(started(), said(5))
      .when(say(10, 'assistant'))
      .thenEvents({ type: 'SessionMessageRecorded', data: { message_number: 2, role: 'assistant' } })
      .thenState({ message_count: 2, turn_count: 1, updated_at: at(10), last_activity_at: at(5) });
  });

  it('moves no time backwards when the clock has gone back', () => {
    given(started(), said(10))
      .when(say(5))
      .thenState({ updated_at: at(10), last_activity_at: at(10) });
  });

  it('of the user beyond max_turns is refused, the assistant’s is not', () => {
    const history = [started({ max_turns: 1 }), said(1)];
    given(...history)
      .when(say(2))
      .thenRefused('max_turns_reached');
    given(...history)
      .when(say(2, 'assistant'))
      .thenEvents({ type: 'SessionMessageRecorded' });
  });

  it.each(['paused', 'completed', 'cancelled', 'abandoned'] as const)('to one that is %s is refused', (status) => {
    given(...HISTORIES[status])
      .when(say(40))
      .thenRefused('session_not_active');
  });

  it('to one that does not exist is refused', () => {
    given().when(say(0)).thenRefused('session_not_found');
  });
});

describe('A message wakes a session', () => {
  const wakes = (history: readonly CoachingSessionEvent[], role: MessageRole = 'user', minutes = 40): boolean => {
    const { state } = given(...history);
    return state.kind === 'started' && isWokenBy(state, role, at(minutes));
  };

  it('that the sweep has paused, when its user says it', () => {
    expect(wakes([started(), autoPaused(31)])).toBe(true);
    expect(wakes([started(), autoPaused(31)], 'assistant')).toBe(false);
  });

  it('but none that its user has paused, that has ended, expired, or has no turns left', () => {
    expect(wakes([started(), paused(31)])).toBe(false);
    expect(wakes([started(), autoPaused(31), cancelled(32)])).toBe(false);
    expect(wakes([started(), autoPaused(31)], 'user', EXPIRED)).toBe(false);
    expect(wakes([started({ max_turns: 1 }), said(1), autoPaused(32)])).toBe(false);
  });
});

describe('The end of a session’s time', () => {
  it('is past expires_at: at exactly that moment it still lives', () => {
    given(started())
      .when((state) => expireSession(state, at(TTL)))
      .thenNothing();
    const { state } = given(started());
    expect(state.kind === 'started' && [statusAt(state, at(TTL)), statusAt(state, at(EXPIRED))]).toEqual([
      'active',
      'abandoned',
    ]);
  });

  it('follows from the topic’s session_ttl_days', () => {
    given()
      .when((state) => startSession(state, { ...start, topic: { ...CORE_VALUES, session_ttl_days: 1 }, at: at(0) }))
      .thenState({ expires_at: at(24 * 60) });
  });
});
