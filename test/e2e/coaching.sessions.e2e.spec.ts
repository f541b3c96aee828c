import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CoachingLab } from '../support/coaching-lab.js';
import type { Person } from '../support/coaching-lab.js';
import { expectProblem, fieldsOf } from '../support/problems.js';
import { NOON } from '../support/service-harness.js';

const iso = (at: number): string => new Date(at).toISOString();
const NOBODY = 'sess_00000000-0000-5000-8000-000000000000';

/** The text of a list in a list in a list ... */
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

let lab: CoachingLab;
let tenant: string;
let ada: Person;
let bob: Person;

beforeAll(async () => {
  lab = await CoachingLab.open();
});

afterAll(() => lab.close());

/** One service for all tests; they keep out of each other's way by tenants of their own. */
beforeEach(() => {
  lab.service.clock.set(NOON);
  tenant = lab.newTenant();
  ada = lab.person('ada', tenant);
  bob = lab.person('bob', tenant);
});

describe('POST /coaching/sessions', () => {
  it('answers 201 with a new session', async () => {
    const answer = await ada.start();
    expect(answer).toMatchObject({
      status: 201,
      token: expect.any(String),
      body: {
        session_id: expect.stringMatching(/^sess_[0-9a-f-]{36}$/),
        tenant_id: tenant,
        topic_id: 'core_values',
        user_id: 'ada',
        status: 'active',
        resumed: false,
        message_count: 0,
        created_at: iso(NOON),
        updated_at: iso(NOON),
        last_activity_at: iso(NOON),
        expires_at: iso(NOON + 14 * 86_400_000),
        completed_at: null,
        max_turns: 0,
        paused_by: null,
        pause_reason: null,
        result: null,
      },
    });
  });

  it('while another user’s session is active is 409 session_conflict', async () => {
    await ada.begin();
    expectProblem(await bob.start(), 409, 'session_conflict');
  });

  it('is not in the way of other topics and other tenants', async () => {
    await ada.begin();
    expect(await bob.start('purpose')).toMatchObject({ status: 201 });
    expect(await lab.person('bob', `${tenant}-other`).start()).toMatchObject({ status: 201 });
  });

  it('while one’s own is active comes back with it, resumed: true, and writes nothing', async () => {
    const id = await ada.begin();
    expect(await ada.start()).toMatchObject({ status: 200, body: { session_id: id, resumed: true, status: 'active' } });
    expect(await lab.eventTypes(id)).toEqual(['SessionStarted']);
  });

  it('while one’s own is paused resumes it', async () => {
    const id = await ada.begin();
    await ada.post(id, 'pause');
    expect(await ada.start()).toMatchObject({ status: 200, body: { session_id: id, resumed: true, status: 'active' } });
    expect(await lab.eventTypes(id)).toEqual(['SessionStarted', 'SessionPaused', 'SessionResumed']);
    expect(await lab.dataOf(id, 'SessionResumed')).toMatchObject([{ resumed_by: 'ada', reason: 'start' }]);
  });

  it('while one’s own is paused and another user is active is 409 session_conflict', async () => {
    const id = await ada.begin();
    await ada.post(id, 'pause');
    await bob.begin();
    expectProblem(await ada.start(), 409, 'session_conflict');
    expect(await lab.eventTypes(id)).toEqual(['SessionStarted', 'SessionPaused']);
  });

  it.each(['complete', 'cancel'])('after one’s own has ended by %s starts another one', async (end) => {
    const first = await ada.begin();
    await ada.post(first, end, end === 'complete' ? { body: {} } : {});
    const second = await ada.begin();
    expect(second).not.toBe(first);
  });

  it('past the own session’s expires_at ends that and starts another one', async () => {
    const first = await ada.begin();
    await ada.post(first, 'pause');
    lab.pass(14 * 24 * 60 + 1);
    expect(await ada.begin()).not.toBe(first);
    expect(await lab.eventTypes(first)).toEqual(['SessionStarted', 'SessionPaused', 'SessionAbandoned']);
  });

  it('is not blocked by an active session that is past its expires_at', async () => {
    const first = await ada.begin();
    lab.pass(14 * 24 * 60 + 1);
    await bob.begin();
    expect(await lab.eventTypes(first)).toEqual(['SessionStarted', 'SessionAbandoned']);
  });

  it('twice at once makes one session, whoever asks', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 ? ada : bob).start()));
    const started = answers.filter(({ status }) => status === 201);
    expect(started).toHaveLength(1);
    const winner = started[0]?.body['user_id'];
    for (const { status, body } of answers) {
      if (status === 201) continue;
      if (status === 200) expect(body).toMatchObject({ user_id: winner, resumed: true });
      else expect(body).toMatchObject({ code: 'session_conflict' });
    }
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(10);
  });

  it('with an Idempotency-Key is one start, also when the session has ended in between', async () => {
    const first = await ada.start('core_values', { key: 'k1' });
    const again = await ada.start('core_values', { key: 'k1' });
    expect(again).toMatchObject({ status: 201, body: { session_id: first.body['session_id'], resumed: false } });
    await ada.post(String(first.body['session_id']), 'cancel');
    const late = await ada.start('core_values', { key: 'k1' });
    expect(late).toMatchObject({
      status: 201,
      body: { session_id: first.body['session_id'], status: 'cancelled', resumed: false },
    });
  });

  it('with another user’s Idempotency-Key is a start of its own', async () => {
    await ada.start('core_values', { key: 'k1' });
    expectProblem(await bob.start('core_values', { key: 'k1' }), 409, 'session_conflict');
    const elsewhere = await lab.person('ada', `${tenant}-other`).start('core_values', { key: 'k1' });
    expect(elsewhere).toMatchObject({ status: 201, body: { tenant_id: `${tenant}-other` } });
  });

  it.each(['unknown', 'CORE_VALUES', '__proto__', 'constructor'])('in an unknown topic %s is 422', async (topic) => {
    const answer = await ada.start(topic);
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual(['topic_id']);
  });

  it.each([{}, { topic_id: '' }, { topic_id: 5 }, { topic_id: 'a b' }, { topic_id: 'core_values', colour: 'red' }])(
    'with %j is 422',
    async (body) => {
      expectProblem(await ada.request('POST', 'sessions', { body }), 422, 'invalid_input');
    },
  );
});

describe('The caller', () => {
  it('that is missing is 422, each header named', async () => {
    const answer = await lab.service.request('POST', '/coaching/sessions', { body: { topic_id: 'purpose' } });
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual(['X-Tenant-Id', 'X-User-Id']);
  });

  it.each(['', 'a b', 'é', 'x'.repeat(201)])('with the tenant %j is 422', async (name) => {
    const answer = await lab.person('ada', name).start();
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual(['X-Tenant-Id']);
  });

  it.each(['a.b', 'a%2Eb', 'a-b', '../x', '$all', "';DROP"])('may have characters such as in %j', async (name) => {
    await lab.person('ada', name).begin();
    expectProblem(await lab.person('bob', name).start(), 409, 'session_conflict');
    await lab.person('bob', `${name}.`).begin();
  });

  it.each(['GET', 'pause', 'resume', 'complete', 'cancel', 'abandon', 'messages'])(
    'of another tenant finds nothing: 404 on %s; another user of the same one is refused: 403',
    async (what) => {
      const id = await ada.begin();
      const body = what === 'messages' ? { role: 'user', content: 'Hi.' } : what === 'complete' ? {} : undefined;
      const ask = async (person: Person) =>
        what === 'GET' ? person.get(`sessions/${id}`) : person.post(id, what, body === undefined ? {} : { body });
      expectProblem(await ask(lab.person('ada', `${tenant}-other`)), 404, 'session_not_found');
      expectProblem(await ask(bob), 403, 'session_forbidden');
      expect(await lab.eventTypes(id)).toEqual(['SessionStarted']);
    },
  );

  it('of a session that does not exist gets 404, of an id that is none 422', async () => {
    expectProblem(await ada.get(`sessions/${NOBODY}`), 404, 'session_not_found');
    expectProblem(await ada.post(NOBODY, 'pause'), 404, 'session_not_found');
    expectProblem(await ada.get('sessions/nonsense'), 422, 'invalid_input');
  });
});

describe('POST /coaching/sessions/{id}/...', () => {
  it('pause pauses it: nobody is blocked any more', async () => {
    const id = await ada.begin();
    lab.pass(5);
    expect(await ada.post(id, 'pause')).toMatchObject({
      status: 200,
      body: { status: 'paused', paused_by: 'ada', pause_reason: 'manual', updated_at: iso(NOON + 300_000) },
    });
    await bob.begin();
  });

  it('pause of a paused session by the same user again is a success that writes nothing', async () => {
    const id = await ada.begin();
    await ada.post(id, 'pause');
    expect(await ada.post(id, 'pause')).toMatchObject({ status: 200, body: { status: 'paused' } });
    expect(await lab.eventTypes(id)).toEqual(['SessionStarted', 'SessionPaused']);
  });

  it('resume takes it up again', async () => {
    const id = await ada.begin();
    await ada.post(id, 'pause');
    expect(await ada.post(id, 'resume')).toMatchObject({
      status: 200,
      body: { status: 'active', paused_by: null, pause_reason: null },
    });
  });

  it('resume while another user is active is 409 session_conflict, and nothing changes', async () => {
    const id = await ada.begin();
    await ada.post(id, 'pause');
    await bob.begin();
    expectProblem(await ada.post(id, 'resume'), 409, 'session_conflict');
    expect(await ada.session(id)).toMatchObject({ status: 'paused' });
  });

  it('resume twice at once resumes once', async () => {
    const id = await ada.begin();
    await ada.post(id, 'pause');
    const answers = await Promise.all([1, 2, 3].map(() => ada.post(id, 'resume')));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    expect(await lab.eventTypes(id)).toEqual(['SessionStarted', 'SessionPaused', 'SessionResumed']);
  });

  it('complete ends it with its result', async () => {
    const id = await ada.begin();
    const result = { values: ['care', 'courage'], score: 0.5, note: null };
    expect(await ada.post(id, 'complete', { body: { result } })).toMatchObject({
      status: 200,
      body: { status: 'completed', completed_at: iso(NOON), result },
    });
    expect(await ada.session(id)).toMatchObject({ status: 'completed', result });
  });

  it('complete needs no result', async () => {
    const id = await ada.begin();
    expect(await ada.post(id, 'complete')).toMatchObject({ status: 200, body: { result: null } });
  });

  it.each(['text', 5, false, null, [], {}, { $set: 1, 'a.b': { '': null } }])(
    'complete takes any JSON as its result: %j',
    async (result) => {
      const id = await ada.begin();
      expect((await ada.post(id, 'complete', { body: { result } })).body['result']).toEqual(result);
      expect((await ada.session(id))['result']).toEqual(result);
    },
  );

  it.each([
    ['a list 51 levels deep', nested(51), /^result(\.0){50}$/],
    ['a list 30,000 levels deep', nested(30_000), /^result(\.0){50}$/],
    ['a name that validation would leave out', { a: [{ constructor: 1 }] }, /^result\.a\.0\.constructor$/],
    ['text that is not well-formed', { a: ['\ud800'] }, /^result$/],
    ['a name that is not well-formed', { '\udc00': 1 }, /^result$/],
  ])('complete with %s is 422', async (_, result: unknown, place) => {
    const id = await ada.begin();
    const body = typeof result === 'string' ? `{"result":${result}}` : { result };
    const headers = { 'content-type': 'application/json' };
    const answer = await ada.post(id, 'complete', { body, headers });
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual([expect.stringMatching(place)]);
  });

  it('complete with a result of more than 64 KB is 422', async () => {
    const id = await ada.begin();
    const answer = await ada.post(id, 'complete', { body: { result: 'x'.repeat(70_000) } });
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual(['result']);
  });

  it('cancel and abandon end it', async () => {
    const id = await ada.begin();
    expect(await ada.post(id, 'cancel')).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    const other = await ada.begin();
    await ada.post(other, 'pause');
    expect(await ada.post(other, 'abandon')).toMatchObject({ status: 200, body: { status: 'abandoned' } });
  });

  it('with the session in the wrong status is 409 invalid_session_status, naming both', async () => {
    const id = await ada.begin();
    await ada.post(id, 'cancel');
    const answer = await ada.post(id, 'resume');
    expectProblem(answer, 409, 'invalid_session_status');
    expect(answer.body['detail']).toMatch(/resume.*cancelled/);
  });

  it.each(['pause', 'resume', 'cancel'])('%s with an Idempotency-Key is carried out once', async (what) => {
    const id = await ada.begin();
    if (what === 'resume') await ada.post(id, 'pause');
    const first = await ada.post(id, what, { key: 'k' });
    const again = await ada.post(id, what, { key: 'k' });
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(again.body).toEqual(first.body);
  });
});
