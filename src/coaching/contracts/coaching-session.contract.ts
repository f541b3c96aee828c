/**
 * What is stored of a coaching session, and what services outside get to see of it. When a stored shape changes: raise its
 * version, add `upcasters[old]`, and commit a sample of the new version beside the old ones (domain/samples). A published
 * shape stays as it is (docs/decisions/0024-event-contracts.md).
 */
import { eventCategory } from '../../platform/contracts/event-category.js';
import { anything, count, flag, minutes, oneOf, ordinal, text, time } from '../../platform/contracts/fields.js';
import { MESSAGE_ROLES } from '../domain/coaching-session.events.js';
import type { CoachingSessionEvent } from '../domain/coaching-session.events.js';
import { CoachingSession } from '../domain/coaching-session.js';
import { INACTIVITY_CLOCKS } from '../domain/inactivity-rule.js';
import { sessionId } from './session-id.js';

export const coachingSessionContract = eventCategory<CoachingSessionEvent>()({
  category: CoachingSession.category,
  kind: 'coaching_session',
  summary:
    'A user’s session in a topic. The session id is `sess_` and a UUIDv5 of tenant, topic, user and `session_number`.',
  id: { session_id: sessionId('`sess_` and a UUIDv5') },
  types: {
    SessionStarted: {
      version: 1,
      summary: 'a user began a session in a topic',
      schema: {
        session_id: sessionId('`sess_` and a UUIDv5 of tenant, topic, user and session_number'),
        tenant_id: text('Whose user it is'),
        topic_id: text('The topic'),
        user_id: text('The user'),
        session_number: ordinal('Counts the user’s sessions in this topic'),
        max_turns: count('How many messages the user may send; 0: as many as they like'),
        started_at: time('When'),
        expires_at: time('From here on it is over, whatever it was'),
      },
      published: { type: 'dormouse.coaching_session.started.v1' },
    },
    SessionMessageRecorded: {
      version: 1,
      summary: 'something was said',
      schema: {
        message_number: ordinal('Counts the session’s messages'),
        role: oneOf(MESSAGE_ROLES, 'Who said it'),
        content: text('What was said, at most 64 KB'),
        recorded_at: time('When'),
      },
      published: {
        type: 'dormouse.coaching_session.message_recorded.v1',
        without: ['content'],
        note: 'What was said is not published: it is between the user and the coach.',
      },
    },
    SessionPaused: {
      version: 1,
      summary: 'its user paused it',
      schema: {
        paused_by: text('Who: the user’s id'),
        paused_at: time('When'),
      },
      published: { type: 'dormouse.coaching_session.paused.v1' },
    },
    SessionAutoPaused: {
      version: 1,
      summary: 'it was quiet for longer than its timeout',
      schema: {
        topic_id: text('The topic'),
        user_id: text('The user whose session it is'),
        inactive_minutes: minutes('From `last_update_at` to the pause'),
        timeout_minutes: minutes('The timeout that held'),
        timeout_source: oneOf(['topic', 'default'], 'Where it comes from'),
        last_update_at: time(
          'Where the inactivity was counted from, as it was before the pause: an automatic pause does not move `updated_at`',
        ),
        inactivity_clock: oneOf(INACTIVITY_CLOCKS, 'Which of the session’s times that is'),
        paused_at: time('When'),
      },
      published: { type: 'dormouse.coaching_session.auto_paused.v1' },
    },
    SessionResumed: {
      version: 1,
      summary: 'it is active again',
      schema: {
        resumed_by: text('Who: the user’s id'),
        reason: oneOf(
          ['manual', 'start', 'message'],
          'What brought it back: its user’s wish, a start where it was paused, or a message',
        ),
        resumed_at: time('When'),
        was_auto_paused: flag('The pause that this ends was an automatic one'),
      },
      published: { type: 'dormouse.coaching_session.resumed.v1' },
    },
    SessionCompleted: {
      version: 1,
      summary: 'it came to its end',
      schema: {
        completed_by: text('Who: the user’s id'),
        result: anything('What came out of it: any JSON value'),
        completed_at: time('When'),
      },
      published: {
        type: 'dormouse.coaching_session.completed.v1',
        without: ['result'],
        note: 'What came out of it is not published: it is the user’s.',
      },
    },
    SessionCancelled: {
      version: 1,
      summary: 'its user gave it up',
      schema: {
        cancelled_by: text('Who: the user’s id'),
        cancelled_at: time('When'),
      },
      published: { type: 'dormouse.coaching_session.cancelled.v1' },
    },
    SessionAbandoned: {
      version: 1,
      summary: 'its user let it go while paused, or it passed expires_at',
      schema: {
        abandoned_by: text('Who: the user’s id, or `system`'),
        reason: oneOf(['manual', 'expired'], 'Which of the two'),
        abandoned_at: time('When'),
      },
      published: { type: 'dormouse.coaching_session.abandoned.v1' },
    },
  },
});
