import { Injectable } from '@nestjs/common';
import type { Loaded, Transacted } from '../../platform/commands/aggregate-store.js';
import { AggregateStore } from '../../platform/commands/aggregate-store.js';
import { isRefusal } from '../../platform/commands/aggregate.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { DormouseError } from '../../platform/errors.js';
import { NOT_FOUND, expireSession } from '../domain/coaching-session.decisions.js';
import type { SessionDecision, SessionRefusal, SessionRefusalCode } from '../domain/coaching-session.decisions.js';
import type { CoachingSessionEvent } from '../domain/coaching-session.events.js';
import type { CoachingSessionState, StartedSession } from '../domain/coaching-session.js';
import { CoachingSession } from '../domain/coaching-session.js';
import type { SessionOwner } from '../domain/session-owner.js';
import { accessTo } from '../domain/session-owner.js';

const HTTP_STATUS: Readonly<Record<SessionRefusalCode, number>> = {
  session_not_found: 404,
  session_forbidden: 403,
  invalid_session_status: 409,
  session_not_active: 409,
  max_turns_reached: 409,
};

/** The session's own rules say no. */
export class SessionCommandRefused extends DormouseError {
  constructor({ refused, message }: SessionRefusal) {
    super(refused, HTTP_STATUS[refused], message);
  }
}

export type LoadedSession = Loaded<StartedSession>;

/** What a command did, to a session that exists. */
export interface SessionTransaction extends LoadedSession {
  readonly events: readonly CoachingSessionEvent[];
  readonly repeated: boolean;
}

/** Loading and changing coaching sessions: the aggregate's two verbs, with this context's refusals as errors. */
@Injectable()
export class SessionsRepository {
  constructor(private readonly aggregates: AggregateStore) {}

  /** The session as its stream says now; undefined when there is none. */
  async find(sessionId: string): Promise<LoadedSession | undefined> {
    const loaded = await this.aggregates.load<CoachingSessionState, CoachingSessionEvent>(CoachingSession, sessionId);
    const { state } = loaded;
    return state.kind === 'started' ? { ...loaded, state } : undefined;
  }

  /**
   * The caller's session.
   * @throws {SessionCommandRefused} session_not_found (also for another tenant's), session_forbidden (another user's)
   */
  async get(sessionId: string, owner: SessionOwner): Promise<LoadedSession> {
    const found = await this.find(sessionId);
    const refusal = accessTo(found?.state, owner);
    if (!found || refusal) throw new SessionCommandRefused(refusal ?? NOT_FOUND);
    return found;
  }

  /** @throws {SessionCommandRefused} whatever `decide` refused */
  async transact(
    sessionId: string,
    context: CommandContext,
    decide: (state: CoachingSessionState) => SessionDecision,
  ): Promise<SessionTransaction> {
    const result = await this.tryTransact(sessionId, context, decide);
    if (isRefusal(result)) throw new SessionCommandRefused(result);
    return result;
  }

  /**
   * Ends the session if it is open past its expires_at. Ended in another way meanwhile, it is left at that.
   * @returns whether this command ended it
   * @throws {SessionCommandRefused} session_not_found
   */
  async expire(sessionId: string, context: CommandContext, at: number): Promise<boolean> {
    const result = await this.tryTransact(sessionId, context, (state) => expireSession(state, at));
    if (!isRefusal(result)) return result.events.length > 0;
    if (result.refused === 'invalid_session_status') return false;
    throw new SessionCommandRefused(result);
  }

  /** The same as `transact`, for who has another way to go when the session refuses. */
  async tryTransact(
    sessionId: string,
    context: CommandContext,
    decide: (state: CoachingSessionState) => SessionDecision,
  ): Promise<SessionTransaction | SessionRefusal> {
    const result = await this.aggregates.transact<CoachingSessionState, CoachingSessionEvent>(
      CoachingSession,
      sessionId,
      context,
      decide,
    );
    if (isRefusal(result)) return result as SessionRefusal;
    const { state } = result;
    return state.kind === 'started' ? { ...(result as Transacted<never, CoachingSessionEvent>), state } : NOT_FOUND;
  }
}
