import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/problems.js';
import { MINUTE, NOON, ServiceHarness } from '../support/service-harness.js';
import type { Answer, WorkerHandle } from '../support/service-harness.js';

const iso = (at: number): string => new Date(at).toISOString();

let lab: ServiceHarness;

beforeEach(async () => {
  lab = await ServiceHarness.open();
});

afterEach(() => lab.close());

/** An idle worker: 90 minutes without a user. */
async function idleWorker(): Promise<WorkerHandle> {
  const worker = await lab.addWorker();
  lab.clock.advance(90 * MINUTE);
  return worker;
}

describe('POST .../detect-idle', () => {
  it('says why nothing is due', async () => {
    const worker = await lab.addWorker();
    lab.userIsActive();
    expect((await worker.post('detect-idle')).body).toMatchObject({
      reason: 'recent_activity',
      paused: false,
      new_activity_count: 1,
      target_pause_at: iso(NOON + 60 * MINUTE),
    });
    lab.clock.advance(30 * MINUTE);
    expect((await worker.post('detect-idle')).body).toMatchObject({
      reason: 'not_idle_yet',
      paused: false,
      not_acted_because: null,
      idle_duration_minutes: 30,
      target_pause_at: iso(NOON + 60 * MINUTE),
    });
    expect(worker.stops).toBe(0);
  });

  it('pauses an idle worker, with the evidence in the event', async () => {
    const worker = await lab.addWorker();
    lab.userIsActive();
    await worker.post('detect-idle');
    lab.clock.advance(60 * MINUTE);
    expect((await worker.post('detect-idle')).body).toMatchObject({
      reason: 'idle_timeout_exceeded',
      paused: true,
      not_acted_because: null,
      idle_duration_minutes: 60,
    });
    expect(await worker.dataOf('WorkerPaused')).toEqual([
      {
        pause_id: expect.any(String),
        reason: 'idle_timeout',
        paused_by: 'system',
        paused_at: iso(NOON + 60 * MINUTE),
        idle_duration_minutes: 60,
        auto_pause_count: 1,
        manual_pause_count: 0,
        external_pause_count: 0,
        status: 'stopping',
        evidence: {
          last_activity_at: iso(NOON),
          last_activity_event: { timestamp: iso(NOON), category: 'start_lab' },
          idle_since: iso(NOON),
          idle_since_source: 'last_activity_at',
          idle_threshold_minutes: 60,
          idle_threshold_source: 'setting',
          checked_at: iso(NOON + 60 * MINUTE),
        },
      },
    ]);
    expect(worker.stops).toBe(1);
  });

  it('leaves a resumed worker alone until exactly the end of its snooze', async () => {
    const worker = await lab.addWorker({}, { idle_timeout_minutes: 5 });
    await worker.post('pause');
    worker.settle();
    await worker.post('resume');
    worker.settle();
    await lab.runJob('worker-status-sync');
    lab.clock.advance(60 * MINUTE - 1);
    expect((await worker.post('detect-idle')).body).toMatchObject({
      reason: 'in_snooze_period',
      paused: false,
      snooze_until: iso(NOON + 60 * MINUTE),
    });
    lab.clock.advance(1);
    expect((await worker.post('detect-idle')).body).toMatchObject({ reason: 'idle_timeout_exceeded', paused: true });
  });

  it('decides but does not act when the worker’s own detection is off', async () => {
    const worker = await idleWorker();
    await worker.post('idle-detection/disable');
    expect((await worker.post('detect-idle')).body).toMatchObject({
      reason: 'idle_timeout_exceeded',
      paused: false,
      not_acted_because: 'idle_detection_disabled',
    });
    expect(worker.stops).toBe(0);
  });

  it('decides but does not act on a worker that is not running, and does not ask its CML', async () => {
    const worker = await lab.addWorker({ state: 'stopped' });
    lab.clock.advance(90 * MINUTE);
    expect((await worker.post('detect-idle')).body).toMatchObject({ paused: false, not_acted_because: 'not_running' });
    expect(lab.cml.telemetryReads).toBe(0);
    expect(await worker.eventTypes()).toEqual(['WorkerRegistered']);
  });

  it('records the decision it would have acted on when auto-pause is off', async () => {
    await lab.restartService({ WORKER_AUTO_PAUSE_ENABLED: 'false' });
    const worker = await idleWorker();
    await worker.post('detect-idle');
    const [{ decision } = {}] = await worker.dataOf('WorkerActivityUpdated');
    expect(decision).toMatchObject({
      reason: 'idle_timeout_exceeded',
      idle_duration_minutes: 90,
      not_acted_because: 'auto_pause_disabled',
    });
    expect(await worker.get('idle-status')).toMatchObject({
      is_idle: true,
      auto_pause_enabled: false,
      eligible_for_pause: false,
    });
    expect(worker.stops).toBe(0);
    await lab.restartService();
    expect((await worker.post('detect-idle')).body).toMatchObject({ paused: true });
  });

  it('is 502 with EC2’s code when EC2 refuses the stop; the next check tries again', async () => {
    const worker = await idleWorker();
    lab.ec2.faultNext({ kind: 'refuse', code: 'UnauthorizedOperation' }, { target: 'StopInstances' });
    const refused = await worker.post('detect-idle');
    expectProblem(refused, 502, 'ec2_refused');
    expect(refused.body['ec2_code']).toBe('UnauthorizedOperation');
    expect(await worker.dataOf('WorkerPaused')).toEqual([]);
    expect((await worker.post('detect-idle')).body).toMatchObject({ paused: true });
    expect(await worker.dataOf('WorkerPaused')).toMatchObject([{ auto_pause_count: 1 }]);
  });

  const failures = [
    ['is not JSON', { kind: 'answer', status: 200, body: '<html>' }, 'not_json'],
    ['is not an array', { kind: 'answer', status: 200, body: '{"events":[]}' }, 'not_array'],
    ['answers 500', { kind: 'answer', status: 500, body: '{}' }, 'http_status'],
    ['drops the connection', { kind: 'drop' }, 'unreachable'],
    ['never answers', { kind: 'never_answer' }, 'timeout'],
  ] as const;

  it.each(failures)('never takes it for idleness that telemetry %s', async (_, fault, failure) => {
    await lab.restartService({ CML_REQUEST_TIMEOUT_MS: '150' });
    const worker = await lab.addWorker();
    lab.userIsActive();
    await worker.post('detect-idle');
    lab.clock.advance(90 * MINUTE);
    lab.cml.faultNext(fault, { target: '/telemetry/events', times: Infinity });
    const answer = await worker.post('detect-idle');
    expectProblem(answer, 502, 'telemetry_unavailable');
    expect(answer.body).toMatchObject({ failure, reason: 'telemetry_unavailable', paused: false });
    expect(await worker.eventTypes()).toEqual(['WorkerRegistered', 'WorkerActivityUpdated']);
    expect(await worker.get('activity')).toMatchObject({
      last_activity_check_at: iso(NOON),
      last_check_error: { at: iso(NOON + 90 * MINUTE), code: 'telemetry_unavailable', failure },
    });

    lab.cml.clearFaults();
    lab.userIsActive(NOON + 45 * MINUTE);
    expect((await worker.post('detect-idle')).body).toMatchObject({ reason: 'recent_activity', new_activity_count: 1 });
  });

  it('shows the error until the next good check', async () => {
    const worker = await lab.addWorker();
    lab.cml.faultNext({ kind: 'answer', status: 500, body: '' }, { target: '/telemetry/events' });
    await worker.post('detect-idle');
    expect(await worker.get('activity')).toMatchObject({ last_check_error: { failure: 'http_status' } });
    lab.clock.advance(1);
    await worker.post('detect-idle');
    expect(await worker.get('activity')).toMatchObject({ last_check_error: null });
  });

  it('logs in again when CML no longer takes the token', async () => {
    const worker = await lab.addWorker();
    await worker.post('detect-idle');
    lab.cml.expireTokens();
    expect(await worker.post('detect-idle')).toMatchObject({ status: 200 });
    expect(lab.cml.logins).toBe(2);
  });

  it('takes an empty list for what it is: idle counts from the idle base', async () => {
    const worker = await idleWorker();
    expect((await worker.post('detect-idle')).body).toMatchObject({
      reason: 'idle_timeout_exceeded',
      paused: true,
      evidence: { idle_since: iso(NOON), idle_since_source: 'registered_at', telemetry_event_count: 0 },
    });
  });
});

describe('What lands between the decision and the stop', () => {
  it('wins when it is activity', async () => {
    const worker = await idleWorker();
    lab.cml.onRequest(({ path }) => {
      // The second read of the check is the last look before the stop.
      if (path === '/telemetry/events' && lab.cml.telemetryReads === 2) lab.userIsActive();
    });
    expect((await worker.post('detect-idle')).body).toMatchObject({ reason: 'recent_activity', paused: false });
    expect(worker.stops).toBe(0);
    expect((await worker.eventTypes()).slice(-2)).toEqual(['WorkerActivityUpdated', 'WorkerPauseAbandoned']);
    expect(await worker.get('activity')).toMatchObject({
      last_activity_at: iso(NOON + 90 * MINUTE),
      auto_pause_count: 0,
    });
  });

  it('wins when it is a resume', async () => {
    const worker = await idleWorker();
    let resumed: Promise<Answer> | undefined;
    lab.cml.onRequest(async () => {
      if (lab.cml.telemetryReads !== 2 || resumed) return;
      resumed = worker.post('resume');
      await lab.until('the resume is asked for', async () =>
        (await worker.eventTypes()).includes('WorkerResumeRequested'),
      );
    });
    expect((await worker.post('detect-idle')).body).toMatchObject({
      paused: false,
      not_acted_because: 'resume_requested',
    });
    expect((await resumed)?.body).toMatchObject({ is_success: true, data: true });
    expect(worker.stops).toBe(0);
    expect(lab.ec2.instances.get(worker.instanceId).state).toBe('running');
  });

  it('is a reason to leave the worker alone when it is a failure of the telemetry', async () => {
    const worker = await idleWorker();
    lab.cml.onRequest(() => {
      if (lab.cml.telemetryReads === 2) lab.cml.faultNext({ kind: 'drop' }, { target: '/telemetry/events' });
    });
    expect((await worker.post('detect-idle')).body).toMatchObject({
      paused: false,
      not_acted_because: 'telemetry_unavailable',
    });
    expect(worker.stops).toBe(0);
    expect(await worker.get('activity')).toMatchObject({ last_check_error: { failure: 'unreachable' } });
  });

  it('restarts the worker when it is a resume that came after the stop was sent', async () => {
    const worker = await lab.addWorker();
    let resumed: Promise<Answer> | undefined;
    lab.ec2.onDone(async ({ action }) => {
      if (action !== 'StopInstances') return;
      resumed = worker.post('resume');
      await lab.until('the resume is asked for', async () =>
        (await worker.eventTypes()).includes('WorkerResumeRequested'),
      );
    });
    expect((await worker.post('pause')).body).toMatchObject({ data: true });
    expect(await resumed).toMatchObject({ status: 202 });
    worker.settle();
    await lab.runJob('worker-status-sync');
    expect(await worker.eventTypes()).toEqual([
      'WorkerRegistered',
      'WorkerPauseRequested',
      'WorkerResumeRequested',
      'WorkerPaused',
      'WorkerResumed',
    ]);
  });
});
