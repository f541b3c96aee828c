import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { DecodedEvent, DomainEvent } from '../../platform/event-store/event-codec.js';
import { EmbeddedReadModelStore } from '../../platform/read-models/embedded/embedded-read-model-store.js';
import type { DocumentQuery } from '../../platform/read-models/read-model-store.port.js';
import { COACHING_SESSION_EVENT_TYPES } from '../domain/coaching-event-types.js';
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
    expect([...coachingSessionsProjection.eventTypes].sort()).toEqual(Object.keys(COACHING_SESSION_EVENT_TYPES).sort());
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

describe('In the store', () => {
  let directory: string;
  let readModels: EmbeddedReadModelStore;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dormouse-coaching-'));
    readModels = EmbeddedReadModelStore.open(join(directory, 'read-models.sqlite'));
  });

  afterEach(async () => {
    await readModels.close();
    await rm(directory, { recursive: true, force: true });
  });

  const asc = (field: string) => ({ field, direction: 'asc' as const });
  const desc = (field: string) => ({ field, direction: 'desc' as const });
  const queries: readonly (readonly [string, DocumentQuery, RegExp])[] = [
    [
      'the next topic with active sessions',
      { where: { status: 'active', topic_id: { gt: 'a' } }, orderBy: asc('topic_id'), limit: 1 },
      /s__status__topic_id$/,
    ],
    ...(['updated_at', 'last_activity_at'] as const).map(
      (clock) =>
        [
          `a topic’s sessions that are due by ${clock}`,
          { where: { status: 'active', topic_id: 'a', [clock]: { lt: 5 } }, orderBy: asc(clock), limit: 500 },
          new RegExp(`s__status__topic_id__${clock}$`),
        ] as const,
    ),
    [
      'the sessions past their time',
      { where: { status: 'paused', expires_at: { lt: 5 } }, orderBy: asc('expires_at'), limit: 500 },
      /s__status__expires_at$/,
    ],
    [
      'the latest session of a user in a topic',
      { where: { tenant_id: 't', user_id: 'u', topic_id: 'a' }, orderBy: desc('session_number'), limit: 1 },
      /s__tenant_id__user_id__topic_id__session_number$/,
    ],
    [
      'a page of a user’s sessions',
      { where: { tenant_id: 't', user_id: 'u' }, orderBy: desc('created_at'), limit: 101 },
      /s__tenant_id__user_id__/,
    ],
    [
      'who is active in a topic',
      { where: { tenant_id: 't', topic_id: 'a', status: 'active' }, limit: 1 },
      /s__tenant_id__topic_id__status$/,
    ],
  ];

  it.each(queries)(
    'the query for %s uses its index, and sorts nothing that the index has sorted',
    async (_, query, index) => {
      const { indexes = [] } = coachingSessionsProjection;
      const sessions = await readModels.collection({ name: 'sessions', indexes });
      const { usesIndex, plan } = await sessions.explain(query);
      expect(usesIndex).toMatch(index);
      if (query.orderBy?.field !== 'created_at') expect(plan).not.toMatch(/TEMP B-TREE/);
    },
  );

  it('the query for a page of messages uses its index', async () => {
    const { indexes = [] } = coachingMessagesProjection;
    const messages = await readModels.collection({ name: 'messages', indexes });
    for (const direction of ['asc', 'desc'] as const) {
      const where = { session_id: 's', message_number: { gt: 3 } };
      const orderBy = { field: 'message_number', direction };
      const { usesIndex, plan } = await messages.explain({ where, orderBy, limit: 51 });
      expect(usesIndex).toMatch(/s__session_id__message_number$/);
      expect(plan).not.toMatch(/TEMP B-TREE/);
    }
  });
});
