/**
 * What may be done with a coaching session: one pure function per operation, from state to events, `[]` for no change, or
 * a refusal. The moment, the actor and the ids come with the call. Times are epoch milliseconds.
 */
import { iso } from '../../platform/time/iso.js';
import type { CoachingSessionEvent, MessageRole, ResumeReason } from './coaching-session.events.js';
import type { CoachingSessionState, SessionStatus, StartedSession } from './coaching-session.js';
import { isExpired, statusAt } from './coaching-session.js';
import type { CoachingTopic } from './coaching-topic.js';
import type { InactivityRule } from './inactivity-rule.js';
import { judgeInactivity } from './inactivity-rule.js';

export type SessionRefusalCode =
  'session_not_found' | 'session_forbidden' | 'invalid_session_status' | 'session_not_active' | 'max_turns_reached';

export interface SessionRefusal {
  readonly refused: SessionRefusalCode;
  readonly message: string;
}

export type SessionDecision = readonly CoachingSessionEvent[] | SessionRefusal;

/** The operations of the spec's status table. */
export type SessionOperation = 'start' | 'pause' | 'resume' | 'complete' | 'cancel' | 'abandon' | 'expire';

const NO_CHANGE: readonly CoachingSessionEvent[] = [];
const DAY = 86_400_000;

export const NOT_FOUND: SessionRefusal = {
  refused: 'session_not_found',
  message: 'No coaching session has this id.',
};

export interface SessionStart {
  readonly sessionId: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly sessionNumber: number;
  readonly topic: CoachingTopic;
  readonly at: number;
}

export function startSession(state: CoachingSessionState, start: SessionStart): SessionDecision {
  if (state.kind === 'started') return cannot('start', state, start.at);
  const { topic, at } = start;
  return [
    {
      type: 'SessionStarted',
      data: {
        session_id: start.sessionId,
        tenant_id: start.tenantId,
        topic_id: topic.topic_id,
        user_id: start.userId,
        session_number: start.sessionNumber,
        max_turns: topic.max_turns,
        started_at: iso(at),
        expires_at: iso(at + topic.session_ttl_days * DAY),
      },
    },
  ];
}

/** Pausing what one has paused already changes nothing. */
export function pauseSession(state: CoachingSessionState, by: string, at: number): SessionDecision {
  return during('pause', state, ['active', 'paused'], at, (session) => {
    if (session.status === 'active') return [{ type: 'SessionPaused', data: { paused_by: by, paused_at: iso(at) } }];
    const byTheSame = session.pause_reason === 'manual' && session.paused_by === by;
    return byTheSame ? NO_CHANGE : cannot('pause', session, at);
  });
}

/**
 * The automatic pause, proposed by a sweep: it takes place if the session is active and has been quiet for too long by what
 * is known now. Whatever else has happened to it meanwhile is no error.
 *
 * @param ruleOf the rule for the sessions of a topic
 */
export function autoPauseSession(
  state: CoachingSessionState,
  ruleOf: (topicId: string) => InactivityRule,
  at: number,
): SessionDecision {
  if (state.kind !== 'started') return NOT_FOUND;
  if (state.status !== 'active') return NO_CHANGE;
  const rule = ruleOf(state.topic_id);
  const inactivity = judgeInactivity(at, state, rule);
  if (!inactivity.exceeded) return NO_CHANGE;
  return [
    {
      type: 'SessionAutoPaused',
      data: {
        topic_id: state.topic_id,
        user_id: state.user_id,
        inactive_minutes: inactivity.inactive_minutes,
        timeout_minutes: rule.timeout.minutes,
        timeout_source: rule.timeout.source,
        last_update_at: iso(inactivity.since),
        inactivity_clock: rule.clock,
        paused_at: iso(at),
      },
    },
  ];
}

export interface Resume {
  readonly by: string;
  readonly reason: ResumeReason;
  readonly at: number;
}

/** Whether nobody else is active in the topic is not this session's to know: see active-sessions.ts. */
export function resumeSession(state: CoachingSessionState, { by, reason, at }: Resume): SessionDecision {
  return during('resume', state, ['paused'], at, (session) => [
    {
      type: 'SessionResumed',
      data: { resumed_by: by, reason, resumed_at: iso(at), was_auto_paused: session.pause_reason === 'inactivity' },
    },
  ]);
}

export interface Message {
  readonly role: MessageRole;
  readonly content: string;
  readonly at: number;
}

/** Takes a message. The user's messages are its turns; the assistant may always answer the last one. */
export function recordMessage(state: CoachingSessionState, { role, content, at }: Message): SessionDecision {
  if (state.kind !== 'started') return NOT_FOUND;
  const status = statusAt(state, at);
  if (status !== 'active') {
    return {
      refused: 'session_not_active',
      message: `A session that is ${status} takes no messages.${why(state, at)}`,
    };
  }
  if (role === 'user' && !hasTurnsLeft(state)) return noTurnsLeft(state);
  return [
    {
      type: 'SessionMessageRecorded',
      data: { message_number: state.message_count + 1, role, content, recorded_at: iso(at) },
    },
  ];
}

/** Whether this message brings the session back: it was paused by the sweep, not by its user, and its user speaks. */
export function isWokenBy(session: StartedSession, role: MessageRole, at: number): boolean {
  if (statusAt(session, at) !== 'paused' || session.pause_reason !== 'inactivity') return false;
  return role === 'user' && hasTurnsLeft(session);
}

export function completeSession(state: CoachingSessionState, by: string, result: unknown, at: number): SessionDecision {
  return during('complete', state, ['active'], at, () => [
    { type: 'SessionCompleted', data: { completed_by: by, result, completed_at: iso(at) } },
  ]);
}

export function cancelSession(state: CoachingSessionState, by: string, at: number): SessionDecision {
  return during('cancel', state, ['active', 'paused'], at, () => [
    { type: 'SessionCancelled', data: { cancelled_by: by, cancelled_at: iso(at) } },
  ]);
}

export function abandonSession(state: CoachingSessionState, by: string, at: number): SessionDecision {
  return during('abandon', state, ['paused'], at, () => [
    { type: 'SessionAbandoned', data: { abandoned_by: by, reason: 'manual', abandoned_at: iso(at) } },
  ]);
}

/** The end of an open session that is past its expires_at; before that, nothing changes. */
export function expireSession(state: CoachingSessionState, at: number): SessionDecision {
  if (state.kind !== 'started') return NOT_FOUND;
  if (state.status !== 'active' && state.status !== 'paused') return cannot('expire', state, at);
  if (!isExpired(state, at)) return NO_CHANGE;
  return [{ type: 'SessionAbandoned', data: { abandoned_by: 'system', reason: 'expired', abandoned_at: iso(at) } }];
}

/** A row of the status table: the operation is for these statuses only. */
function during(
  operation: SessionOperation,
  state: CoachingSessionState,
  from: readonly SessionStatus[],
  at: number,
  decide: (session: StartedSession) => SessionDecision,
): SessionDecision {
  if (state.kind !== 'started') return NOT_FOUND;
  return from.includes(statusAt(state, at)) ? decide(state) : cannot(operation, state, at);
}

function cannot(operation: SessionOperation, session: StartedSession, at: number): SessionRefusal {
  const message = `Cannot ${operation} a session that is ${statusAt(session, at)}.${why(session, at)}`;
  return { refused: 'invalid_session_status', message };
}

function why(session: StartedSession, at: number): string {
  return isExpired(session, at) ? ` It expired at ${iso(session.expires_at)}.` : '';
}

function hasTurnsLeft({ max_turns, turn_count }: StartedSession): boolean {
  return max_turns === 0 || turn_count < max_turns;
}

function noTurnsLeft({ max_turns }: StartedSession): SessionRefusal {
  return { refused: 'max_turns_reached', message: `The session has taken all of its ${max_turns} turns.` };
}
