import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/problems.js';
import { MINUTE, NOON, REGION, ServiceHarness } from '../support/service-harness.js';
import type { WorkerHandle } from '../support/service-harness.js';

/** What a captive portal answers to anything. */
const PORTAL = '<html><body>Please log in.</body></html>';

const iso = (at: number): string => new Date(at).toISOString();

let lab: ServiceHarness;

beforeEach(async () => {
  lab = await ServiceHarness.open();
});

afterEach(() => lab.close());

describe('POST .../pause', () => {
  it('stops the worker and records the intent, then the fact', async () => {
    const worker = await lab.addWorker();
    const answer = await worker.post('pause', { headers: { 'x-user-id': 'ada' } });
    expect(answer).toMatchObject({ status: 200, body: { is_success: true, status: 200, data: true } });
    expect(answer.body['consistency_token']).toBe(answer.token);
    expect(await worker.eventTypes()).toEqual(['WorkerRegistered', 'WorkerPauseRequested', 'WorkerPaused']);
    expect(await worker.get('activity')).toMatchObject({
      manual_pause_count: 1,
      auto_pause_count: 0,
      external_pause_count: 0,
      paused_by: 'ada',
      pause_reason: 'manual',
      last_paused_at: iso(NOON),
      was_auto_paused: false,
      target_pause_at: null,
    });
    expect(lab.ec2.instances.get(worker.instanceId).state).toBe('stopping');
  });

  it.each(['stopping', 'stopped'] as const)('of a %s worker succeeds, writes nothing, calls nothing', async (state) => {
    const worker = await lab.addWorker({ state });
    expect(await worker.post('pause')).toMatchObject({ status: 200, body: { is_success: true, data: true } });
    expect(await worker.eventTypes()).toEqual(['WorkerRegistered']);
    expect(worker.stops).toBe(0);
  });

  it('twice at once makes one stop and one event', async () => {
    const worker = await lab.addWorker();
    const answers = await Promise.all([1, 2, 3].map(() => worker.post('pause')));
    for (const { body } of answers) expect(body).toMatchObject({ is_success: true, data: true });
    expect(worker.stops).toBe(1);
    expect(await worker.dataOf('WorkerPaused')).toHaveLength(1);
  });

  it('is 409 for a worker that is terminated, known before or learned from EC2', async () => {
    const [known, fresh] = [await lab.addWorker(), await lab.addWorker()];
    lab.ec2.instances.terminate(known.instanceId);
    await lab.runJob('worker-status-sync');
    lab.ec2.instances.terminate(fresh.instanceId);
    for (const worker of [known, fresh]) {
      expectProblem(await worker.post('pause'), 409, 'worker_terminated');
      expectProblem(await worker.post('resume'), 409, 'worker_terminated');
      expect(await worker.dataOf('WorkerPaused')).toEqual([]);
      expect(await worker.get()).toMatchObject({ status: 'shutting-down' });
    }
  });

  it('is 502 with EC2’s code when EC2 refuses, and can be tried again', async () => {
    const worker = await lab.addWorker();
    lab.ec2.faultNext({ kind: 'refuse', code: 'UnauthorizedOperation' }, { target: 'StopInstances' });
    const refused = await worker.post('pause');
    expectProblem(refused, 502, 'ec2_refused');
    expect(refused.body['ec2_code']).toBe('UnauthorizedOperation');
    expect(await worker.eventTypes()).toEqual(['WorkerRegistered', 'WorkerPauseRequested', 'WorkerPauseAbandoned']);
    expect(await worker.get('activity')).toMatchObject({ manual_pause_count: 0, last_paused_at: null });
    expect((await worker.post('pause')).body).toMatchObject({ data: true });
    expect(await worker.get('activity')).toMatchObject({ manual_pause_count: 1 });
  });

  it('that EC2 refused is 502 again when it is repeated under its key, without another stop', async () => {
    const worker = await lab.addWorker();
    lab.ec2.faultNext({ kind: 'refuse', code: 'UnauthorizedOperation' }, { target: 'StopInstances' });
    expectProblem(await worker.post('pause', { key: 'k' }), 502, 'ec2_refused');
    const repeated = await worker.post('pause', { key: 'k' });
    expectProblem(repeated, 502, 'ec2_refused');
    expect(repeated.body['ec2_code']).toBe('UnauthorizedOperation');
    expect(worker.stops).toBe(1);
    expect((await worker.post('pause', { key: 'another' })).body).toMatchObject({ data: true });
    // Whatever happened since: the answer to a command is the answer to that command.
    expectProblem(await worker.post('pause', { key: 'k' }), 502, 'ec2_refused');
    expect(worker.stops).toBe(2);
  });

  it('is 502 when something that is not EC2 answers 200: no pause without a stop, settled by asking', async () => {
    const worker = await lab.addWorker();
    lab.ec2.faultNext({ kind: 'raw', status: 200, body: PORTAL }, { target: 'StopInstances' });
    expectProblem(await worker.post('pause'), 502, 'ec2_unavailable');
    expect((await worker.eventTypes()).at(-1)).toBe('WorkerPauseRequested');
    await lab.runJob('worker-status-sync');
    expect(await worker.dataOf('WorkerPaused')).toMatchObject([{ reason: 'manual', manual_pause_count: 1 }]);
    expect(lab.ec2.instances.get(worker.instanceId).state).toBe('stopping');
  });

  it.each([[false], [true]])('of one that somebody else has just stopped succeeds and is external', async (settled) => {
    const worker = await lab.addWorker();
    lab.ec2.instances.stop(REGION, [worker.instanceId]);
    if (settled) worker.settle();
    expect(await worker.post('pause')).toMatchObject({ status: 200, body: { is_success: true, data: true } });
    expect((await worker.eventTypes()).slice(1)).toEqual([
      'WorkerPauseRequested',
      'WorkerPauseAbandoned',
      'WorkerPaused',
    ]);
    expect(await worker.dataOf('WorkerPauseAbandoned')).toMatchObject([{ reason: 'already_down' }]);
    expect(await worker.get('activity')).toMatchObject({
      pause_reason: 'external',
      paused_by: 'external',
      external_pause_count: 1,
      manual_pause_count: 0,
    });
  });

  it('needs no telemetry', async () => {
    const worker = await lab.addWorker();
    await lab.cml.stop();
    expect((await worker.post('pause')).body).toMatchObject({ data: true });
  });
});

describe('POST .../resume', () => {
  async function paused(): Promise<WorkerHandle> {
    const worker = await lab.addWorker();
    await worker.post('pause');
    worker.settle();
    return worker;
  }

  it('starts the worker and records intent and fact; the snooze begins', async () => {
    const worker = await paused();
    lab.clock.advance(MINUTE);
    const answer = await worker.post('resume', { headers: { 'x-user-id': 'bob' } });
    expect(answer).toMatchObject({ status: 200, body: { is_success: true, status: 200, data: true } });
    expect((await worker.eventTypes()).slice(-2)).toEqual(['WorkerResumeRequested', 'WorkerResumed']);
    expect(await worker.get('activity')).toMatchObject({
      manual_resume_count: 1,
      resumed_by: 'bob',
      resume_reason: 'manual',
      last_resumed_at: iso(NOON + MINUTE),
      in_snooze_period: true,
      snooze_until: iso(NOON + 61 * MINUTE),
      target_pause_at: null,
    });
  });

  it.each(['running', 'pending'] as const)('of a %s worker succeeds, writes nothing, calls nothing', async (state) => {
    const worker = await lab.addWorker({ state });
    expect(await worker.post('resume')).toMatchObject({ status: 200, body: { is_success: true, data: true } });
    expect(await worker.eventTypes()).toEqual(['WorkerRegistered']);
    expect(worker.starts).toBe(0);
  });

  it('of a worker that is still stopping is accepted, and carried out when it has stopped', async () => {
    const worker = await lab.addWorker();
    await worker.post('pause');
    const answer = await worker.post('resume');
    expect(answer).toMatchObject({ status: 202, body: { is_success: true, status: 202, detail: expect.any(String) } });
    expect(worker.starts).toBe(0);
    await lab.runJob('worker-status-sync');
    expect(worker.starts).toBe(0);
    worker.settle();
    await lab.runJob('worker-status-sync');
    expect(worker.starts).toBe(1);
    expect(await worker.dataOf('WorkerResumed')).toMatchObject([{ reason: 'manual', manual_resume_count: 1 }]);
  });

  it('that waits for the stop gives way to a later pause', async () => {
    const worker = await lab.addWorker();
    await worker.post('pause');
    await worker.post('resume');
    expect((await worker.post('pause')).body).toMatchObject({ is_success: true, data: true });
    worker.settle();
    await lab.runJob('worker-status-sync');
    expect(worker.starts).toBe(0);
    expect(await worker.dataOf('WorkerResumeAbandoned')).toMatchObject([{ reason: 'pause_requested' }]);
    expect(await worker.get()).toMatchObject({ status: 'stopped' });
  });

  it('of one that somebody else has just started succeeds and is external', async () => {
    const worker = await paused();
    lab.ec2.instances.start(REGION, [worker.instanceId]);
    expect(await worker.post('resume')).toMatchObject({ status: 200, body: { is_success: true, data: true } });
    expect(worker.starts).toBe(0);
    expect(await worker.dataOf('WorkerResumeAbandoned')).toMatchObject([{ reason: 'already_up' }]);
    expect(await worker.get('activity')).toMatchObject({
      resume_reason: 'external',
      external_resume_count: 1,
      manual_resume_count: 0,
    });
  });

  it('of one that somebody else starts between the look at it and our start is external too', async () => {
    const worker = await paused();
    const off = lab.ec2.onRequest(({ action }) => {
      if (action !== 'StartInstances') return;
      off();
      lab.ec2.instances.start(REGION, [worker.instanceId]);
    });
    expect(await worker.post('resume')).toMatchObject({ status: 200, body: { data: true } });
    expect(worker.starts).toBe(1);
    expect(await worker.dataOf('WorkerResumed')).toMatchObject([{ reason: 'external', manual_resume_count: 0 }]);
  });

  it('is 502 when something that is not EC2 answers 200; the worker is started by the next sync', async () => {
    const worker = await paused();
    lab.ec2.faultNext({ kind: 'raw', status: 200, body: PORTAL }, { target: 'StartInstances' });
    expectProblem(await worker.post('resume'), 502, 'ec2_unavailable');
    expect(await worker.dataOf('WorkerResumed')).toEqual([]);
    await lab.runJob('worker-status-sync');
    expect(await worker.dataOf('WorkerResumed')).toMatchObject([{ reason: 'manual', manual_resume_count: 1 }]);
  });

  it('is 409 when EC2 says that the instance was terminated meanwhile', async () => {
    const worker = await paused();
    lab.ec2.instances.terminate(worker.instanceId);
    expectProblem(await worker.post('resume'), 409, 'worker_terminated');
    expect(await worker.dataOf('WorkerResumeAbandoned')).toMatchObject([{ reason: 'terminated' }]);
    expect(await worker.get()).toMatchObject({ status: 'shutting-down' });
    expect(worker.starts).toBe(0);
  });

  it('is 502 with EC2’s code when EC2 refuses; the worker stays paused', async () => {
    const worker = await paused();
    lab.ec2.faultNext({ kind: 'refuse', code: 'InsufficientInstanceCapacity' }, { target: 'StartInstances' });
    const answer = await worker.post('resume');
    expectProblem(answer, 502, 'ec2_refused');
    expect(answer.body['ec2_code']).toBe('InsufficientInstanceCapacity');
    expect(await worker.get('activity')).toMatchObject({ manual_resume_count: 0, last_resumed_at: null });
    expect((await worker.post('resume')).body).toMatchObject({ data: true });
  });
});
