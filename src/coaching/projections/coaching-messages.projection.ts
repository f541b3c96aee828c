import { defineProjection, idOfStream } from '../../platform/projections/projection.js';
import type { MessageRole, SessionMessageRecorded } from '../domain/coaching-session.events.js';
import { CoachingSession } from '../domain/coaching-session.js';

/** One message of a session. */
export interface MessageDocument {
  readonly session_id: string;
  /** From 1, in the order they were taken. */
  readonly message_number: number;
  readonly role: MessageRole;
  readonly content: string;
  /** Epoch ms. */
  readonly recorded_at: number;
}

/** One document per message, beside the session's own: reading a page of a long session costs what a short one does. */
export const coachingMessagesProjection = defineProjection<MessageDocument, SessionMessageRecorded>({
  name: 'coaching_messages',
  version: 1,
  category: CoachingSession.category,
  eventTypes: ['SessionMessageRecorded'],
  indexes: [{ fields: ['session_id', 'message_number'] }],
  documentId: ({ stream, event }) => `${idOfStream(stream)}.${event.data.message_number}`,
  apply: (_, { stream, event }) => ({
    session_id: idOfStream(stream),
    message_number: event.data.message_number,
    role: event.data.role,
    content: event.data.content,
    recorded_at: Date.parse(event.data.recorded_at),
  }),
});
