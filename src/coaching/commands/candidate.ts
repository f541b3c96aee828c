import { isRefusal } from '../../platform/commands/aggregate.js';
import type { SessionDecision } from '../domain/coaching-session.decisions.js';
import type { Proposal } from './active-sessions.js';
import { SessionCommandRefused } from './sessions.repository.js';

/**
 * A decision that makes a session active, as what it is claimed with.
 * @throws {SessionCommandRefused} the decision was a refusal
 */
export function candidateOf(sessionId: string, userId: string, revision: number, decision: SessionDecision): Proposal {
  if (isRefusal(decision)) throw new SessionCommandRefused(decision);
  const [activation, ...others] = decision;
  const isActivation = activation?.type === 'SessionStarted' || activation?.type === 'SessionResumed';
  if (!isActivation || others.length > 0) throw new Error('An activation is one event, a start or a resume.');
  return { candidate: { sessionId, userId, revision, activation } };
}
