import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EventStore } from '../../src/platform/event-store/event-store.port.js';
import { loadSettings } from '../../src/platform/config/settings.js';
import { ReadModelStore } from '../../src/platform/read-models/read-model-store.port.js';
import { SubscriptionViews } from '../../src/subscriptions/queries/subscription-views.js';
import { SubscriptionsSettings } from '../../src/subscriptions/subscriptions-settings.js';
import { collect } from '../support/collect.js';
import { expectProblem, fieldsOf } from '../support/problems.js';
import { NOON, ServiceHarness } from '../support/service-harness.js';
import type { Answer, RequestOptions } from '../support/service-harness.js';

const NOBODY = 'sub_00000000-0000-5000-8000-000000000000';
const URL = 'https://billing.example.com/hooks/dormouse';
const PAUSED = 'dormouse.cml_worker.paused.v1';
const USER = { 'x-user-id': 'ada' };

let service: ServiceHarness;

beforeAll(async () => {
  service = await ServiceHarness.open({ WEBHOOK_MAX_SUBSCRIPTIONS: '1000' });
});
afterAll(() => service.close());
beforeEach(() => service.clock.set(NOON));

const create = (body: object = {}, options: RequestOptions = {}): Promise<Answer> =>
  service.request('POST', '/subscriptions', { body: { url: URL, ...body }, headers: USER, ...options });

/** A subscription, by its routes. */
async function existing(body: object = {}): Promise<{
  readonly id: string;
  readonly answer: Answer;
  readonly post: (what: string, options?: RequestOptions) => Promise<Answer>;
  readonly get: () => Promise<Answer>;
  readonly eventTypes: () => Promise<string[]>;
}> {
  const answer = await create(body);
  if (answer.status !== 201) throw new Error(`Answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  const id = String(answer.body['subscription_id']);
  const path = `/subscriptions/${id}`;
  return {
    id,
    answer,
    post: (what, options = {}) => service.request('POST', `${path}/${what}`, { headers: USER, ...options }),
    get: async () => service.request('GET', path, { token: await service.tokenOfAll() }),
    eventTypes: async () => {
      const events = service.service.app.get(EventStore).readStream(`webhookSubscription-${id}`);
      return (await collect(events)).map(({ type }) => type);
    },
  };
}

describe('POST /subscriptions', () => {
  it('answers 201 with the subscription and its secret', async () => {
    const answer = await create({
      types: [PAUSED],
      aggregate_kind: 'cml_worker',
      aggregate_id: '5f0c',
      after: 'beginning',
      description: 'billing',
    });
    expect(answer).toMatchObject({ status: 201, token: expect.any(String) });
    expect(answer.body).toEqual({
      subscription_id: expect.stringMatching(/^sub_[0-9a-f-]{36}$/),
      url: URL,
      description: 'billing',
      types: [PAUSED],
      aggregate_kind: 'cml_worker',
      aggregate_id: '5f0c',
      state: 'active',
      suspension: null,
      secret_version: 1,
      created_by: 'ada',
      created_at: new Date(NOON).toISOString(),
      updated_at: new Date(NOON).toISOString(),
      secret: expect.stringMatching(/^whsec_[\w+/]{43}=$/),
    });
  });

  it('needs no more than a URL: all events, from now on', async () => {
    const { get } = await existing();
    expect((await get()).body).toMatchObject({
      types: null,
      aggregate_kind: null,
      aggregate_id: null,
      delivered: 0,
      lag_events: 0,
      lag_seconds: 0,
      last_delivery_at: null,
      last_error: null,
    });
  });

  it('sent again under its key makes one subscription, and tells the same secret', async () => {
    const key = 'a key of its own';
    const [first, second] = [await create({}, { key }), await create({}, { key })];
    expect(second.status).toBe(201);
    expect(second.body).toEqual(first.body);
    expect((await create({}, { key: 'another' })).body['subscription_id']).not.toBe(first.body['subscription_id']);
  });

  it('keeps the secret out of the history, of queries and of the log; its key is a file for its owner only', async () => {
    const { id, answer, get } = await existing();
    const secret = String(answer.body['secret']);
    const stored = await collect(service.service.app.get(EventStore).readStream(`webhookSubscription-${id}`));
    expect(JSON.stringify([stored, (await get()).body])).not.toContain(secret.slice(6));
    const file = join(service.dataDirectory, 'webhook-signing.key');
    expect(existsSync(file) && statSync(file).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['no url', { url: undefined }, ['url']],
    ['a url that is none', { url: 'example.com' }, ['url']],
    ['another protocol', { url: 'ftp://example.com/' }, ['url']],
    ['a user in the url', { url: 'https://me@example.com/' }, ['url']],
    ['a fragment', { url: 'https://example.com/#a' }, ['url']],
    ['a url that is too long', { url: `https://example.com/${'x'.repeat(2_048)}` }, ['url']],
    ['a private address', { url: 'http://192.168.0.1/' }, ['url']],
    ['loopback in disguise', { url: 'http://0x7f.1/' }, ['url']],
    ['cloud metadata', { url: 'http://169.254.169.254/latest/meta-data/' }, ['url']],
    ['localhost', { url: 'http://localhost:3000/' }, ['url']],
    ['a number for the url', { url: 5 }, ['url']],
    ['an unknown type', { types: ['dormouse.cml_worker.flew_away.v1'] }, ['types']],
    ['a stored type', { types: ['WorkerPaused'] }, ['types']],
    ['no types', { types: [] }, ['types']],
    ['a type twice', { types: [PAUSED, PAUSED] }, ['types']],
    ['types that are no list', { types: PAUSED }, ['types']],
    ['an unknown kind', { aggregate_kind: 'kettle' }, ['aggregate_kind']],
    ['an unpublished kind', { aggregate_kind: 'webhook_subscription' }, ['aggregate_kind']],
    ['an id without its kind', { aggregate_id: '5f0c' }, ['aggregate_kind']],
    ['a type of another kind', { types: [PAUSED], aggregate_kind: 'coaching_session' }, ['types']],
    ['what is no position', { after: 'yesterday' }, ['after']],
    ['a description that is too long', { description: 'x'.repeat(201) }, ['description']],
    [
      'several of these',
      { url: 'http://10.0.0.1/', types: ['x'], aggregate_id: 'y' },
      ['url', 'types', 'aggregate_kind'],
    ],
    ['an unknown field', { secret: 'whsec_mine' }, ['secret']],
  ])('with %s is 422 and names it', async (_, body, fields) => {
    const answer = await create(body);
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual(fields);
  });

  it('says which types there are', async () => {
    const answer = await create({ types: ['x'] });
    expect(JSON.stringify(answer.body)).toContain(PAUSED);
  });

  it('after a position of another history is 409', async () => {
    expectProblem(await create({ after: '00000000.5' }), 409, 'position_of_another_history');
  });

  it('after a position that the history does not reach is 409', async () => {
    const token = String(await service.tokenOfAll());
    expectProblem(await create({ after: token.replace(/\..*/, '.zzzzzzz') }), 409, 'position_beyond_the_end');
  });
});

describe('GET /subscriptions', () => {
  it('pages through all of them, and through those in one state', async () => {
    const subscriptions = [await existing(), await existing(), await existing()];
    await subscriptions[1]?.post('pause');
    const token = await service.tokenOfAll();
    const ids: string[] = [];
    for (let after = ''; ;) {
      const { body } = await service.request('GET', `/subscriptions?limit=2${after}`, { token });
      const next = body['next'] as string | null;
      ids.push(...(body['items'] as { subscription_id: string }[]).map(({ subscription_id }) => subscription_id));
      if (next === null) break;
      after = `&after=${next}`;
    }
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(subscriptions.map(({ id }) => id)));
    const paused = await service.request('GET', '/subscriptions?state=paused', { token });
    expect(paused.body).toMatchObject({
      items: [{ subscription_id: subscriptions[1]?.id, state: 'paused' }],
      next: null,
    });
  });

  it.each([
    ['state=asleep', 'state'],
    ['limit=0', 'limit'],
    ['after=x', 'after'],
    ['page=2', 'page'],
  ])('with %s is 422', async (query, field) => {
    const answer = await service.request('GET', `/subscriptions?${query}`);
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual([field]);
  });
});

describe('A subscription', () => {
  it('is paused and resumed; once more changes nothing', async () => {
    const { post, eventTypes } = await existing();
    for (const verb of ['pause', 'pause', 'resume', 'resume']) {
      expect(await post(verb)).toMatchObject({
        status: 200,
        token: expect.any(String),
        body: { state: verb === 'pause' ? 'paused' : 'active' },
      });
    }
    expect(await eventTypes()).toEqual(['SubscriptionCreated', 'SubscriptionPaused', 'SubscriptionResumed']);
  });

  it('is shown as it is once the consistency token of the change is reached', async () => {
    const { id, post } = await existing();
    const { token } = await post('pause');
    const { status, body } = await service.request('GET', `/subscriptions/${id}`, { token });
    expect([status, body['state']]).toEqual([200, 'paused']);
  });

  it('begins again elsewhere: a redelivery, once for each key', async () => {
    const { post, get, eventTypes } = await existing();
    const position = String((await get()).body['position']);
    expect(await post('redeliver', { body: { after: 'beginning' }, key: 'k' })).toMatchObject({ status: 200 });
    expect(await post('redeliver', { body: { after: 'beginning' }, key: 'k' })).toMatchObject({ status: 200 });
    expect((await get()).body['position']).toBeNull();
    await post('redeliver', { body: { after: position } });
    expect((await get()).body['position']).toBe(position);
    expect((await eventTypes()).slice(1)).toEqual(Array(2).fill('SubscriptionRedeliveryRequested'));
  });

  it.each([
    ['without a position', {}, 422, 'invalid_input'],
    ['from what is no position', { after: 'x y' }, 422, 'invalid_input'],
    ['from another history', { after: '00000000.1' }, 409, 'position_of_another_history'],
  ])('%s is not delivered again', async (_, body, status, code) => {
    const { post } = await existing();
    expectProblem(await post('redeliver', { body }), status, code);
  });

  it('gets another secret, once for each key', async () => {
    const { answer, post } = await existing();
    const [first, second] = [await post('rotate-secret', { key: 'k' }), await post('rotate-secret', { key: 'k' })];
    expect(first.body).toMatchObject({ secret_version: 2, secret: expect.stringMatching(/^whsec_/) });
    expect(first.body['secret']).not.toBe(answer.body['secret']);
    expect(second.body).toEqual(first.body);
  });

  it('is deleted, and is 404 from then on', async () => {
    const { id, post, get, eventTypes } = await existing();
    const deletion = () => service.request('DELETE', `/subscriptions/${id}`, { key: 'k' });
    expect(await deletion()).toMatchObject({ status: 204, body: {}, token: expect.any(String) });
    expect(await deletion()).toMatchObject({ status: 204 });
    expectProblem(await get(), 404, 'subscription_not_found');
    expectProblem(await service.request('DELETE', `/subscriptions/${id}`), 404, 'subscription_not_found');
    for (const verb of ['pause', 'resume', 'rotate-secret']) {
      expectProblem(await post(verb), 404, 'subscription_not_found');
    }
    expect(await eventTypes()).toEqual(['SubscriptionCreated', 'SubscriptionDeleted']);
  });

  it.each([
    ['GET', NOBODY, 404, 'subscription_not_found'],
    ['DELETE', NOBODY, 404, 'subscription_not_found'],
    ['POST', `${NOBODY}/pause`, 404, 'subscription_not_found'],
    ['POST', `${NOBODY}/resume`, 404, 'subscription_not_found'],
    ['POST', `${NOBODY}/rotate-secret`, 404, 'subscription_not_found'],
    ['GET', 'sub_1', 422, 'invalid_input'],
    ['POST', 'sub_1/pause', 422, 'invalid_input'],
  ] as const)('that does not exist: %s %s is %i', async (method, path, status, code) => {
    expectProblem(await service.request(method, `/subscriptions/${path}`), status, code);
  });
});

describe('What is asked again and again', () => {
  it('is answered from an index, however many subscriptions there are', async () => {
    const { app } = service.service;
    const suspended = await app.get(SubscriptionViews).all.explain({ where: { status: 'suspended' }, limit: 20 });
    expect(suspended.usesIndex).not.toBeNull();
    const progress = await app.get(ReadModelStore).collection({ name: 'push_progress' });
    const orderBy = { field: 'failing_since', direction: 'asc' } as const;
    const failing = await progress.explain({ where: { failing_since: { lt: NOON } }, orderBy, limit: 20 });
    expect(failing.usesIndex).not.toBeNull();
  });
});

describe('The service', () => {
  it('takes no more subscriptions than the setting says; a repeated command is none', async () => {
    const other = await ServiceHarness.open({ WEBHOOK_MAX_SUBSCRIPTIONS: '1' });
    const subscribe = (key: string) => other.request('POST', '/subscriptions', { body: { url: URL }, key });
    expect(await subscribe('one')).toMatchObject({ status: 201 });
    await other.request('GET', '/subscriptions', { token: await other.tokenOfAll() });
    expectProblem(await subscribe('two'), 409, 'too_many_subscriptions');
    expect(await subscribe('one')).toMatchObject({ status: 201 });
    await other.close();
  });

  it.each([
    ['WEBHOOK_SIGNING_KEY', 'short'],
    ['WEBHOOK_TIMEOUT_MS', '0'],
    ['WEBHOOK_SUSPEND_AFTER_HOURS', '-1'],
    ['WEBHOOK_ALLOW_PRIVATE_TARGETS', 'perhaps'],
    ['WEBHOOK_MAX_SUBSCRIPTIONS', '0'],
  ])('does not start with %s=%s', (name, value) => {
    const load = () => loadSettings(SubscriptionsSettings, { [name]: value });
    expect(load).toThrow(name);
    expect(load).not.toThrow('short');
  });
});
