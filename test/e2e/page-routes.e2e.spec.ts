import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStore } from '../../src/platform/event-store/event-store.port.js';
import { MOST_EVENTS } from '../../src/workers/queries/get-worker-timeline.query.js';
import { expectProblem, fieldsOf } from '../support/problems.js';
import { CoachingLab } from '../support/coaching-lab.js';
import { MINUTE, NOON, REGION, ServiceHarness } from '../support/service-harness.js';
import type { Answer, WorkerHandle } from '../support/service-harness.js';

const OTHER_REGION = 'eu-central-1';
const NOBODY = '00000000-0000-5000-8000-000000000000';

/** What the page asks the service for. */
let lab: ServiceHarness;

type Row = Record<string, unknown>;

function itemsOf(answer: Answer): Row[] {
  expect(answer.status).toBe(200);
  return answer.body['items'] as Row[];
}

async function get(url: string): Promise<Answer> {
  return lab.request('GET', url, { token: await lab.tokenOfAll() });
}

describe('GET /workers', () => {
  let idle: WorkerHandle;
  let busy: WorkerHandle;
  let elsewhere: string;

  beforeAll(async () => {
    lab = await ServiceHarness.open();
    idle = await lab.addWorker({}, { name: 'b idle' });
    busy = await lab.addWorker({}, { name: 'a busy', idle_timeout_minutes: 90 });
    await lab.addWorker({ state: 'stopped' }, { name: 'd stopped' });
    const instanceId = lab.addInstance({ region: OTHER_REGION });
    const imported = await lab.request('POST', `/region/${OTHER_REGION}/workers/import`, {
      body: { aws_instance_id: instanceId, cml_endpoint: lab.cml.url, name: 'c elsewhere' },
    });
    elsewhere = String(imported.body['worker_id']);
    lab.clock.advance(61 * MINUTE);
  }, 60_000);

  afterAll(() => lab.close());

  it('has the workers of all regions, by name', async () => {
    const answer = await get('/workers');
    expect(itemsOf(answer).map(({ name, aws_region }) => [name, aws_region])).toEqual([
      ['a busy', REGION],
      ['b idle', REGION],
      ['c elsewhere', OTHER_REGION],
      ['d stopped', REGION],
    ]);
    expect(answer.body['next']).toBeNull();
    expect(answer.token).toEqual(expect.any(String));
  });

  it('says of each what its idle status says', async () => {
    const rows = new Map(itemsOf(await get('/workers')).map((row) => [row['worker_id'], row]));
    for (const worker of [idle, busy]) {
      expect(rows.get(worker.id)).toMatchObject(await worker.get('idle-status'));
    }
    expect(rows.get(idle.id)).toMatchObject({
      is_idle: true,
      reason: 'idle_timeout_exceeded',
      eligible_for_pause: true,
      target_pause_at: new Date(NOON + 60 * MINUTE).toISOString(),
      checked_at: new Date(NOON + 61 * MINUTE).toISOString(),
      aws_instance_id: idle.instanceId,
      cml_endpoint: lab.cml.url,
      power_change: null,
      paused_by: null,
      last_check_error: null,
    });
    expect(rows.get(busy.id)).toMatchObject({
      is_idle: false,
      idle_threshold_minutes: 90,
      idle_threshold_source: 'worker',
    });
  });

  it('comes in pages', async () => {
    const names: unknown[] = [];
    let after = '';
    for (let pages = 0; pages < 4; pages++) {
      const page: Answer = await get(`/workers?limit=1${after}`);
      names.push(...itemsOf(page).map(({ name }) => name));
      if (page.body['next'] === null) break;
      after = `&after=${page.body['next'] as string}`;
    }
    expect(names).toEqual(['a busy', 'b idle', 'c elsewhere', 'd stopped']);
  });

  it('can be asked for one status only', async () => {
    expect(itemsOf(await get('/workers?status=stopped')).map(({ name }) => name)).toEqual(['d stopped']);
    const first = await get('/workers?status=running&limit=2');
    expect(itemsOf(first).map(({ name }) => name)).toEqual(['a busy', 'b idle']);
    const rest = await get(`/workers?status=running&limit=2&after=${first.body['next'] as string}`);
    expect(itemsOf(rest).map(({ name }) => name)).toEqual(['c elsewhere']);
  });

  it('can be asked for some workers only, in the same order and in pages as well', async () => {
    const some = `worker_id=${elsewhere}&worker_id=${idle.id}&worker_id=${NOBODY}&worker_id=${busy.id}`;
    expect(itemsOf(await get(`/workers?${some}`)).map(({ name }) => name)).toEqual(['a busy', 'b idle', 'c elsewhere']);
    expect(itemsOf(await get(`/workers?worker_id=${idle.id}`))).toHaveLength(1);
    expect(itemsOf(await get(`/workers?worker_id=${idle.id}&status=stopped`))).toEqual([]);
    const first = await get(`/workers?${some}&limit=2`);
    const rest = await get(`/workers?${some}&limit=2&after=${first.body['next'] as string}`);
    expect(itemsOf(rest).map(({ name }) => name)).toEqual(['c elsewhere']);
    expect(rest.body['next']).toBeNull();
  });

  it('tells the failure of a worker’s last check', async () => {
    lab.telemetry = 'no telemetry';
    expectProblem(await idle.post('detect-idle'), 502, 'telemetry_unavailable');
    const [row] = itemsOf(await get(`/workers?worker_id=${idle.id}`));
    expect(row?.['last_check_error']).toMatchObject({ code: 'telemetry_unavailable', message: expect.any(String) });
    lab.telemetry = [];
  });

  it.each([
    ['status=sleeping', 'status'],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['after=x', 'after'],
    ['worker_id=x', 'worker_id'],
    [`worker_id=${NOBODY}&worker_id=`, 'worker_id'],
    ['region=x', 'region'],
  ])('is 422 for %s', async (query, field) => {
    const answer = await get(`/workers?${query}`);
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual([field]);
  });

  it('is 422 for more than a hundred workers', async () => {
    const many = Array.from({ length: 101 }, () => `worker_id=${NOBODY}`).join('&');
    const answer = await get(`/workers?${many}`);
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual(['worker_id']);
  });
});

describe('GET /region/{aws_region}/workers/{worker_id}/timeline', () => {
  let worker: WorkerHandle;
  const minute = (minutes: number): string => new Date(NOON + minutes * MINUTE).toISOString();
  const days = (count: number): number => count * 24 * 60;

  beforeAll(async () => {
    lab = await ServiceHarness.open();
    worker = await lab.addWorker({}, { name: 'lab' });
    lab.clock.set(NOON + 20 * MINUTE);
    lab.userIsActive();
    lab.clock.set(NOON + 30 * MINUTE);
    expect((await worker.post('detect-idle')).status).toBe(200);
    lab.clock.set(NOON + 90 * MINUTE);
    expect((await worker.post('detect-idle')).body).toMatchObject({ paused: true });
    worker.settle();
    lab.clock.set(NOON + 120 * MINUTE);
    expect((await worker.post('resume', { headers: { 'x-user-id': 'bob' } })).status).toBe(200);
    lab.clock.set(NOON + 130 * MINUTE);
  }, 60_000);

  afterAll(() => lab.close());

  it('tells when it was running, idle and paused, who did what, and why the last check decided so', async () => {
    const timeline = await worker.get('timeline');
    expect(timeline).toMatchObject({
      worker_id: worker.id,
      from: minute(130 - days(7)),
      to: minute(130),
      complete_since: null,
      segments: [
        { from: minute(130 - days(7)), to: minute(0), state: 'unknown' },
        { from: minute(0), to: minute(80), state: 'running' },
        { from: minute(80), to: minute(90), state: 'idle' },
        { from: minute(90), to: minute(120), state: 'paused' },
        { from: minute(120), to: minute(130), state: 'running' },
      ],
      activity: [minute(20)],
      last_check: {
        checked_at: minute(90),
        decision: {
          reason: 'idle_timeout_exceeded',
          idle_since: minute(20),
          idle_since_source: 'last_activity_at',
          idle_duration_minutes: 70,
          idle_threshold_minutes: 60,
          idle_threshold_source: 'setting',
          not_acted_because: null,
        },
        new_activity_count: 0,
        telemetry_event_count: 1,
        telemetry_malformed_count: 0,
      },
    });
    expect(timeline['moments']).toEqual([
      { at: minute(0), kind: 'registered', reason: null, by: 'anonymous', detail: 'lab' },
      {
        at: minute(90),
        kind: 'paused',
        reason: 'idle_timeout',
        by: 'system',
        detail: expect.stringContaining('70 min'),
      },
      { at: minute(120), kind: 'resumed', reason: 'manual', by: 'bob', detail: null },
    ]);
  });

  it('knows how things stood when the days that are asked for began', async () => {
    lab.clock.set(NOON + (100 + days(1)) * MINUTE);
    const timeline = await worker.get('timeline?days=1');
    expect(timeline).toMatchObject({
      complete_since: null,
      segments: [
        { from: minute(100), to: minute(120), state: 'paused' },
        { from: minute(120), to: minute(180), state: 'running' },
        { from: minute(180), to: minute(100 + days(1)), state: 'idle' },
      ],
      activity: [],
      last_check: { checked_at: minute(90) },
    });
    expect(timeline['moments']).toHaveLength(1);
  });

  it('says where it begins to be complete when there is more history than one answer reads', async () => {
    const events = lab.service.app.get(EventStore);
    const { metadata } = (await worker.history())[0] ?? {};
    if (!metadata) throw new Error('The worker has no history.');
    const seen = { previous_status: 'running', status: 'running', observed_at: minute(200) };
    for (let written = 0; written < MOST_EVENTS; written += 500) {
      const some = Array.from({ length: 500 }, () => ({
        id: randomUUID(),
        type: 'WorkerStatusChanged',
        data: { ...seen },
        metadata: { ...metadata, schema_version: 1 },
      }));
      await events.append(`cmlWorker-${worker.id}`, some, 'any');
    }
    lab.clock.set(NOON + 210 * MINUTE);
    expect(await worker.get('timeline?days=1')).toMatchObject({
      complete_since: minute(200),
      segments: [{ from: minute(210 - days(1)), to: minute(210), state: 'unknown' }],
      last_check: null,
    });
  }, 60_000);

  it('is 404 for a worker that is not there, or not in this region', async () => {
    expectProblem(await lab.request('GET', `/region/${REGION}/workers/${NOBODY}/timeline`), 404, 'worker_not_found');
    const elsewhere = `/region/${OTHER_REGION}/workers/${worker.id}/timeline`;
    expectProblem(await lab.request('GET', elsewhere), 404, 'worker_not_found');
  });

  it.each(['0', '32', '1.5', 'week'])('is 422 for %s days', async (asked) => {
    const answer = await lab.request('GET', `${worker.path}/timeline?days=${asked}`);
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual(['days']);
  });
});

describe('GET /admin/coaching/sessions', () => {
  const SECRET = 'What nobody else may read.';
  let coaching: CoachingLab;
  let quiet: string;

  beforeAll(async () => {
    coaching = await CoachingLab.open();
    lab = coaching.service;
    quiet = await coaching.person('ada', 'acme').begin('core_values');
    await coaching.person('ada', 'acme').say(quiet, SECRET);
    lab.clock.advance(20 * MINUTE);
    const paused = await coaching.person('bob', 'globex').begin('purpose');
    await coaching.person('bob', 'globex').post(paused, 'pause');
    lab.clock.advance(11 * MINUTE);
    await coaching.person('eve', 'initech').begin('vision');
  }, 60_000);

  afterAll(() => lab.close());

  it('has the sessions of all tenants, newest first, with when they will be paused', async () => {
    const minute = (minutes: number): string => new Date(NOON + minutes * MINUTE).toISOString();
    const answer = await get('/admin/coaching/sessions');
    expect(answer.body['next']).toBeNull();
    expect(itemsOf(answer)).toMatchObject([
      {
        tenant_id: 'initech',
        user_id: 'eve',
        topic_id: 'vision',
        topic_name: 'Vision Crafting',
        status: 'active',
        is_idle: false,
        inactive_minutes: 0,
        timeout_minutes: 30,
        auto_pause_at: minute(61),
      },
      { tenant_id: 'globex', status: 'paused', pause_reason: 'manual', paused_by: 'bob', auto_pause_at: null },
      {
        session_id: quiet,
        tenant_id: 'acme',
        created_at: minute(0),
        is_idle: true,
        inactive_minutes: 31,
        auto_pause_at: minute(30),
      },
    ]);
  });

  it('says nothing of what was said', async () => {
    const answer = await get('/admin/coaching/sessions');
    expect(JSON.stringify(answer.body)).not.toContain(SECRET);
    const names = Object.keys(itemsOf(answer)[0] ?? {});
    expect(names.filter((name) => /message|result|content/.test(name))).toEqual([]);
  });

  it('comes in pages, and for one status only', async () => {
    const first = await get('/admin/coaching/sessions?limit=2');
    expect(itemsOf(first).map(({ tenant_id }) => tenant_id)).toEqual(['initech', 'globex']);
    const rest = await get(`/admin/coaching/sessions?limit=2&after=${first.body['next'] as string}`);
    expect(itemsOf(rest).map(({ tenant_id }) => tenant_id)).toEqual(['acme']);
    expect(rest.body['next']).toBeNull();

    const active = await get('/admin/coaching/sessions?status=active&limit=1');
    expect(itemsOf(active).map(({ tenant_id }) => tenant_id)).toEqual(['initech']);
    const others = await get(`/admin/coaching/sessions?status=active&after=${active.body['next'] as string}`);
    expect(itemsOf(others).map(({ tenant_id }) => tenant_id)).toEqual(['acme']);
  });

  it.each(['status=asleep', 'limit=0', 'after=x', 'topic_id=vision'])('is 422 for %s', async (query) => {
    const answer = await lab.request('GET', `/admin/coaching/sessions?${query}`);
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual([query.split('=')[0]]);
  });
});

describe('GET /about', () => {
  beforeAll(async () => {
    lab = await ServiceHarness.open({ SERVICE_NOTICE: 'Only a test.', WORKER_IDLE_TIMEOUT_MINUTES: '15' });
    lab.clock.advance(MINUTE);
  }, 60_000);

  afterAll(() => lab.close());

  it('says what the service is, and by which settings it pauses', async () => {
    expect(await lab.request('GET', '/about')).toMatchObject({
      status: 200,
      body: {
        name: 'dormouse',
        version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
        notice: 'Only a test.',
        instance: null,
        event_store: 'embedded',
        read_models: 'embedded',
        started_at: new Date(NOON).toISOString(),
        now: new Date(NOON + MINUTE).toISOString(),
        settings: { auto_pause_enabled: true, idle_timeout_minutes: 15, snooze_minutes: 60 },
      },
    });
  });
});
