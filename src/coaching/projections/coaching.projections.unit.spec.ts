import { describe, expect, it } from '@jest/globals';
import type { DecodedEvent, DomainEvent } from '../../platform/event-store/event-codec.js';
import { coachingSessionContract } from '../contracts/coaching-session.contract.js';
import type { CoachingSessionEvent, SessionMessageRecorded } from '../domain/coaching-session.events.js';
import { CoachingSession } from '../domain/coaching-session.js';
import { coachingMessagesProjection } from './coaching-messages.projection.js';
import type { SessionDocument } from './coaching-sessions.projection.js';
import { coachingSessionsProjection } from './coaching-sessions.projection.js';
import {
  SESSION_ID,
  at,
  autoPaused,
  completed,
  paused,
  resumed,
  said,
  started,
} from '../../../test/support/coaching-history.js';

function decoded<E extends DomainEvent>(event: E): DecodedEvent<E> {
  const id = '33333333-3333-5333-8333-333333333333';
  const metadata = { $correlationId: id, $causationId: id, schema_version: 1, time: '', actor: 'ada', command_id: id };
  return { id, stream: `coachingSession-${SESSION_ID}`, revision: 0, position: 1, recordedAt: 0, metadata, event };
}

const nothing = undefined;

describe('The document of a session', () => {
  it('is the state that the decisions see', () => {
    const history: CoachingSessionEvent[] = [
      started(),
      said(1),
      paused(2),
      resumed(3),
      autoPaused(40),
      resumed(50),
      completed(60),
    ];
    let document: SessionDocument | null = null;
    for (const event of history) document = coachingSessionsProjection.apply(document ?? undefined, decoded(event));
    expect(document).toEqual(history.reduce(CoachingSession.evolve, CoachingSession.initialState));
    expect(document).toMatchObject({ status: 'completed', message_count: 1 });
  });

  it('does not come to be by anything but a start', () => {
    expect(coachingSessionsProjection.apply(nothing, decoded(said(1)))).toBeNull();
  });

  it('is named after its stream, and takes every event of the category', () => {
    expect(coachingSessionsProjection.documentId(decoded(started()))).toBe(SESSION_ID);
    expect([...coachingSessionsProjection.eventTypes].sort()).toEqual(
      Object.keys(coachingSessionContract.types).sort(),
    );
  });
});

describe('The document of a message', () => {
  it('is the message, with its session and its number', () => {
    const event = decoded(said(5, 'assistant', 7) as SessionMessageRecorded);
    expect(coachingMessagesProjection.documentId(event)).toBe(`${SESSION_ID}.7`);
    expect(coachingMessagesProjection.apply(nothing, event)).toEqual({
      session_id: SESSION_ID,
      message_number: 7,
      role: 'assistant',
      content: 'Hello.',
      recorded_at: at(5),
    });
  });
});
