import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CoachingLab } from '../support/coaching-lab.js';
import type { Person } from '../support/coaching-lab.js';
import { expectProblem, fieldsOf } from '../support/problems.js';
import { NOON } from '../support/service-harness.js';

const TOPICS = `
topics:
  - topic_id: patient
    name: One that waits for its user
    resume_on_message: false
  - topic_id: brief
    name: One of two turns
    max_turns: 2
`;
const iso = (minutes: number): string => new Date(NOON + minutes * 60_000).toISOString();

let directory: string;
let lab: CoachingLab;
let tenant: string;
let ada: Person;
let bob: Person;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dormouse-topics-'));
  const file = join(directory, 'topics.yaml');
  await writeFile(file, TOPICS);
  lab = await CoachingLab.open({ COACHING_TOPICS_FILE: file });
});

afterAll(async () => {
  await lab.close();
  await rm(directory, { recursive: true, force: true });
});

beforeEach(() => {
  lab.service.clock.set(NOON);
  tenant = lab.newTenant();
  ada = lab.person('ada', tenant);
  bob = lab.person('bob', tenant);
});

/** A session of ada's that the sweep has paused, 31 minutes after noon. */
async function autoPaused(topic = 'core_values'): Promise<string> {
  const id = await ada.begin(topic);
  lab.pass(31);
  await lab.sweep();
  expect(await ada.session(id)).toMatchObject({ status: 'paused', pause_reason: 'inactivity', paused_by: 'system' });
  return id;
}

describe('A message', () => {
  it('of the user is kept, and moves updated_at and last_activity_at', async () => {
    const id = await ada.begin();
    lab.pass(10);
    const answer = await ada.say(id, 'Grüße 🐭');
    const message = { message_number: 1, role: 'user', content: 'Grüße 🐭', recorded_at: iso(10) };
    expect(answer).toMatchObject({
      status: 201,
      body: { message, resumed: false, status: 'active', message_count: 1, turn_count: 1, updated_at: iso(10) },
    });
    expect(await ada.session(id)).toMatchObject({ last_activity_at: iso(10), messages: [message] });
  });

  it('of the assistant moves updated_at, and is no turn', async () => {
    const id = await ada.begin();
    lab.pass(10);
    await ada.say(id, 'What matters to you?', 'assistant');
    expect(await ada.session(id)).toMatchObject({
      updated_at: iso(10),
      last_activity_at: iso(0),
      message_count: 1,
      turn_count: 0,
    });
  });

  it('with an Idempotency-Key is taken once', async () => {
    const id = await ada.begin();
    const first = await ada.say(id, 'Once.', 'user', { key: 'k' });
    await ada.say(id, 'Twice.');
    const again = await ada.say(id, 'Once.', 'user', { key: 'k' });
    expect(again.body['message']).toEqual(first.body['message']);
    expect(await ada.session(id)).toMatchObject({ message_count: 2 });
  });

  it.each([
    ['empty', ''],
    ['blank', ' \n\t '],
    ['of 100 KB', 'x'.repeat(102_400)],
    ['one byte over 64 KB', 'x'.repeat(65_537)],
    ['over 64 KB in bytes, not in characters', 'é'.repeat(32_769)],
    ['not well-formed', 'a\ud800b'],
    ['no text', 5],
  ])('that is %s is 422', async (_, content) => {
    const id = await ada.begin();
    const answer = await ada.post(id, 'messages', { body: { role: 'user', content } });
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual(['content']);
    expect(await lab.eventTypes(id)).toEqual(['SessionStarted']);
  });

  it.each(['x'.repeat(65_536), 'é'.repeat(32_768), '.'])('of 64 KB or less is taken', async (content) => {
    const id = await ada.begin();
    expect(await ada.say(id, content)).toMatchObject({ status: 201, body: { message: { content } } });
  });

  it('with another role, or more fields, is 422 naming each of them', async () => {
    const id = await ada.begin();
    const answer = await ada.post(id, 'messages', { body: { role: 'system', colour: 'red' } });
    expectProblem(answer, 422, 'invalid_input');
    expect(new Set(fieldsOf(answer))).toEqual(new Set(['role', 'content', 'colour']));
  });

  it('beyond max_turns is 409 max_turns_reached; the assistant may still answer', async () => {
    const id = await ada.begin('brief');
    await ada.say(id);
    await ada.say(id);
    expectProblem(await ada.say(id), 409, 'max_turns_reached');
    expect(await ada.say(id, 'That was all.', 'assistant')).toMatchObject({ status: 201 });
  });
});

describe('A message to a session that is not active', () => {
  it('because it was paused automatically resumes it', async () => {
    const id = await autoPaused();
    lab.pass(1);
    expect(await ada.say(id, 'I am back.')).toMatchObject({
      status: 201,
      body: { resumed: true, status: 'active', message_count: 1 },
    });
    const events = ['SessionStarted', 'SessionAutoPaused', 'SessionResumed', 'SessionMessageRecorded'];
    expect(await lab.eventTypes(id)).toEqual(events);
    expect(await lab.dataOf(id, 'SessionResumed')).toMatchObject([{ reason: 'message', was_auto_paused: true }]);
  });

  it('because it was paused automatically is 409 session_not_active where the topic says so', async () => {
    const id = await autoPaused('patient');
    expectProblem(await ada.say(id), 409, 'session_not_active');
    expect(await lab.eventTypes(id)).toEqual(['SessionStarted', 'SessionAutoPaused']);
  });

  it('because it was paused automatically is 409 session_conflict while another user is active', async () => {
    const id = await autoPaused();
    await bob.begin();
    expectProblem(await ada.say(id), 409, 'session_conflict');
    expect(await lab.eventTypes(id)).toEqual(['SessionStarted', 'SessionAutoPaused']);
  });

  it('does not resume it when the assistant says it', async () => {
    const id = await autoPaused();
    expectProblem(await ada.say(id, 'Late answer.', 'assistant'), 409, 'session_not_active');
  });

  it('because the user paused it is 409 session_not_active', async () => {
    const id = await ada.begin();
    await ada.post(id, 'pause');
    const answer = await ada.say(id);
    expectProblem(answer, 409, 'session_not_active');
    expect(answer.body['detail']).toMatch(/paused/);
  });

  it.each(['complete', 'cancel'])('because it has ended by %s is 409 session_not_active', async (end) => {
    const id = await ada.begin();
    await ada.post(id, end);
    expectProblem(await ada.say(id), 409, 'session_not_active');
  });

  it('because it has expired is 409 session_not_active', async () => {
    const id = await autoPaused();
    lab.pass(14 * 24 * 60);
    expectProblem(await ada.say(id), 409, 'session_not_active');
  });

  it('with an Idempotency-Key resumes it once and is taken once', async () => {
    const id = await autoPaused();
    await ada.say(id, 'I am back.', 'user', { key: 'k' });
    await ada.post(id, 'pause');
    expect(await ada.say(id, 'I am back.', 'user', { key: 'k' })).toMatchObject({ status: 201 });
    expect((await lab.eventTypes(id)).slice(2)).toEqual(['SessionResumed', 'SessionMessageRecorded', 'SessionPaused']);
  });
});

describe('GET /coaching/sessions/{id}/messages', () => {
  it('gives all messages in their order, in pages; the session itself carries the newest 50', async () => {
    const id = await ada.begin();
    for (let n = 1; n <= 60; n++) await ada.say(id, `Message ${n}`, n % 2 ? 'user' : 'assistant');
    const seen: unknown[] = [];
    for (let next: number | null = 0; next !== null;) {
      const { body } = await ada.get(`sessions/${id}/messages?limit=25&after=${next}`);
      seen.push(...(body['items'] as { content: string }[]).map(({ content }) => content));
      next = body['next'] as number | null;
    }
    expect(seen).toEqual(Array.from({ length: 60 }, (_, n) => `Message ${n + 1}`));
    const { messages, message_count } = await ada.session(id);
    expect(message_count).toBe(60);
    expect((messages as { content: string }[]).map(({ content }) => content)).toEqual(seen.slice(10));
  });

  it('is for the session’s user only', async () => {
    const id = await ada.begin();
    expectProblem(await bob.get(`sessions/${id}/messages`), 403, 'session_forbidden');
    expectProblem(await lab.person('ada', 'other').get(`sessions/${id}/messages`), 404, 'session_not_found');
  });

  it.each(['after=-1', 'limit=0', 'limit=201', 'after=x', 'page=2'])('with ?%s is 422', async (query) => {
    const id = await ada.begin();
    expectProblem(await ada.get(`sessions/${id}/messages?${query}`), 422, 'invalid_input');
  });
});
