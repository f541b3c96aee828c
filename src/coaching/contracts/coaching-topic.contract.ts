/** What is stored of whose turn a topic is. Nothing of it is published: a claim may come to nothing. */
import * as Type from 'typebox';
import { eventCategory } from '../../platform/contracts/event-category.js';
import { group, text, time, uuid, whole } from '../../platform/contracts/fields.js';
import { TopicReservation } from '../domain/topic-reservation.js';
import type { TopicClaimed } from '../domain/topic-reservation.js';
import { sessionId } from './session-id.js';

/** As the domain has it: an object that it does not look into. */
const opaque = (description: string) => Type.Unsafe<object>({ type: 'object', description });

export const coachingTopicContract = eventCategory<TopicClaimed>()({
  category: TopicReservation.category,
  kind: 'coaching_topic',
  summary:
    'Whose turn a topic is. `<topic>` is `<tenant_id>.<topic_id>`, both percent-encoded, dots too. Who wants to know which sessions are active follows the sessions’ streams instead, for a claim may come to nothing ([0020](decisions/0020-one-active-session.md)).',
  id: { topic: text('`<tenant_id>.<topic_id>`, both percent-encoded') },
  types: {
    TopicClaimed: {
      version: 1,
      summary: 'a session is about to become active',
      schema: {
        tenant_id: text('Whose topic it is'),
        topic_id: text('The topic'),
        session_id: sessionId('The session'),
        user_id: text('Whose session it is'),
        session_revision: whole('Revision of the session’s stream that this was decided at; -1: it has none yet', -1),
        activation: group('The very event that makes the session active, as it is written to its stream', {
          id: uuid('Its id'),
          type: text('`SessionStarted` or `SessionResumed`'),
          data: opaque('Its data'),
          metadata: opaque('Its metadata'),
        }),
        claimed_at: time('When'),
      },
    },
  },
});
