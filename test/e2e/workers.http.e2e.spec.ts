import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem, fieldsOf } from '../support/problems.js';
import { MINUTE, NOON, REGION, ServiceHarness } from '../support/service-harness.js';
import type { Answer } from '../support/service-harness.js';

const NOBODY = '00000000-0000-5000-8000-000000000000';
const IMPORT = `/region/${REGION}/workers/import`;
const iso = (at: number): string => new Date(at).toISOString();

let lab: ServiceHarness;

beforeEach(async () => {
  lab = await ServiceHarness.open();
});

afterEach(() => lab.close());

describe('POST /region/{aws_region}/workers/import', () => {
  it('answers 201 with the worker, its status as EC2 says', async () => {
    const instanceId = lab.addInstance({ state: 'stopped', tags: { Name: 'Lab one' } });
    const answer = await lab.request('POST', IMPORT, { body: { aws_instance_id: instanceId } });
    expect(answer).toMatchObject({
      status: 201,
      body: {
        worker_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        status: 'stopped',
        name: 'Lab one',
        aws_region: REGION,
        aws_instance_id: instanceId,
        registered_at: iso(NOON),
        idle_timeout_minutes: null,
      },
    });
  });

  it('takes name, CML endpoint and idle timeout from the request', async () => {
    const given = { name: 'Other', cml_endpoint: 'https://cml.example.net', idle_timeout_minutes: 0.5 };
    const answer = await lab.request('POST', IMPORT, { body: { aws_instance_id: lab.addInstance(), ...given } });
    expect(answer).toMatchObject({ status: 201, body: given });
  });

  it('is 409 when the instance is registered', async () => {
    const worker = await lab.addWorker();
    const again = await lab.request('POST', IMPORT, { body: { aws_instance_id: worker.instanceId } });
    expectProblem(again, 409, 'worker_already_registered');
    expect(await worker.eventTypes()).toEqual(['WorkerRegistered']);
  });

  it('makes one worker of two imports at once', async () => {
    const body = { aws_instance_id: lab.addInstance() };
    const answers = await Promise.all([1, 2].map(() => lab.request('POST', IMPORT, { body })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  it('is 404 instance_not_found when EC2 does not know it', async () => {
    const answer = await lab.request('POST', IMPORT, { body: { aws_instance_id: 'i-00000000000000fff' } });
    expectProblem(answer, 404, 'instance_not_found');
  });

  it('is 409 for an instance that is terminated', async () => {
    const body = { aws_instance_id: lab.addInstance({ state: 'terminated' }) };
    expectProblem(await lab.request('POST', IMPORT, { body }), 409, 'worker_terminated');
  });

  it('is 502 with EC2’s code when EC2 refuses', async () => {
    lab.ec2.faultNext({ kind: 'refuse', code: 'UnauthorizedOperation' });
    const answer = await lab.request('POST', IMPORT, { body: { aws_instance_id: lab.addInstance() } });
    expectProblem(answer, 502, 'ec2_refused');
    expect(answer.body['ec2_code']).toBe('UnauthorizedOperation');
  });

  it('is 422 naming every field that is unknown or bad', async () => {
    const body = { aws_instance_id: 'x', name: '', cml_endpoint: 'ftp://x', idle_timeout_minutes: 0, colour: 'red' };
    const answer = await lab.request('POST', IMPORT, { body });
    expectProblem(answer, 422, 'invalid_input');
    expect(new Set(fieldsOf(answer))).toEqual(
      new Set(['aws_instance_id', 'name', 'cml_endpoint', 'idle_timeout_minutes', 'colour']),
    );
  });

  it.each([null, [], 'text', 5, true])('is 422 for a body that is %j', async (body) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await lab.request('POST', IMPORT, { body: JSON.stringify(body), headers });
    expectProblem(answer, 422, 'invalid_input');
  });
});

describe('Any request with a body', () => {
  it('is 400 when the JSON is malformed', async () => {
    const headers = { 'content-type': 'application/json' };
    expectProblem(await lab.request('POST', IMPORT, { body: '{"a":', headers }), 400, 'malformed_json');
  });

  it.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded'])(
    'is 415 when the body is %s',
    async (type) => {
      const answer = await lab.request('POST', IMPORT, { body: 'a=b', headers: { 'content-type': type } });
      expectProblem(answer, 415, 'unsupported_media_type');
    },
  );

  it('is 413 when the body is over the limit', async () => {
    const body = { aws_instance_id: 'x'.repeat(600_000) };
    expectProblem(await lab.request('POST', IMPORT, { body }), 413, 'content_too_large');
  });

  it('may be sent without one, but with its header, where none is needed', async () => {
    const worker = await lab.addWorker();
    const headers = { 'content-type': 'application/json' };
    expect(await worker.post('idle-detection/enable', { headers })).toMatchObject({ status: 200 });
  });

  it('is 422 for a region that is none', async () => {
    const body = { aws_instance_id: lab.addInstance() };
    const answer = await lab.request('POST', '/region/nowhere/workers/import', { body });
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual(['aws_region']);
  });
});

describe('A worker that is not here', () => {
  const routes: [method: 'GET' | 'POST' | 'PATCH' | 'DELETE', what: string, body: object | null][] = [
    ['GET', '', null],
    ['GET', '/activity', null],
    ['GET', '/idle-status', null],
    ['GET', '/telemetry-events', null],
    ['GET', '/ec2-state', null],
    ['POST', '/pause', null],
    ['POST', '/resume', null],
    ['POST', '/detect-idle', null],
    ['POST', '/idle-detection/enable', null],
    ['POST', '/idle-detection/disable', null],
    ['PATCH', '/policy', { idle_timeout_minutes: 5 }],
    ['DELETE', '', null],
  ];

  it.each(routes)('is 404 for %s %s, unknown or of another region', async (method, what, body) => {
    const worker = await lab.addWorker();
    const options = { ...(body ? { body } : {}), token: await lab.tokenOfAll() };
    const elsewhere = `/region/eu-west-1/workers/${worker.id}${what}`;
    expectProblem(await lab.request(method, elsewhere, options), 404, 'worker_not_found');
    const unknown = `/region/${REGION}/workers/${NOBODY}${what}`;
    expectProblem(await lab.request(method, unknown, options), 404, 'worker_not_found');
    const malformed = await lab.request(method, `/region/${REGION}/workers/who${what}`, options);
    expectProblem(malformed, 422, 'invalid_input');
    expect(fieldsOf(malformed)).toEqual(['worker_id']);
    expect(await worker.eventTypes()).toEqual(['WorkerRegistered']);
    expect(worker.stops + worker.starts).toBe(0);
  });

  it('is 404 for a route that does not exist', async () => {
    expectProblem(await lab.request('GET', '/region/us-east-1/nothing'), 404, 'route_not_found');
  });
});

describe('GET /region/{aws_region}/workers', () => {
  it('pages through a region’s workers by name, filtered by status', async () => {
    const names = ['delta', 'alpha', 'charlie', 'bravo'];
    for (const name of names) await lab.addWorker(name === 'charlie' ? { state: 'stopped' } : {}, { name });
    const list = async (query: string): Promise<Answer> =>
      lab.request('GET', `/region/${REGION}/workers?${query}`, { token: await lab.tokenOfAll() });
    const named = ({ body }: Answer): unknown[] => (body['items'] as { name: string }[]).map(({ name }) => name);

    const first = await list('limit=3');
    expect(named(first)).toEqual(['alpha', 'bravo', 'charlie']);
    const second = await list(`limit=3&after=${String(first.body['next'])}`);
    expect(named(second)).toEqual(['delta']);
    expect(second.body['next']).toBeNull();
    expect(named(await list('status=stopped'))).toEqual(['charlie']);
    expect((await lab.request('GET', '/region/eu-west-1/workers')).body).toEqual({ items: [], next: null });
  });

  it.each(['status=sleeping', 'limit=0', 'limit=1001', 'limit=x', 'after=nonsense', 'colour=red'])(
    'is 422 for %s, naming the parameter',
    async (query) => {
      const answer = await lab.request('GET', `/region/${REGION}/workers?${query}`);
      expectProblem(answer, 422, 'invalid_input');
      expect(new Set(fieldsOf(answer))).toEqual(new Set([query.split('=')[0]]));
    },
  );
});

describe('DELETE /region/{aws_region}/workers/{worker_id}', () => {
  it('forgets the worker and leaves the instance alone', async () => {
    const worker = await lab.addWorker();
    const answer = await lab.request('DELETE', worker.path);
    expect(answer).toMatchObject({ status: 204, body: {} });
    expectProblem(await lab.request('GET', worker.path, { token: answer.token }), 404, 'worker_not_found');
    expect(lab.ec2.instances.get(worker.instanceId).state).toBe('running');
    expect(lab.ec2.received).toEqual([]);
  });

  it('lets the instance be registered again, under the same id', async () => {
    const worker = await lab.addWorker();
    await lab.request('DELETE', worker.path);
    const again = await lab.request('POST', IMPORT, { body: { aws_instance_id: worker.instanceId } });
    expect(again).toMatchObject({ status: 201, body: { worker_id: worker.id } });
  });
});

describe('GET .../activity and .../idle-status', () => {
  it('show what the last check found', async () => {
    const worker = await lab.addWorker();
    lab.clock.advance(10 * MINUTE);
    lab.userIsActive(NOON + 5 * MINUTE);
    await worker.post('detect-idle');
    expect(await worker.get('activity')).toEqual({
      worker_id: worker.id,
      last_activity_at: iso(NOON + 5 * MINUTE),
      last_activity_check_at: iso(NOON + 10 * MINUTE),
      recent_activity_events: [{ timestamp: iso(NOON + 5 * MINUTE), category: 'start_lab', data: expect.any(Object) }],
      auto_pause_count: 0,
      manual_pause_count: 0,
      external_pause_count: 0,
      auto_resume_count: 0,
      manual_resume_count: 0,
      external_resume_count: 0,
      last_paused_at: null,
      paused_by: null,
      pause_reason: null,
      last_resumed_at: null,
      resumed_by: null,
      resume_reason: null,
      was_auto_paused: false,
      next_idle_check_at: iso(NOON + 40 * MINUTE),
      target_pause_at: iso(NOON + 65 * MINUTE),
      is_idle_detection_enabled: true,
      in_snooze_period: false,
      snooze_until: null,
      idle_duration_minutes: 5,
      last_check_error: null,
    });
  });

  it('report a worker idle that crosses its timeout between two checks', async () => {
    const worker = await lab.addWorker();
    await worker.post('detect-idle');
    lab.clock.advance(60 * MINUTE - 1);
    expect(await worker.get('idle-status')).toMatchObject({ is_idle: false, reason: 'not_idle_yet' });
    lab.clock.advance(1);
    expect(await worker.get('idle-status')).toEqual({
      worker_id: worker.id,
      status: 'running',
      is_idle: true,
      reason: 'idle_timeout_exceeded',
      idle_since: iso(NOON),
      idle_duration_minutes: 60,
      idle_threshold_minutes: 60,
      idle_threshold_source: 'setting',
      last_activity_at: null,
      in_snooze_period: false,
      snooze_until: null,
      auto_pause_enabled: true,
      idle_detection_enabled: true,
      eligible_for_pause: true,
      target_pause_at: iso(NOON + 60 * MINUTE),
      next_idle_check_at: iso(NOON + 30 * MINUTE),
      checked_at: iso(NOON + 60 * MINUTE),
    });
    expect(worker.stops).toBe(0);
  });

  it('never move activity and never wake a worker', async () => {
    const worker = await lab.addWorker();
    lab.userIsActive();
    for (const what of ['', 'activity', 'idle-status', 'telemetry-events', 'ec2-state']) await worker.get(what);
    expect(await worker.eventTypes()).toEqual(['WorkerRegistered']);
    expect(await worker.get('activity')).toMatchObject({ last_activity_at: null, last_activity_check_at: null });
    expect(lab.ec2.received).toEqual([]);
  });
});

describe('GET .../telemetry-events and .../ec2-state', () => {
  it('hands out the relevant events of CML, newest first', async () => {
    const worker = await lab.addWorker();
    const timestamp = '2026-03-04T10:00:00';
    lab.telemetry = [{ category: 'system_stats', timestamp, data: null }, 'rubbish'];
    lab.userIsActive(NOON - 3 * MINUTE);
    lab.userIsActive(NOON - MINUTE, 'stop_lab');
    expect(await worker.get('telemetry-events')).toMatchObject({
      items: [{ category: 'stop_lab', timestamp: iso(NOON - MINUTE) }, { category: 'start_lab' }],
      relevant_count: 2,
      total_count: 4,
      malformed_count: 1,
    });
    expect((await worker.get('telemetry-events?limit=1'))['items']).toHaveLength(1);
  });

  it('is 502 when the telemetry is down', async () => {
    const worker = await lab.addWorker();
    await lab.cml.stop();
    const answer = await lab.request('GET', `${worker.path}/telemetry-events`, { token: await lab.tokenOfAll() });
    expectProblem(answer, 502, 'telemetry_unavailable');
  });

  it('describes the instance as EC2 does now, also a stopped one', async () => {
    const worker = await lab.addWorker({ state: 'stopped', tags: { Name: 'n', Team: 'net' } });
    expect(await worker.get('ec2-state')).toMatchObject({
      worker_id: worker.id,
      aws_instance_id: worker.instanceId,
      state: 'stopped',
      status: 'stopped',
      instance_type: 'm5zn.metal',
      launch_time: iso(NOON),
      tags: { Name: 'n', Team: 'net' },
    });
  });

  it('is 502 with EC2’s code when EC2 refuses', async () => {
    const worker = await lab.addWorker();
    lab.ec2.faultNext({ kind: 'refuse', code: 'UnauthorizedOperation' });
    const answer = await lab.request('GET', `${worker.path}/ec2-state`, { token: await lab.tokenOfAll() });
    expectProblem(answer, 502, 'ec2_refused');
  });
});

describe('The idle detection switch and the policy', () => {
  it('are idempotent: one event for each real change', async () => {
    const worker = await lab.addWorker();
    for (const what of ['enable', 'disable', 'disable', 'enable', 'enable']) {
      const answer = await worker.post(`idle-detection/${what}`);
      expect(answer).toMatchObject({ status: 200, body: { is_success: true, status: 200, data: true } });
    }
    const toggled = await worker.dataOf('WorkerIdleDetectionToggled');
    expect(toggled.map((data) => data['is_idle_detection_enabled'])).toEqual([false, true]);
  });

  it('apply a policy to the running worker at once, and give the global one back', async () => {
    const worker = await lab.addWorker();
    lab.clock.advance(10 * MINUTE);
    const patch = (idle_timeout_minutes: unknown): Promise<Answer> =>
      lab.request('PATCH', `${worker.path}/policy`, { body: { idle_timeout_minutes } });
    expect(await patch(7.5)).toMatchObject({ status: 200, body: { is_success: true } });
    expect(await worker.get('idle-status')).toMatchObject({
      is_idle: true,
      idle_threshold_minutes: 7.5,
      idle_threshold_source: 'worker',
      target_pause_at: iso(NOON + 7.5 * MINUTE),
    });
    await patch(null);
    expect(await worker.get('idle-status')).toMatchObject({ is_idle: false, idle_threshold_source: 'setting' });
    await patch(7.5);
    expect((await worker.post('detect-idle')).body).toMatchObject({ paused: true });
  });

  it.each([{}, { idle_timeout_minutes: 0 }, { idle_timeout_minutes: -1 }, { idle_timeout_minutes: '5' }])(
    'refuse the policy %j with 422',
    async (body) => {
      const worker = await lab.addWorker();
      const answer = await lab.request('PATCH', `${worker.path}/policy`, { body });
      expectProblem(answer, 422, 'invalid_input');
      expect(new Set(fieldsOf(answer))).toEqual(new Set(['idle_timeout_minutes']));
    },
  );
});
