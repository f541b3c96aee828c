import { defineProjection, idOfStream } from '../../platform/projections/projection.js';
import { coachingSessionContract } from '../contracts/coaching-session.contract.js';
import type { CoachingSessionEvent } from '../domain/coaching-session.events.js';
import type { StartedSession } from '../domain/coaching-session.js';
import { CoachingSession } from '../domain/coaching-session.js';

/** A session as the queries see it: the aggregate's state. */
export type SessionDocument = StartedSession;

/**
 * One document per session, serving the session queries, the topics' status and the sweeps' candidates. It folds with the
 * aggregate's own `evolve`, so the view cannot come to another opinion than the decisions.
 */
export const coachingSessionsProjection = defineProjection<SessionDocument, CoachingSessionEvent>({
  name: 'coaching_sessions',
  version: 2,
  category: CoachingSession.category,
  eventTypes: Object.keys(coachingSessionContract.types) as CoachingSessionEvent['type'][],
  indexes: [
    // The sweep: which of a topic's active sessions are due, by either clock, and which topics are gone.
    { fields: ['status', 'topic_id'] },
    { fields: ['status', 'topic_id', 'updated_at'] },
    { fields: ['status', 'topic_id', 'last_activity_at'] },
    // The sessions past their time.
    { fields: ['status', 'expires_at'] },
    // A user's sessions, and the latest of them in a topic.
    { fields: ['tenant_id', 'user_id', 'topic_id', 'session_number'] },
    // Who is active in a topic.
    { fields: ['tenant_id', 'topic_id', 'status'] },
    // The sessions of all tenants.
    { fields: ['created_at'] },
    { fields: ['status', 'created_at'] },
  ],
  documentId: ({ stream }) => idOfStream(stream),
  apply(document, { event }) {
    const after = CoachingSession.evolve(document ?? CoachingSession.initialState, event);
    return after.kind === 'started' ? after : null;
  },
});
