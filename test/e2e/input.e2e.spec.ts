import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem, fieldsOf } from '../support/problems.js';
import { REGION, ServiceHarness } from '../support/service-harness.js';
import type { Answer } from '../support/service-harness.js';

const WORKERS = `/region/${REGION}/workers`;
const WORKER = `${WORKERS}/3f0e5a52-0000-4000-8000-000000000000`;
const SESSION = '/coaching/sessions/sess_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01';
const CALLER = { 'x-tenant-id': 'acme', 'x-user-id': 'ada', 'content-type': 'application/json' };

/** Every route that takes a body, and a field of it. */
const ROUTES = [
  ['POST', `${WORKERS}/import`, 'name'],
  ['PATCH', `${WORKER}/policy`, 'idle_timeout_minutes'],
  ['POST', '/coaching/sessions', 'topic_id'],
  ['POST', `${SESSION}/messages`, 'content'],
  ['POST', `${SESSION}/complete`, 'result'],
] as const;

let lab: ServiceHarness;

beforeAll(async () => {
  lab = await ServiceHarness.open();
});

afterAll(() => lab.close());

describe.each(ROUTES)('%s %s', (method, url, field) => {
  const send = (body: string): Promise<Answer> => lab.request(method, url, { body, headers: CALLER });

  it('with JSON nested 3,000 deep is 422, naming the place', async () => {
    const answer = await send(`{"${field}":${'['.repeat(3_000)}${']'.repeat(3_000)}}`);
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual([expect.stringMatching(`^${field}(\\.0){50}$`)]);
  });

  it.each(['constructor', 'prototype', '__proto__'])('with a field named %s, at any depth, is 422', async (name) => {
    const answer = await send(`{"${name}":1,"${field}":[{"${name}":{}}]}`);
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual([name, `${field}.0.${name}`]);
  });
});

describe('A query', () => {
  it.each([`${WORKERS}?constructor=1`, '/coaching/sessions?__proto__=1', '/jobs?prototype=1'])(
    '%s is 422',
    async (url) => {
      expectProblem(await lab.request('GET', url, { headers: CALLER }), 422, 'invalid_input');
    },
  );
});

describe('A body', () => {
  it('of the largest message is read, although JSON writes each of its characters as two or six', async () => {
    for (const content of ['"'.repeat(65_536), '\u0001'.repeat(65_536)]) {
      const answer = await say(content);
      expectProblem(answer, 404, 'session_not_found');
    }
  });

  it('over the limit is 413', async () => {
    expectProblem(await say('x'.repeat(600_000)), 413, 'content_too_large');
  });

  const say = (content: string): Promise<Answer> =>
    lab.request('POST', `${SESSION}/messages`, { body: { role: 'user', content }, headers: CALLER });
});
