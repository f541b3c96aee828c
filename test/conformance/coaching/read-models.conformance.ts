import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { coachingMessagesProjection } from '../../../src/coaching/projections/coaching-messages.projection.js';
import type { MessageDocument } from '../../../src/coaching/projections/coaching-messages.projection.js';
import { coachingSessionsProjection } from '../../../src/coaching/projections/coaching-sessions.projection.js';
import type { SessionDocument } from '../../../src/coaching/projections/coaching-sessions.projection.js';
import { allSessions } from '../../../src/coaching/queries/list-all-sessions.query.js';
import { cursorOf } from '../../../src/coaching/queries/session-cursor.js';
import type {
  Collection,
  DocumentQuery,
  IndexDefinition,
  ReadModelStore,
} from '../../../src/platform/read-models/read-model-store.port.js';

export interface ReadModelFixture {
  readonly store: ReadModelStore;
  close(): Promise<void>;
}

const asc = (field: string) => ({ field, direction: 'asc' as const });
const desc = (field: string) => ({ field, direction: 'desc' as const });
const due = { status: 'active', topic_id: 'topic-3' };

const AFTER_A_SESSION = cursorOf({ session_id: 'sess_0003', created_at: 3 });

/** What the coaching context asks of its sessions, and the fields of the index that has to serve it. */
const SESSION_QUERIES: readonly (readonly [string, string, DocumentQuery])[] = [
  [
    'topics that are gone, between two that are there',
    'status__topic_id',
    {
      where: { status: 'active', topic_id: { gte: 'topic-2-', lte: 'topic-3zzz' } },
      orderBy: asc('topic_id'),
      limit: 1,
    },
  ],
  ...(['updated_at', 'last_activity_at'] as const).flatMap((clock) => {
    const where = { ...due, [clock]: { lt: 100 } };
    const page = { where, orderBy: asc(clock), limit: 500 };
    const index = `status__topic_id__${clock}`;
    return [
      [`a topic’s sessions that are due by ${clock}`, index, page],
      [`the next page of them`, index, { ...page, after: { id: 'sess_0003', value: 3 } }],
    ] as const;
  }),
  [
    'the sessions past their time',
    'status__expires_at',
    { where: { status: 'paused', expires_at: { lt: 100 } }, orderBy: asc('expires_at'), limit: 500 },
  ],
  [
    'the latest session of a user in a topic',
    'tenant_id__user_id__topic_id__session_number',
    {
      where: { tenant_id: 'tenant-3', user_id: 'user-3', topic_id: 'topic-3' },
      orderBy: desc('session_number'),
      limit: 1,
    },
  ],
  [
    'a page of a user’s sessions',
    'tenant_id__user_id__topic_id__session_number',
    { where: { tenant_id: 'tenant-3', user_id: 'user-3' }, orderBy: desc('created_at'), limit: 101 },
  ],
  ['a page of all sessions', 'created_at', allSessions(undefined, 101, undefined)],
  ['the next page of them', 'created_at', allSessions(undefined, 101, AFTER_A_SESSION)],
  ['a page of all sessions in a status', 'status__created_at', allSessions('paused', 101, undefined)],
  ['the next page of those', 'status__created_at', allSessions('paused', 101, AFTER_A_SESSION)],
  [
    'who is active in a topic',
    'tenant_id__topic_id__status',
    { where: { tenant_id: 'tenant-3', topic_id: 'topic-3', status: 'active' }, limit: 1 },
  ],
];

const AFTER_3 = { session_id: 'sess_0003', message_number: { gt: 3 } };

/** The same of the messages. */
const MESSAGE_QUERIES: readonly (readonly [string, string, DocumentQuery])[] = [
  [
    'a page of a session’s messages',
    'session_id__message_number',
    { where: AFTER_3, orderBy: asc('message_number'), limit: 51 },
  ],
  [
    'the newest messages of a session',
    'session_id__message_number',
    { where: { session_id: 'sess_0003' }, orderBy: desc('message_number'), limit: 50 },
  ],
];

/**
 * Every query that the coaching context asks is served by its index, on any store that keeps to the port: the sweep's cost
 * grows with what is due, a page of messages costs the same in a session of any length.
 *
 * @param indexName how the store names an index, from its fields joined by `__`
 * @param sorting what the store's plan says when it sorts by itself; absent: it may
 */
export function describeCoachingReadModels(
  name: string,
  open: () => Promise<ReadModelFixture>,
  indexName: (fields: string) => RegExp,
  sorting?: RegExp,
): void {
  describe(`The coaching read models on ${name}`, () => {
    let fixture: ReadModelFixture;
    let sessions: Collection<SessionDocument>;
    let messages: Collection<MessageDocument>;

    beforeAll(async () => {
      fixture = await open();
      sessions = await collectionOf(fixture.store, coachingSessionsProjection);
      messages = await collectionOf(fixture.store, coachingMessagesProjection);
      // Enough for a planner to prefer an index, in few topics, with few that are not active.
      await sessions.putMany(Array.from({ length: 4_000 }, (_, n) => ({ id: idOf(n), document: sessionOf(n) })));
      await messages.putMany(
        Array.from({ length: 4_000 }, (_, n) => ({ id: `${idOf(n % 40)}.${n}`, document: messageOf(n) })),
      );
    }, 60_000);

    afterAll(() => fixture.close());

    function expectServed(
      { usesIndex, plan }: { usesIndex: string | null; plan: string },
      fields: string,
      order = '',
    ): void {
      expect(`${usesIndex}\n${plan}`).toMatch(indexName(fields));
      if (sorting && fields.split('__').includes(order)) expect(plan).not.toMatch(sorting);
    }

    it.each(SESSION_QUERIES)('find %s by the index on %s', async (_, fields, query) => {
      expectServed(await sessions.explain(query), fields, query.orderBy?.field);
    });

    it.each(MESSAGE_QUERIES)('find %s by the index on %s', async (_, fields, query) => {
      expectServed(await messages.explain(query), fields, query.orderBy?.field);
    });
  });
}

/** A projection’s documents, beside those that it keeps itself. */
function collectionOf<D extends object>(
  store: ReadModelStore,
  { name, indexes = [] }: { readonly name: string; readonly indexes?: readonly IndexDefinition[] },
): Promise<Collection<D>> {
  return store.collection<D>({ name: `plans_of_${name}`, indexes });
}

const idOf = (n: number): string => `sess_${String(n).padStart(4, '0')}`;

function sessionOf(n: number): SessionDocument {
  return {
    kind: 'started',
    session_id: idOf(n),
    tenant_id: `tenant-${n % 200}`,
    topic_id: `topic-${n % 5}`,
    user_id: `user-${n % 200}`,
    session_number: n,
    max_turns: 0,
    message_count: 0,
    turn_count: 0,
    created_at: n,
    updated_at: n,
    last_activity_at: n,
    expires_at: n,
    completed_at: null,
    result_json: null,
    ...(n % 100 === 0
      ? { status: 'paused', paused_by: 'system', pause_reason: 'inactivity' }
      : { status: 'active', paused_by: null, pause_reason: null }),
  };
}

function messageOf(n: number): MessageDocument {
  return { session_id: idOf(n % 40), message_number: n, role: 'user', content: 'Hello.', recorded_at: n };
}
