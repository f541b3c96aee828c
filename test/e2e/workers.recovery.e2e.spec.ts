import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MINUTE, NOON, REGION, ServiceHarness } from '../support/service-harness.js';
import type { WorkerHandle } from '../support/service-harness.js';

const JOBS = ['activity-detection', 'worker-status-sync'] as const;

let lab: ServiceHarness;

beforeEach(async () => {
  lab = await ServiceHarness.open();
});

afterEach(() => lab.close());

async function idleWorker(): Promise<WorkerHandle> {
  const worker = await lab.addWorker();
  lab.clock.advance(90 * MINUTE);
  return worker;
}

/** EC2 takes the next command of this kind and nobody hears of it again. */
function dieDuring(action: 'StopInstances' | 'StartInstances', done: boolean): void {
  const fault = done ? ({ kind: 'lose_answer' } as const) : ({ kind: 'raw', status: 500, body: 'gone' } as const);
  lab.ec2.faultNext(fault, { target: action });
}

describe('A pause whose process died', () => {
  it.each(JOBS)('before the stop, manual, is carried out by the next run of %s', async (job) => {
    const worker = await lab.addWorker();
    dieDuring('StopInstances', false);
    expect(await worker.post('pause', { headers: { 'x-user-id': 'ada' } })).toMatchObject({ status: 502 });
    await lab.restartService();
    expect(await lab.runJob(job)).toMatchObject({ outcome: 'succeeded' });
    expect(await worker.dataOf('WorkerPaused')).toMatchObject([
      { reason: 'manual', paused_by: 'ada', manual_pause_count: 1 },
    ]);
    expect(worker.stops).toBe(2);
  });

  it('is carried out even when the worker’s detection is off', async () => {
    const worker = await lab.addWorker();
    await worker.post('idle-detection/disable');
    dieDuring('StopInstances', false);
    await worker.post('pause');
    await lab.restartService();
    await lab.runJob('activity-detection');
    expect(await worker.dataOf('WorkerPaused')).toHaveLength(1);
  });

  it.each(JOBS)('after the stop gets exactly one WorkerPaused and no second stop from %s', async (job) => {
    const worker = await idleWorker();
    dieDuring('StopInstances', true);
    expect(await worker.post('detect-idle')).toMatchObject({ status: 502, body: { code: 'ec2_unavailable' } });
    expect((await worker.eventTypes()).at(-1)).toBe('WorkerPauseRequested');
    await lab.restartService();
    await lab.runJob(job);
    await lab.runJob(job);
    worker.settle();
    for (const each of JOBS) await lab.runJob(each);
    expect(await worker.dataOf('WorkerPaused')).toMatchObject([
      { reason: 'idle_timeout', paused_by: 'system', auto_pause_count: 1, external_pause_count: 0 },
    ]);
    expect(worker.stops).toBe(1);
    expect(await worker.get('activity')).toMatchObject({ auto_pause_count: 1, external_pause_count: 0 });
  });

  it('before the stop, automatic, is decided afresh: abandoned when there is activity by now', async () => {
    const worker = await idleWorker();
    dieDuring('StopInstances', false);
    await worker.post('detect-idle');
    await lab.restartService();
    lab.userIsActive();
    const { summary } = await lab.runJob('activity-detection');
    expect(summary).toMatchObject({ checked: 1, auto_paused: 0, errors: 0 });
    expect(worker.stops).toBe(1);
    expect(await worker.dataOf('WorkerPaused')).toEqual([]);
    expect(await worker.dataOf('WorkerPauseAbandoned')).toMatchObject([{ reason: 'decided_afresh' }]);
    expect(await worker.get('idle-status')).toMatchObject({ is_idle: false });
  });

  it('before the stop, automatic, is decided afresh: paused once when it is still due', async () => {
    const worker = await idleWorker();
    dieDuring('StopInstances', false);
    await worker.post('detect-idle');
    await lab.restartService();
    const { summary } = await lab.runJob('activity-detection');
    expect(summary).toMatchObject({ checked: 1, idle: 1, auto_paused: 1 });
    expect(await worker.dataOf('WorkerPaused')).toMatchObject([{ auto_pause_count: 1 }]);
  });

  it('before the stop, automatic, is not carried out while the telemetry is down', async () => {
    const worker = await idleWorker();
    dieDuring('StopInstances', false);
    await worker.post('detect-idle');
    await lab.restartService();
    await lab.cml.stop();
    const { summary } = await lab.runJob('activity-detection');
    expect(summary).toMatchObject({ errors: 1, auto_paused: 0 });
    expect(worker.stops).toBe(1);
    expect(lab.ec2.instances.get(worker.instanceId).state).toBe('running');
  });

  it('is settled before anything else by the next command on the worker', async () => {
    const worker = await idleWorker();
    dieDuring('StopInstances', true);
    await worker.post('detect-idle');
    await lab.restartService();
    expect((await worker.post('pause')).body).toMatchObject({ is_success: true, data: true });
    expect(await worker.dataOf('WorkerPaused')).toMatchObject([{ reason: 'idle_timeout', manual_pause_count: 0 }]);
    expect(worker.stops).toBe(1);
  });

  it('after the stop stays ours when EC2 does not show the instance at first', async () => {
    const worker = await lab.addWorker();
    dieDuring('StopInstances', true);
    await worker.post('pause', { headers: { 'x-user-id': 'ada' } });
    await lab.restartService();
    const { instances } = lab.ec2;
    const move = (region: string): unknown => instances.add({ ...instances.get(worker.instanceId), region });
    lab.ec2.onRequest(({ action }) => void (action === 'DescribeInstances' && move('eu-west-1')));
    lab.ec2.onDone(({ action }) => void (action === 'DescribeInstances' && move(REGION)));
    expect((await worker.post('pause')).body).toMatchObject({ data: true });
    expect(worker.stops).toBe(2);
    expect(await worker.dataOf('WorkerPaused')).toMatchObject([
      { reason: 'manual', paused_by: 'ada', manual_pause_count: 1, external_pause_count: 0 },
    ]);
  });

  it('is abandoned when the instance was terminated meanwhile', async () => {
    const worker = await lab.addWorker();
    dieDuring('StopInstances', false);
    await worker.post('pause');
    lab.ec2.instances.terminate(worker.instanceId);
    await lab.restartService();
    await lab.runJob('worker-status-sync');
    expect(await worker.dataOf('WorkerPauseAbandoned')).toMatchObject([{ reason: 'terminated' }]);
    expect(await worker.get()).toMatchObject({ status: 'shutting-down' });
    worker.settle();
    await lab.runJob('worker-status-sync');
    expect(await worker.get()).toMatchObject({ status: 'terminated' });
  });
});

describe('A resume whose process died', () => {
  async function resumeDied(done: boolean): Promise<WorkerHandle> {
    const worker = await lab.addWorker();
    await worker.post('pause');
    worker.settle();
    dieDuring('StartInstances', done);
    expect(await worker.post('resume')).toMatchObject({ status: 502 });
    await lab.restartService();
    return worker;
  }

  it.each(JOBS)('after the start gets exactly one WorkerResumed, not an external one, from %s', async (job) => {
    const worker = await resumeDied(true);
    await lab.runJob(job);
    worker.settle();
    for (const each of JOBS) await lab.runJob(each);
    expect(await worker.dataOf('WorkerResumed')).toMatchObject([
      { reason: 'manual', manual_resume_count: 1, external_resume_count: 0 },
    ]);
    expect(worker.starts).toBe(1);
  });

  it('before the start is carried out', async () => {
    const worker = await resumeDied(false);
    await lab.runJob('worker-status-sync');
    expect(worker.starts).toBe(2);
    expect(await worker.dataOf('WorkerResumed')).toHaveLength(1);
  });
});

describe('After downtime of any length', () => {
  it('a check reads the telemetry before any pause', async () => {
    const worker = await lab.addWorker();
    lab.userIsActive();
    await worker.post('detect-idle');
    await lab.stopService();
    lab.clock.advance(7 * 24 * 60 * MINUTE);
    lab.userIsActive(lab.clock.now() - 2 * MINUTE);
    await lab.startService();
    expect(await lab.runJob('activity-detection')).toMatchObject({ summary: { checked: 1, auto_paused: 0 } });
    expect(worker.stops).toBe(0);
  });
});

describe('A command repeated under its Idempotency-Key', () => {
  it('pauses once, answers as it did, also after a restart', async () => {
    const worker = await lab.addWorker();
    const first = await worker.post('pause', { key: 'k1' });
    const again = await worker.post('pause', { key: 'k1' });
    await lab.restartService();
    const afterRestart = await worker.post('pause', { key: 'k1' });
    for (const { status, body } of [again, afterRestart])
      expect({ status, body }).toEqual({ status: 200, body: first.body });
    expect(await worker.dataOf('WorkerPaused')).toHaveLength(1);
    expect(worker.stops).toBe(1);
  });

  it('at once with itself pauses once', async () => {
    const worker = await lab.addWorker();
    const answers = await Promise.all([1, 2, 3].map(() => worker.post('pause', { key: 'k1' })));
    expect(answers.map(({ body }) => body['data'])).toEqual([true, true, true]);
    expect((await worker.eventTypes()).slice(1)).toEqual(['WorkerPauseRequested', 'WorkerPaused']);
  });

  it('does not pause again a worker that was resumed since, and does not claim it did', async () => {
    const worker = await lab.addWorker();
    await worker.post('pause', { key: 'k1' });
    worker.settle();
    await worker.post('resume', { key: 'k1' });
    expect((await worker.post('pause', { key: 'k1' })).body).toMatchObject({ data: false });
    expect(worker.stops).toBe(1);
    expect((await worker.eventTypes()).at(-1)).toBe('WorkerResumed');
  });

  it('does not resume again a worker that was paused since, and does not claim it did', async () => {
    const worker = await lab.addWorker();
    await worker.post('pause');
    worker.settle();
    await worker.post('resume', { key: 'k1' });
    worker.settle();
    await lab.runJob('worker-status-sync');
    await worker.post('pause');
    expect(await worker.post('resume', { key: 'k1' })).toMatchObject({ status: 200, body: { data: false } });
    expect(worker.starts).toBe(1);
    expect((await worker.eventTypes()).at(-1)).toBe('WorkerPaused');
  });

  it('finishes the pause whose answer was lost', async () => {
    const worker = await lab.addWorker();
    dieDuring('StopInstances', true);
    expect(await worker.post('pause', { key: 'k1' })).toMatchObject({ status: 502 });
    await lab.restartService();
    expect((await worker.post('pause', { key: 'k1' })).body).toMatchObject({ data: true });
    expect(await worker.dataOf('WorkerPaused')).toHaveLength(1);
    expect(worker.stops).toBe(1);
  });

  it('registers once', async () => {
    const options = { body: { aws_instance_id: lab.addInstance() }, key: 'k1' };
    const first = await lab.request('POST', `/region/${REGION}/workers/import`, options);
    await lab.restartService();
    const again = await lab.request('POST', `/region/${REGION}/workers/import`, options);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
  });

  it('registers two instances when the same key comes with another one', async () => {
    const ids = [lab.addInstance(), lab.addInstance()];
    for (const aws_instance_id of ids) {
      const answer = await lab.request('POST', `/region/${REGION}/workers/import`, {
        body: { aws_instance_id },
        key: 'k1',
      });
      expect(answer).toMatchObject({ status: 201, body: { aws_instance_id } });
    }
  });

  it('deregisters once and is 204 both times', async () => {
    const worker = await lab.addWorker();
    const answers = [1, 2].map(() => () => lab.request('DELETE', worker.path, { key: 'k1' }));
    for (const answer of answers) expect(await answer()).toMatchObject({ status: 204 });
    expect(await worker.eventTypes()).toEqual(['WorkerRegistered', 'WorkerDeregistered']);
    expect(await lab.request('DELETE', worker.path, { key: 'k2' })).toMatchObject({ status: 404 });
  });

  it('checks once', async () => {
    const worker = await lab.addWorker();
    lab.userIsActive();
    const first = await worker.post('detect-idle', { key: 'k1' });
    lab.clock.advance(5 * MINUTE);
    await lab.restartService();
    const again = await worker.post('detect-idle', { key: 'k1' });
    expect(again).toMatchObject({ status: 200, body: { reason: 'recent_activity', paused: false } });
    expect(again.body).toEqual(first.body);
    expect(await worker.dataOf('WorkerActivityUpdated')).toHaveLength(1);
  });

  it('switches and changes the policy once, whatever was done in between', async () => {
    const worker = await lab.addWorker();
    await worker.post('idle-detection/disable', { key: 'k1' });
    await worker.post('idle-detection/enable', { key: 'k1' });
    await worker.post('idle-detection/disable', { key: 'k1' });
    expect(await worker.get()).toMatchObject({ is_idle_detection_enabled: true });
    const policy = (minutes: number, key: string) =>
      lab.request('PATCH', `${worker.path}/policy`, { body: { idle_timeout_minutes: minutes }, key });
    await policy(5, 'p1');
    await policy(10, 'p2');
    await policy(5, 'p1');
    expect(await worker.get()).toMatchObject({ idle_timeout_minutes: 10 });
  });
});

describe('Stored history', () => {
  it('gives the same answers after a restart', async () => {
    const worker = await lab.addWorker();
    lab.userIsActive();
    await worker.post('detect-idle');
    await worker.post('pause');
    const before = await worker.get('activity');
    await lab.restartService();
    expect(await worker.get('activity')).toEqual(before);
    expect(before).toMatchObject({ last_paused_at: new Date(NOON).toISOString() });
  });
});
