import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MINUTE, NOON, ServiceHarness } from '../support/service-harness.js';

const iso = (at: number): string => new Date(at).toISOString();

let lab: ServiceHarness;

beforeEach(async () => {
  lab = await ServiceHarness.open();
});

afterEach(() => lab.close());

const sync = (): Promise<Record<string, unknown>> => lab.runJob('worker-status-sync');

describe('The status sync', () => {
  it('sees a stop from outside: external, its own counter only', async () => {
    const worker = await lab.addWorker();
    lab.ec2.instances.stop('us-east-1', [worker.instanceId]);
    lab.clock.advance(MINUTE);
    expect(await sync()).toMatchObject({ outcome: 'succeeded', summary: { checked: 1, external_pauses: 1 } });
    expect(await worker.get('activity')).toMatchObject({
      pause_reason: 'external',
      paused_by: 'external',
      last_paused_at: iso(NOON + MINUTE),
      external_pause_count: 1,
      auto_pause_count: 0,
      manual_pause_count: 0,
    });
    expect(await worker.dataOf('WorkerPaused')).toMatchObject([{ idle_duration_minutes: null, pause_id: null }]);
    worker.settle();
    expect(await sync()).toMatchObject({ summary: { external_pauses: 0 } });
    expect(await worker.get()).toMatchObject({ status: 'stopped' });
  });

  it('sees a start from outside: external, target_pause_at null, snooze starts', async () => {
    const worker = await lab.addWorker({ state: 'stopped' });
    lab.ec2.instances.start('us-east-1', [worker.instanceId]);
    expect(await sync()).toMatchObject({ summary: { external_resumes: 1 } });
    worker.settle();
    expect(await sync()).toMatchObject({ summary: { external_resumes: 0 } });
    expect(await worker.get('activity')).toMatchObject({
      resume_reason: 'external',
      external_resume_count: 1,
      manual_resume_count: 0,
      auto_resume_count: 0,
      target_pause_at: null,
      in_snooze_period: true,
      snooze_until: iso(NOON + 60 * MINUTE),
    });
    expect(await worker.get()).toMatchObject({ status: 'running' });
  });

  it('says of an external resume whether the worker was auto-paused', async () => {
    const worker = await lab.addWorker();
    lab.clock.advance(90 * MINUTE);
    await worker.post('detect-idle');
    worker.settle();
    lab.ec2.instances.start('us-east-1', [worker.instanceId]);
    await sync();
    expect(await worker.dataOf('WorkerResumed')).toMatchObject([{ reason: 'external', was_auto_paused: true }]);
  });

  it('does not take our own stop or start for one from outside', async () => {
    const worker = await lab.addWorker();
    await worker.post('pause');
    await sync();
    worker.settle();
    await sync();
    await worker.post('resume');
    await sync();
    worker.settle();
    await sync();
    expect(await worker.get('activity')).toMatchObject({
      manual_pause_count: 1,
      external_pause_count: 0,
      manual_resume_count: 1,
      external_resume_count: 0,
    });
    expect(await worker.get()).toMatchObject({ status: 'running' });
  });

  it('ignores a `running` that was read before our own stop', async () => {
    const worker = await lab.addWorker();
    // EC2 reads at once and answers late; our stop is done and recorded in between.
    const read = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    const off = lab.ec2.onDone(async ({ action }) => {
      if (action !== 'DescribeInstances') return;
      off();
      read.resolve();
      await stopped.promise;
    });
    const running = sync();
    await read.promise;
    expect((await worker.post('pause')).body).toMatchObject({ data: true });
    stopped.resolve();
    expect(await running).toMatchObject({ outcome: 'succeeded', summary: { external_resumes: 0 } });
    expect(await worker.get('activity')).toMatchObject({ external_resume_count: 0, manual_pause_count: 1 });
    expect(await worker.dataOf('WorkerResumed')).toEqual([]);
  });

  it('believes a `running` after our own stop when EC2 says it twice', async () => {
    const worker = await lab.addWorker();
    await worker.post('pause');
    worker.settle();
    lab.ec2.instances.start('us-east-1', [worker.instanceId]);
    worker.settle();
    expect(await sync()).toMatchObject({ summary: { external_resumes: 1 } });
    expect(await worker.get('activity')).toMatchObject({ external_resume_count: 1 });
  });

  it('calls a state that EC2 does not tell `unknown`, and a worker it does not know too', async () => {
    const worker = await lab.addWorker();
    lab.ec2.instances.add({ ...lab.ec2.instances.get(worker.instanceId), region: 'eu-west-1' });
    await sync();
    expect(await worker.get()).toMatchObject({ status: 'unknown' });
    expect((await worker.post('detect-idle')).body).toMatchObject({ paused: false, not_acted_because: 'not_running' });
    expect(await worker.dataOf('WorkerPaused')).toEqual([]);
  });

  it('reads all workers of a region in one call, stopped ones too', async () => {
    for (const state of ['running', 'stopped', 'running'] as const) await lab.addWorker({ state });
    let reads = 0;
    lab.ec2.onRequest(({ action }) => void (reads += action === 'DescribeInstances' ? 1 : 0));
    expect(await sync()).toMatchObject({ summary: { checked: 3, changed: 0 } });
    expect(reads).toBe(1);
  });

  it('sees a stop and start from outside between two runs: both external, and the snooze starts', async () => {
    const worker = await lab.addWorker();
    lab.clock.advance(70 * MINUTE);
    lab.ec2.instances.stop('us-east-1', [worker.instanceId]);
    worker.settle();
    lab.ec2.instances.start('us-east-1', [worker.instanceId]);
    worker.settle();
    lab.clock.advance(MINUTE);
    expect(await sync()).toMatchObject({ summary: { changed: 2, external_pauses: 1, external_resumes: 1 } });
    expect(await worker.get('activity')).toMatchObject({
      external_pause_count: 1,
      external_resume_count: 1,
      last_resumed_at: iso(NOON + 71 * MINUTE),
      in_snooze_period: true,
      snooze_until: iso(NOON + 131 * MINUTE),
    });
    expect(await sync()).toMatchObject({ summary: { changed: 0 } });
    expect(await lab.runJob('activity-detection')).toMatchObject({ summary: { checked: 1, auto_paused: 0 } });
  });

  it('fails as a run when something that is not EC2 answers, and calls no worker unknown', async () => {
    const worker = await lab.addWorker();
    const portal = { kind: 'raw', status: 200, body: '<html><body>Please log in.</body></html>' } as const;
    lab.ec2.faultNext(portal, { target: 'DescribeInstances' });
    expect(await sync()).toMatchObject({ outcome: 'failed', error: { code: 'ec2_unavailable' } });
    expect(await worker.get()).toMatchObject({ status: 'running' });
    expect(await worker.eventTypes()).toEqual(['WorkerRegistered']);
  });

  it('fails as a run when EC2 refuses, and says so', async () => {
    await lab.addWorker();
    lab.ec2.faultNext({ kind: 'refuse', code: 'UnauthorizedOperation' });
    expect(await sync()).toMatchObject({ outcome: 'failed', summary: null, error: { code: 'ec2_refused' } });
    const { body } = await lab.request('GET', '/jobs');
    expect(body['items']).toContainEqual(
      expect.objectContaining({ name: 'worker-status-sync', last_success_at: null, running: false }),
    );
    expect(await sync()).toMatchObject({ outcome: 'succeeded', error: null });
  });
});

describe('The activity detection', () => {
  it('checks every running worker whose detection is on, and counts what it did', async () => {
    const idle = await lab.addWorker();
    const patient = await lab.addWorker({}, { idle_timeout_minutes: 600 });
    const off = await lab.addWorker();
    await off.post('idle-detection/disable');
    const stopped = await lab.addWorker({ state: 'stopped' });
    lab.clock.advance(90 * MINUTE);
    expect(await lab.runJob('activity-detection')).toEqual({
      name: 'activity-detection',
      outcome: 'succeeded',
      started_at: iso(NOON + 90 * MINUTE),
      finished_at: iso(NOON + 90 * MINUTE),
      duration_ms: 0,
      summary: { checked: 2, idle: 1, auto_paused: 1, skipped: 2, errors: 0 },
      error: null,
    });
    expect([idle.stops, patient.stops, off.stops, stopped.stops]).toEqual([1, 0, 0, 0]);
    expect(await patient.get('activity')).toMatchObject({ next_idle_check_at: iso(NOON + 120 * MINUTE) });
  });

  it('lets one failure stop no other worker', async () => {
    const broken = await lab.addWorker({}, { cml_endpoint: 'http://127.0.0.1:9' });
    const idle = await lab.addWorker();
    lab.clock.advance(90 * MINUTE);
    expect(await lab.runJob('activity-detection')).toMatchObject({
      outcome: 'succeeded',
      summary: { checked: 1, auto_paused: 1, errors: 1 },
    });
    expect([broken.stops, idle.stops]).toEqual([0, 1]);
    expect(await broken.get('activity')).toMatchObject({ last_check_error: { failure: 'unreachable' } });
  });

  it('does not take a stop of somebody else for its own', async () => {
    const worker = await lab.addWorker();
    lab.clock.advance(90 * MINUTE);
    lab.ec2.instances.stop('us-east-1', [worker.instanceId]);
    expect(await lab.runJob('activity-detection')).toMatchObject({ summary: { idle: 1, auto_paused: 0, errors: 0 } });
    expect(await worker.get('activity')).toMatchObject({ external_pause_count: 1, auto_pause_count: 0 });
    expect(await worker.dataOf('WorkerPauseAbandoned')).toMatchObject([{ reason: 'already_down' }]);
  });

  it('never pauses a worker over an event whose data is of no use', async () => {
    const worker = await lab.addWorker();
    lab.clock.advance(90 * MINUTE);
    lab.telemetry = [{ category: 'user_activity', timestamp: iso(lab.clock.now() - MINUTE), data: ['a list'] }];
    expect((await worker.post('detect-idle')).body).toMatchObject({ reason: 'recent_activity', paused: false });
    expect(worker.stops).toBe(0);
  });

  it('asks at most WORKER_DETECTION_CONCURRENCY workers at once', async () => {
    await lab.restartService({ WORKER_DETECTION_CONCURRENCY: '2' });
    for (let n = 0; n < 6; n++) await lab.addWorker();
    let [now, most] = [0, 0];
    lab.cml.onRequest(async ({ path }) => {
      if (path !== '/telemetry/events') return;
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 10));
      now--;
    });
    expect(await lab.runJob('activity-detection')).toMatchObject({ summary: { checked: 6 } });
    expect(most).toBe(2);
  });

  it('does not check a worker that an earlier run has paused', async () => {
    const worker = await lab.addWorker();
    lab.clock.advance(90 * MINUTE);
    await lab.runJob('activity-detection');
    expect(await lab.runJob('activity-detection')).toMatchObject({ summary: { checked: 0, skipped: 1 } });
    expect(worker.stops).toBe(1);
    expect(await worker.get('activity')).toMatchObject({ auto_pause_count: 1 });
  });
});

describe('The job routes', () => {
  it('list every job with its last run and its summary', async () => {
    await lab.runJob('activity-detection');
    const { status, body } = await lab.request('GET', '/jobs');
    expect(status).toBe(200);
    const items = [...(body['items'] as { name: string }[])].sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(items).toEqual([
      {
        name: 'activity-detection',
        interval_seconds: 1800,
        running: false,
        next_run_at: null,
        last_run: expect.objectContaining({ outcome: 'succeeded', summary: expect.any(Object) }),
        last_success_at: iso(NOON),
      },
      expect.objectContaining({ name: 'session-auto-pause', interval_seconds: 300, last_run: null }),
      expect.objectContaining({ name: 'session-expiry', interval_seconds: 3600, last_run: null }),
      expect.objectContaining({ name: 'worker-status-sync', interval_seconds: 300, last_run: null }),
    ]);
  });

  it('are 404 for a job that does not exist', async () => {
    const answer = await lab.request('POST', '/jobs/sweeping/run');
    expect(answer).toMatchObject({ status: 404, body: { code: 'unknown_job' } });
  });
});

describe('Health', () => {
  it('is ready with its stores, projections and jobs', async () => {
    expect(await lab.request('GET', '/health/live')).toMatchObject({ status: 200, body: { status: 'live' } });
    await lab.until('ready', async () => (await lab.request('GET', '/health/ready')).status === 200);
    expect((await lab.request('GET', '/health/ready')).body).toMatchObject({
      status: 'ready',
      event_store: { reachable: true },
      read_models: { reachable: true },
    });
  });
});
