import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CoachingLab } from '../support/coaching-lab.js';
import type { Person } from '../support/coaching-lab.js';
import { expectProblem } from '../support/problems.js';
import { NOON } from '../support/service-harness.js';

const iso = (at: number): string => new Date(at).toISOString();

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

describe('GET /coaching/sessions', () => {
  it('lists the caller’s own, newest first, by status and topic', async () => {
    const first = await ada.begin();
    lab.pass(1);
    const second = await ada.begin('purpose');
    await bob.begin('vision');
    await ada.post(first, 'pause');
    const ids = async (query: string) =>
      ((await ada.get(`sessions${query}`)).body['items'] as { session_id: string }[]).map((s) => s.session_id);
    expect(await ids('')).toEqual([second, first]);
    expect(await ids('?status=paused')).toEqual([first]);
    expect(await ids('?topic_id=purpose')).toEqual([second]);
    expect(await ids('?status=paused&topic_id=purpose')).toEqual([]);
  });

  it('comes in pages', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) {
      const id = await ada.begin();
      await ada.post(id, 'cancel');
      ids.unshift(id);
      lab.pass(1);
    }
    const seen: string[] = [];
    for (let next: string | null = ''; next !== null;) {
      const { body } = await ada.get(`sessions?limit=2${next === '' ? '' : `&after=${next}`}`);
      seen.push(...(body['items'] as { session_id: string }[]).map((s) => s.session_id));
      next = body['next'] as string | null;
    }
    expect(seen).toEqual(ids);
  });

  it.each(['status=open', 'limit=0', 'limit=x', 'after=x', 'topic_id=a%20b', 'colour=red'])(
    'with ?%s is 422',
    async (query) => {
      expectProblem(await ada.get(`sessions?${query}`), 422, 'invalid_input');
    },
  );
});

describe('GET /coaching/topics', () => {
  const statusOf = async (topicId: string) => {
    const { items } = (await ada.get('topics')).body as { items: { topic_id: string; status: string }[] };
    return items.find(({ topic_id }) => topic_id === topicId)?.status;
  };

  it('lists the built-in topics with their rules', async () => {
    const rules = { inactivity_timeout_minutes: 30, session_ttl_days: 14, max_turns: 0, resume_on_message: true };
    expect((await ada.get('topics')).body).toEqual({
      items: [
        { topic_id: 'core_values', name: 'Core Values Discovery', ...rules, status: 'not_started', session_id: null },
        { topic_id: 'purpose', name: 'Purpose Discovery', ...rules, status: 'not_started', session_id: null },
        { topic_id: 'vision', name: 'Vision Crafting', ...rules, status: 'not_started', session_id: null },
      ],
    });
  });

  it('tells how far the caller is: not_started, in_progress, paused, completed', async () => {
    const id = await ada.begin();
    expect(await statusOf('core_values')).toBe('in_progress');
    await ada.post(id, 'pause');
    expect(await statusOf('core_values')).toBe('paused');
    await ada.post(id, 'resume');
    await ada.post(id, 'complete');
    expect(await statusOf('core_values')).toBe('completed');
    expect(await statusOf('purpose')).toBe('not_started');
  });

  it('counts cancelled and abandoned as not_started, and lets the latest win', async () => {
    const first = await ada.begin();
    await ada.post(first, 'complete');
    const second = await ada.begin();
    await ada.post(second, 'cancel');
    expect(await statusOf('core_values')).toBe('not_started');
    const third = await ada.begin();
    await ada.post(third, 'pause');
    await ada.post(third, 'abandon');
    expect(await statusOf('core_values')).toBe('not_started');
    const fourth = await ada.begin();
    await ada.post(fourth, 'complete');
    expect(await statusOf('core_values')).toBe('completed');
  });

  it('does not mix up users and tenants', async () => {
    await bob.begin();
    await lab.person('ada', `${tenant}-other`).begin();
    expect(await statusOf('core_values')).toBe('not_started');
  });
});

describe('GET /coaching/sessions/check', () => {
  it('says that there is no session', async () => {
    expect(await ada.check()).toEqual({
      has_session: false,
      session_id: null,
      status: null,
      actual_status: null,
      is_idle: false,
      inactive_minutes: null,
      auto_pause_at: null,
      conflict: false,
    });
  });

  it('says how long the own session has been quiet, and when it will be paused', async () => {
    const id = await ada.begin();
    lab.pass(10);
    expect(await ada.check()).toEqual({
      has_session: true,
      session_id: id,
      status: 'active',
      actual_status: 'active',
      is_idle: false,
      inactive_minutes: 10,
      auto_pause_at: iso(NOON + 30 * 60_000),
      conflict: false,
    });
  });

  it('counts one that is due for its automatic pause as paused, before any sweep; exactly at the timeout it is not', async () => {
    await ada.begin();
    lab.pass(30);
    expect(await ada.check()).toMatchObject({ status: 'active', is_idle: false, inactive_minutes: 30 });
    lab.service.clock.advance(1);
    expect(await ada.check()).toMatchObject({ status: 'paused', actual_status: 'active', is_idle: true });
  });

  it('says paused of a paused one, and nothing of one that has ended', async () => {
    const id = await ada.begin();
    await ada.post(id, 'pause');
    expect(await ada.check()).toMatchObject({
      has_session: true,
      status: 'paused',
      actual_status: 'paused',
      auto_pause_at: null,
    });
    await ada.post(id, 'cancel');
    expect(await ada.check()).toMatchObject({ has_session: false, session_id: null });
  });

  it('says when another user is in the way', async () => {
    const id = await bob.begin();
    expect(await ada.check()).toMatchObject({ has_session: false, conflict: true });
    expect(await bob.check()).toMatchObject({ has_session: true, conflict: false });
    await bob.post(id, 'pause');
    expect(await ada.check()).toMatchObject({ conflict: false });
  });

  it('of an unknown topic is 422', async () => {
    expectProblem(await ada.get('sessions/check?topic_id=unknown'), 422, 'invalid_input');
    expectProblem(await ada.get('sessions/check'), 422, 'invalid_input');
  });
});
