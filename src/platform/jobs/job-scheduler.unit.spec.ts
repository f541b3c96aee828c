import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { SchedulerRegistry } from '@nestjs/schedule';
import { pino } from 'pino';
import { ManualClock } from '../clock.js';
import { eventually } from '../../../test/support/eventually.js';
import { DormouseError } from '../errors.js';
import { EventStoreUnavailable } from '../event-store/event-store.errors.js';
import { SoloLeases } from '../leases/solo-leases.js';
import { EmbeddedReadModelStore } from '../read-models/embedded/embedded-read-model-store.js';
import { ReadModelStoreUnavailable } from '../read-models/read-model-store.errors.js';
import type { Job, JobRun, JobSummary } from './job.js';
import { JobScheduler } from './job-scheduler.js';

const NOON = Date.parse('2026-03-04T12:00:00.000Z');
const iso = (at: number): string => new Date(at).toISOString();
const log = pino({ level: 'silent' });

/** A job whose runs end when the test says so. */
class TestJob implements Job {
  readonly name = 'sweeping';
  readonly intervalSeconds = 60;
  readonly runs: (JobRun & { end(summary?: JobSummary): void; fail(error: Error): void })[] = [];
  running = 0;
  mostAtOnce = 0;

  async run(run: JobRun): Promise<JobSummary> {
    const { promise, resolve, reject } = Promise.withResolvers<JobSummary>();
    this.runs.push({ ...run, end: (summary = { swept: 1 }) => resolve(summary), fail: reject });
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.running);
    try {
      return await promise;
    } finally {
      this.running--;
    }
  }

  /** The n-th run, once it has begun. */
  async begun(n: number): Promise<TestJob['runs'][number]> {
    for (let turn = 0; turn < 1_000; turn++) {
      const run = this.runs[n];
      if (run) return run;
      await new Promise(setImmediate);
    }
    throw new Error(`Run ${n} never began.`);
  }
}

let directory: string;
let readModels: EmbeddedReadModelStore;
let clock: ManualClock;
let job: TestJob;
let scheduler: JobScheduler;
let ready: (signal: AbortSignal) => Promise<void>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dormouse-jobs-'));
  readModels = EmbeddedReadModelStore.open(join(directory, 'read-models.sqlite'));
  clock = new ManualClock(NOON);
  job = new TestJob();
  ready = () => Promise.resolve();
  scheduler = open();
});

afterEach(async () => {
  jest.useRealTimers();
  await readModels.close();
  await rm(directory, { recursive: true, force: true });
});

function open(): JobScheduler {
  const registry = new SchedulerRegistry();
  const opened = new JobScheduler(registry, readModels, new SoloLeases(), clock, log, (signal) => ready(signal));
  opened.register(job);
  return opened;
}

/** Lets everything happen that waits for no timer of the test. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
}

describe('A run of a job', () => {
  it('is recorded with its times, summary and outcome', async () => {
    const running = scheduler.run('sweeping');
    (await job.begun(0)).end({ swept: 3 });
    clock.advance(1_500);
    const record = await running;
    expect(record).toEqual({
      name: 'sweeping',
      outcome: 'succeeded',
      started_at: iso(NOON),
      finished_at: iso(NOON + 1_500),
      duration_ms: 1_500,
      summary: { swept: 3 },
      error: null,
    });
    expect(await scheduler.statusOf('sweeping')).toEqual({
      name: 'sweeping',
      interval_seconds: 60,
      running: false,
      next_run_at: null,
      last_run: record,
      last_success_at: iso(NOON + 1_500),
    });
  });

  it('that fails is recorded as failed, and the last success is kept', async () => {
    const first = scheduler.run('sweeping');
    (await job.begun(0)).end();
    await first;
    clock.advance(60_000);
    const second = scheduler.run('sweeping');
    (await job.begun(1)).fail(new DormouseError('broom_missing', 502, 'There is no broom.'));
    expect(await second).toMatchObject({
      outcome: 'failed',
      summary: null,
      error: { code: 'broom_missing', message: 'There is no broom.' },
    });
    const status = await scheduler.statusOf('sweeping');
    expect(status).toMatchObject({ last_success_at: iso(NOON), last_run: { outcome: 'failed' } });
  });

  it('that fails unexpectedly says so without a code of its own', async () => {
    const running = scheduler.run('sweeping');
    (await job.begun(0)).fail(new TypeError('x is undefined'));
    expect(await running).toMatchObject({ error: { code: 'unexpected', message: 'x is undefined' } });
  });

  it('waits until the read models have caught up', async () => {
    const caughtUp = Promise.withResolvers<void>();
    ready = () => caughtUp.promise;
    const running = scheduler.run('sweeping');
    await settled();
    expect(job.runs).toHaveLength(0);
    caughtUp.resolve();
    (await job.begun(0)).end();
    expect(await running).toMatchObject({ outcome: 'succeeded' });
  });

  it('is told when the next one comes', async () => {
    const running = scheduler.run('sweeping');
    const run = await job.begun(0);
    expect(run.nextRunAt).toBe(NOON + 60_000);
    expect(run.context.actor).toBe('system');
    run.end();
    await running;
  });

  it('of a job that does not exist is unknown_job, naming those that do', async () => {
    await expect(scheduler.run('mopping')).rejects.toMatchObject({ code: 'unknown_job', status: 404 });
    await expect(scheduler.run('mopping')).rejects.toThrow(/sweeping/);
  });

  it('shows in the records of a later process', async () => {
    const running = scheduler.run('sweeping');
    (await job.begun(0)).end();
    const record = await running;
    expect((await open().statusOf('sweeping')).last_run).toEqual(record);
  });
});

describe('A job never overlaps itself', () => {
  it('whoever asks during a run waits for one run that begins afterwards, and shares it', async () => {
    const first = scheduler.run('sweeping');
    await job.begun(0);
    const [second, third] = [scheduler.run('sweeping'), scheduler.run('sweeping')];
    await settled();
    expect(job.runs).toHaveLength(1);
    job.runs[0]?.end({ swept: 1 });
    (await job.begun(1)).end({ swept: 2 });
    expect((await first).summary).toEqual({ swept: 1 });
    expect((await second).summary).toEqual({ swept: 2 });
    expect(await third).toBe(await second);
    expect(job).toMatchObject({ mostAtOnce: 1, running: 0 });
  });

  it('and one who asks during the shared run waits for yet another', async () => {
    const first = scheduler.run('sweeping');
    await job.begun(0);
    const second = scheduler.run('sweeping');
    job.runs[0]?.end();
    await job.begun(1);
    const third = scheduler.run('sweeping');
    await settled();
    expect(job.runs).toHaveLength(2);
    job.runs[1]?.end();
    (await job.begun(2)).end({ swept: 3 });
    await Promise.all([first, second]);
    expect((await third).summary).toEqual({ swept: 3 });
  });

  it('goes on after a run that failed', async () => {
    const first = scheduler.run('sweeping');
    await job.begun(0);
    const second = scheduler.run('sweeping');
    job.runs[0]?.fail(new Error('dust'));
    (await job.begun(1)).end();
    expect([(await first).outcome, (await second).outcome]).toEqual(['failed', 'succeeded']);
  });

  it('does not begin a run that cannot be recorded, and runs again when it can', async () => {
    const records = await readModels.collection({ name: 'job_records' });
    const put = jest.spyOn(records, 'put');
    const first = scheduler.run('sweeping');
    await job.begun(0);
    const second = scheduler.run('sweeping');
    put.mockRejectedValue(new ReadModelStoreUnavailable('The disk is full.'));
    job.runs[0]?.end();
    await expect(first).rejects.toMatchObject({ code: 'read_model_store_unavailable' });
    await expect(second).rejects.toMatchObject({ code: 'read_model_store_unavailable' });
    expect(job.runs).toHaveLength(1);
    put.mockRestore();
    const third = scheduler.run('sweeping');
    (await job.begun(1)).end();
    expect(await third).toMatchObject({ outcome: 'succeeded' });
  });

  it('nor may two jobs have one name', () => {
    expect(() => scheduler.register(job)).toThrow(/registered twice/);
  });
});

describe('Once started', () => {
  /** Moves the timers and the clock together. */
  async function pass(milliseconds: number): Promise<void> {
    clock.advance(milliseconds);
    await jest.advanceTimersByTimeAsync(milliseconds);
    await settled();
  }

  /** Started, and with the schedule in its hands. */
  async function start(): Promise<void> {
    scheduler.start();
    await settled();
  }

  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'Date', 'hrtime'] });
    jest.spyOn(Math, 'random').mockReturnValue(0.5);
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('makes one pass after a short jitter, so that a service that restarts often still does its work', async () => {
    await start();
    expect(await scheduler.statusOf('sweeping')).toMatchObject({ next_run_at: iso(NOON + 1_000) });
    await pass(999);
    expect(job.runs).toHaveLength(0);
    await pass(1);
    expect(job.runs).toHaveLength(1);
    expect(await scheduler.statusOf('sweeping')).toMatchObject({ running: true, next_run_at: iso(NOON + 61_000) });
    job.runs[0]?.end();
    await scheduler.stop();
  });

  it('runs again after each interval', async () => {
    await start();
    await pass(1_000);
    for (let n = 0; n < 3; n++) {
      job.runs[n]?.end();
      await settled();
      await pass(60_000);
      expect(job.runs).toHaveLength(n + 2);
    }
    job.runs[3]?.end();
    await scheduler.stop();
  });

  it('skips a turn while a run is still going', async () => {
    await start();
    await pass(1_000);
    await pass(60_000);
    await pass(60_000);
    expect(job.runs).toHaveLength(1);
    job.runs[0]?.end();
    await settled();
    await pass(60_000);
    expect(job.runs).toHaveLength(2);
    expect(job.mostAtOnce).toBe(1);
    job.runs[1]?.end();
    await scheduler.stop();
  });

  it('tells a run on demand when the next scheduled one comes', async () => {
    await start();
    await pass(1_000);
    job.runs[0]?.end();
    await settled();
    await pass(20_000);
    const asked = scheduler.run('sweeping');
    await settled();
    expect(job.runs[1]?.nextRunAt).toBe(NOON + 61_000);
    job.runs[1]?.end();
    await asked;
    await scheduler.stop();
  });

  it('begins nothing new once it is stopped, and lets the run that is going end', async () => {
    await start();
    await pass(1_000);
    const run = await job.begun(0);
    let stopped = false;
    const stopping = scheduler.stop().then(() => (stopped = true));
    await settled();
    expect(run.signal.aborted).toBe(true);
    expect(stopped).toBe(false);
    run.end({ swept: 7 });
    await stopping;
    expect((await scheduler.statusOf('sweeping')).last_run).toMatchObject({
      outcome: 'succeeded',
      summary: { swept: 7 },
    });
    await pass(300_000);
    expect(job.runs).toHaveLength(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('runs a job again as soon as the stores answer when a run failed because one was away', async () => {
    await start();
    await pass(1_000);
    const away = new EventStoreUnavailable('EventStoreDB could not read: there is no connection.');
    job.runs[0]?.fail(away);
    let asked = 0;
    ready = () => (asked++, Promise.reject(away));
    await eventually('the stores are asked again and again', () => asked > 1);
    expect(job.runs).toHaveLength(1);
    expect(await scheduler.statusOf('sweeping')).toMatchObject({ last_run: { outcome: 'failed' }, next_run_at: null });
    ready = () => Promise.resolve();
    await eventually('it is planned', async () => (await scheduler.statusOf('sweeping')).next_run_at !== null);
    await pass(1_000);
    expect(job.runs).toHaveLength(2);
    job.runs[1]?.end();
    await settled();
    expect((await scheduler.statusOf('sweeping')).last_run).toMatchObject({ outcome: 'succeeded' });
    await scheduler.stop();
  });

  it('leaves a run that failed by itself to the next interval', async () => {
    await start();
    await pass(1_000);
    job.runs[0]?.fail(new DormouseError('broom_missing', 502, 'There is no broom.'));
    await pass(59_999);
    expect(job.runs).toHaveLength(1);
    await pass(1);
    expect(job.runs).toHaveLength(2);
    job.runs[1]?.end();
    await scheduler.stop();
  });

  it('makes a pass after a restart however short ago the last run was, because nobody else does', async () => {
    const running = scheduler.run('sweeping');
    (await job.begun(0)).end();
    await running;
    scheduler = open();
    await start();
    await pass(1_000);
    expect(job.runs).toHaveLength(2);
    job.runs[1]?.end();
    await scheduler.stop();
  });

  it('does not make the first pass when it is stopped before', async () => {
    await start();
    await scheduler.stop();
    await pass(300_000);
    expect(job.runs).toHaveLength(0);
  });
});
