/**
 * The CoachingSession aggregate: stream name, state, fold. Its events are in coaching-session.events.ts, its decisions in
 * coaching-session.decisions.ts. Pure: no clock, no ids, no I/O.
 *
 * The state holds counts, not messages, so that it stays small however long people talk. Times in it are epoch
 * milliseconds.
 */
import type { CoachingSessionEvent, SessionMessageRecorded, SessionStarted } from './coaching-session.events.js';

export const SESSION_STATUSES = ['active', 'paused', 'completed', 'cancelled', 'abandoned'] as const;

export type SessionStatus = (typeof SESSION_STATUSES)[number];

export type PauseReason = 'manual' | 'inactivity';

/** What a session has in every status. */
interface SessionFacts {
  readonly kind: 'started';
  readonly session_id: string;
  readonly tenant_id: string;
  readonly topic_id: string;
  readonly user_id: string;
  /** Counts the user's sessions in this topic, from 1. */
  readonly session_number: number;
  readonly message_count: number;
  /** The user's messages: what max_turns limits. */
  readonly turn_count: number;
  /** 0: any number. */
  readonly max_turns: number;
  readonly created_at: number;
  /** Moves with every change but an automatic pause; never backwards. */
  readonly updated_at: number;
  /** Moves with the user's messages and with a resume; never backwards. */
  readonly last_activity_at: number;
  readonly expires_at: number;
}

interface NotPaused {
  readonly paused_by: null;
  readonly pause_reason: null;
}

interface NotCompleted {
  readonly completed_at: null;
  readonly result_json: null;
}

interface Paused {
  readonly status: 'paused';
  readonly paused_by: string;
  readonly pause_reason: PauseReason;
}

interface Completed {
  readonly status: 'completed';
  readonly completed_at: number;
  /** Any JSON value, as text: its field names may be such as no store of documents takes. */
  readonly result_json: string;
}

export type StartedSession = SessionFacts &
  (
    | ({ readonly status: 'active' } & NotPaused & NotCompleted)
    | (Paused & NotCompleted)
    | (Completed & NotPaused)
    | ({ readonly status: 'cancelled' | 'abandoned' } & NotPaused & NotCompleted)
  );

export type CoachingSessionState = { readonly kind: 'unstarted' } | StartedSession;

export const CoachingSession = {
  category: 'coachingSession',
  stateVersion: 1,
  initialState: { kind: 'unstarted' } as CoachingSessionState,
  evolve,
} as const;

const OPEN = { paused_by: null, pause_reason: null, completed_at: null, result_json: null } as const;

/** Folds one event. Never throws: an event that does not fit leaves the state as it is. */
export function evolve(state: CoachingSessionState, event: CoachingSessionEvent): CoachingSessionState {
  if (event.type === 'SessionStarted') return state.kind === 'unstarted' ? started(event) : state;
  return state.kind === 'started' && !isTerminal(state.status) ? evolveOpen(state, event) : state;
}

function evolveOpen(state: StartedSession, event: Exclude<CoachingSessionEvent, SessionStarted>): CoachingSessionState {
  switch (event.type) {
    case 'SessionMessageRecorded':
      return messageRecorded(state, event.data);
    case 'SessionPaused':
      return {
        ...touched(state, event.data.paused_at),
        ...OPEN,
        status: 'paused',
        paused_by: event.data.paused_by,
        pause_reason: 'manual',
      };
    case 'SessionAutoPaused':
      return { ...state, ...OPEN, status: 'paused', paused_by: 'system', pause_reason: 'inactivity' };
    case 'SessionResumed':
      return { ...active(touched(state, event.data.resumed_at), event.data.resumed_at), ...OPEN, status: 'active' };
    case 'SessionCompleted':
      return {
        ...touched(state, event.data.completed_at),
        ...OPEN,
        status: 'completed',
        completed_at: Date.parse(event.data.completed_at),
        result_json: JSON.stringify(event.data.result ?? null),
      };
    case 'SessionCancelled':
      return { ...touched(state, event.data.cancelled_at), ...OPEN, status: 'cancelled' };
    case 'SessionAbandoned':
      return { ...touched(state, event.data.abandoned_at), ...OPEN, status: 'abandoned' };
    default: {
      const unknown: never = event;
      return unknown ? state : state;
    }
  }
}

function started({ data }: SessionStarted): StartedSession {
  const at = Date.parse(data.started_at);
  return {
    kind: 'started',
    session_id: data.session_id,
    tenant_id: data.tenant_id,
    topic_id: data.topic_id,
    user_id: data.user_id,
    session_number: data.session_number,
    message_count: 0,
    turn_count: 0,
    max_turns: data.max_turns,
    created_at: at,
    updated_at: at,
    last_activity_at: at,
    expires_at: Date.parse(data.expires_at),
    ...OPEN,
    status: 'active',
  };
}

function messageRecorded(state: StartedSession, data: SessionMessageRecorded['data']): StartedSession {
  const after = { ...touched(state, data.recorded_at), message_count: data.message_number };
  if (data.role !== 'user') return after;
  return { ...active(after, data.recorded_at), turn_count: state.turn_count + 1 };
}

function touched<S extends StartedSession>(state: S, at: string): S {
  return { ...state, updated_at: Math.max(state.updated_at, Date.parse(at)) };
}

function active<S extends StartedSession>(state: S, at: string): S {
  return { ...state, last_activity_at: Math.max(state.last_activity_at, Date.parse(at)) };
}

/** True for a status that nothing leads out of. */
export function isTerminal(status: SessionStatus): boolean {
  return status === 'completed' || status === 'cancelled' || status === 'abandoned';
}

/** What a session counts as at a moment: one that is open past its expires_at is as good as abandoned. */
export function statusAt(session: StartedSession, at: number): SessionStatus {
  return isExpired(session, at) ? 'abandoned' : session.status;
}

/** True while a session is open although its time is over. */
export function isExpired(session: StartedSession, at: number): boolean {
  return !isTerminal(session.status) && at > session.expires_at;
}
