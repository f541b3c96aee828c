import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { SchedulerRegistry } from '@nestjs/schedule';
import { pino } from 'pino';
import { FencedReadModelStore } from '../../../test/support/fenced-read-model-store.js';
import { TransferableLeases } from '../../../test/support/transferable-leases.js';
import { ManualClock } from '../clock.js';
import { EmbeddedReadModelStore } from '../read-models/embedded/embedded-read-model-store.js';
import type { ReadModelStore } from '../read-models/read-model-store.port.js';
import { dueAfter } from './job-schedule.js';
import { JobScheduler } from './job-scheduler.js';
import type { JobRecord, JobRun, JobSummary } from './job.js';

const NOON = Date.parse('2026-03-04T12:00:00.000Z');
const iso = (at: number): string => new Date(at).toISOString();
const log = pino({ level: 'silent' });

interface Run extends JobRun {
  readonly on: string;
  readonly startedAt: number;
  end(): void;
}

let directory: string;
let readModels: EmbeddedReadModelStore;
let clock: ManualClock;
let leases: TransferableLeases;
let runs: Run[];
/** While true runs end by themselves, at once. */
let quick: boolean;
let schedulers: JobScheduler[];
/** Told of each step that an instance takes: reading or writing a record, getting ready, the work itself. */
let onStep: (instance: string) => void;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dormouse-jobs-'));
  readModels = EmbeddedReadModelStore.open(join(directory, 'read-models.sqlite'));
  clock = new ManualClock(NOON);
  leases = new TransferableLeases();
  [runs, schedulers, quick] = [[], [], false];
  onStep = () => undefined;
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'Date', 'hrtime'] });
  jest.spyOn(Math, 'random').mockReturnValue(0.5);
});

afterEach(async () => {
  for (const run of runs) run.end();
  quick = true;
  await Promise.all(schedulers.map((scheduler) => scheduler.stop()));
  jest.restoreAllMocks();
  jest.useRealTimers();
  await readModels.close();
  await rm(directory, { recursive: true, force: true });
});

function instance(name: string): JobScheduler {
  const step = (): void => onStep(name);
  const store: ReadModelStore = withSteps(new FencedReadModelStore(readModels, leases), step);
  const ready = (): Promise<void> => Promise.resolve(step());
  const scheduler = new JobScheduler(new SchedulerRegistry(), store, leases.instance(name), clock, log, ready);
  scheduler.register({
    name: 'sweeping',
    intervalSeconds: 60,
    async run(run: JobRun): Promise<JobSummary> {
      const { promise, resolve } = Promise.withResolvers<void>();
      runs.push({ ...run, on: name, startedAt: clock.now(), end: () => resolve() });
      step();
      if (!quick) await promise;
      run.signal.throwIfAborted();
      return { swept: 1 };
    },
  });
  schedulers.push(scheduler);
  return scheduler;
}

function withSteps(store: ReadModelStore, step: () => void): ReadModelStore {
  const collection = store.collection.bind(store);
  jest.spyOn(store, 'collection').mockImplementation(async (definition) => {
    const opened = await collection(definition);
    const get = opened.get.bind(opened);
    const put = opened.put.bind(opened);
    return Object.assign(Object.create(opened) as typeof opened, {
      get: async (id: string) => {
        const found = await get(id);
        step();
        return found;
      },
      put: async (...args: Parameters<typeof put>) => {
        await put(...args);
        step();
      },
    });
  });
  return store;
}

/** Instances `a`, `b` and `c`, started in this order; `a` holds the schedule. */
async function cluster(): Promise<Record<'a' | 'b' | 'c', JobScheduler>> {
  const instances = { a: instance('a'), b: instance('b'), c: instance('c') };
  for (const scheduler of Object.values(instances)) {
    scheduler.start();
    await settled();
  }
  return instances;
}

/** Lets everything happen that is due now. */
async function settled(): Promise<void> {
  for (let round = 0; round < 4; round++) {
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    await jest.advanceTimersByTimeAsync(0);
  }
}

/** Moves the timers and the clock together. */
async function pass(milliseconds: number): Promise<void> {
  clock.advance(milliseconds);
  await jest.advanceTimersByTimeAsync(milliseconds);
  await settled();
}

const startsOf = (): [string, number][] => runs.map(({ on, startedAt }) => [on, (startedAt - NOON) / 1000]);

async function stored(): Promise<{ last_run: JobRecord | null; running: object | null } | undefined> {
  const records = await readModels.collection<{ last_run: JobRecord | null; running: object | null }>({
    name: 'job_records',
  });
  return (await records.get('sweeping'))?.document;
}

describe('Of several instances', () => {
  it('one starts the scheduled runs, once an interval', async () => {
    quick = true;
    await cluster();
    await pass(1_000);
    for (let n = 0; n < 4; n++) await pass(60_000);
    expect(startsOf()).toEqual([
      ['a', 1],
      ['a', 61],
      ['a', 121],
      ['a', 181],
      ['a', 241],
    ]);
  });

  it('another takes over, and the next run is an interval after the start of the last one', async () => {
    quick = true;
    await cluster();
    await pass(1_000);
    await pass(20_000);
    leases.passOn('schedule/sweeping');
    await settled();
    await pass(39_999);
    expect(startsOf()).toEqual([['a', 1]]);
    await pass(1);
    await pass(60_000);
    expect(startsOf()).toEqual([
      ['a', 1],
      ['b', 61],
      ['b', 121],
    ]);
  });

  it('another runs at once what is overdue when it takes over', async () => {
    quick = true;
    const { a } = await cluster();
    await pass(1_000);
    await Promise.all(schedulers.map((scheduler) => scheduler.stop()));
    clock.advance(300_000);
    expect(a).toBe(schedulers[0]);
    instance('d').start();
    await settled();
    await pass(0);
    expect(startsOf()).toEqual([
      ['a', 1],
      ['d', 301],
    ]);
  });

  it('another runs at once what never finished', async () => {
    await cluster();
    await pass(1_000);
    await pass(5_000);
    leases.passOn('schedule/sweeping');
    leases.passOn('job/sweeping');
    await pass(0);
    expect(startsOf()).toEqual([
      ['a', 1],
      ['b', 6],
    ]);
  });

  it('one that has only lost the schedule finishes its run, and its successor does not repeat it', async () => {
    await cluster();
    await pass(1_000);
    leases.passOn('schedule/sweeping');
    await settled();
    await pass(5_000);
    runs[0]?.end();
    await settled();
    await pass(54_999);
    expect(startsOf()).toEqual([['a', 1]]);
    expect((await stored())?.last_run).toMatchObject({ outcome: 'succeeded' });
    await pass(1);
    expect(startsOf()).toEqual([
      ['a', 1],
      ['b', 61],
    ]);
  });

  it('one whose run loses its lease starts nothing new, fails with lease_lost and leaves the record to the other', async () => {
    const { b } = await cluster();
    const asked = b.run('sweeping');
    await settled();
    expect(runs[0]?.on).toBe('b');
    leases.passOn('job/sweeping');
    expect(runs[0]?.signal.aborted).toBe(true);
    await pass(1_000);
    runs[1]?.end();
    await settled();
    const record = (await stored())?.last_run;
    expect(record).toMatchObject({ outcome: 'succeeded', started_at: iso(NOON + 1_000) });
    runs[0]?.end();
    expect(await asked).toMatchObject({ outcome: 'failed', summary: null, error: { code: 'lease_lost' } });
    expect((await stored())?.last_run).toEqual(record);
  });

  it('one that was frozen in a run and did not notice records no success over its successor', async () => {
    await cluster();
    await pass(1_000);
    const notice = leases.passOnUnnoticed('job/sweeping');
    leases.passOn('schedule/sweeping');
    await pass(0);
    runs[1]?.end();
    await settled();
    const record = (await stored())?.last_run;
    runs[0]?.end();
    await settled();
    notice();
    expect(startsOf()).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
    expect(record).toMatchObject({ outcome: 'succeeded' });
    expect((await stored())?.last_run).toEqual(record);
  });

  it('one that was frozen while the schedule passed on leaves the turn to its successor', async () => {
    quick = true;
    await cluster();
    await pass(1_000);
    leases.passOnUnnoticed('schedule/sweeping');
    await settled();
    await pass(60_000);
    expect(startsOf()).toEqual([
      ['a', 1],
      ['b', 61],
    ]);
  });

  it('one that stops hands over at once', async () => {
    quick = true;
    const { a } = await cluster();
    await pass(1_000);
    await a.stop();
    await settled();
    expect(leases.held()).toEqual(['schedule/sweeping']);
    await pass(60_000);
    expect(startsOf()).toEqual([
      ['a', 1],
      ['b', 61],
    ]);
  });

  it('one that is asked for a run waits for the run of another, and answers with its own', async () => {
    const { c } = await cluster();
    await pass(1_000);
    const asked = c.run('sweeping');
    await pass(2_000);
    expect(runs).toHaveLength(1);
    runs[0]?.end();
    await settled();
    expect(startsOf()).toEqual([
      ['a', 1],
      ['c', 3],
    ]);
    expect(runs[1]?.nextRunAt).toBe(NOON + 61_000);
    runs[1]?.end();
    expect(await asked).toMatchObject({ outcome: 'succeeded', started_at: iso(NOON + 3_000) });
  });

  it('each shows what runs elsewhere, when the next run is and who starts it', async () => {
    const { b, c } = await cluster();
    await pass(1_000);
    expect(await c.statusOf('sweeping')).toEqual({
      name: 'sweeping',
      interval_seconds: 60,
      running: true,
      running_on: 'a',
      next_run_at: iso(NOON + 61_000),
      scheduled_by: 'a',
      last_run: null,
      last_success_at: null,
    });
    runs[0]?.end();
    await settled();
    leases.passOn('schedule/sweeping');
    await settled();
    for (const scheduler of [b, c]) {
      expect(await scheduler.statusOf('sweeping')).toMatchObject({
        running: false,
        next_run_at: iso(NOON + 61_000),
        scheduled_by: 'b',
        last_run: { outcome: 'succeeded' },
        last_run_on: 'a',
      });
    }
  });

  it('goes on when the store was away as the schedule passed on', async () => {
    quick = true;
    await cluster();
    await pass(1_000);
    const records = await readModels.collection({ name: 'job_records' });
    const away = jest.spyOn(records, 'get').mockRejectedValueOnce(new Error('The store is away.'));
    leases.passOn('schedule/sweeping');
    await settled();
    expect(away).toHaveBeenCalled();
    await pass(60_000);
    expect(startsOf().map(([, at]) => at)).toEqual([1, 61]);
  });
});

describe('A scheduled run takes place once, whichever lease its instance loses, at whichever step', () => {
  const losses = [['schedule'], ['job'], ['schedule', 'job']].flatMap((lost) =>
    [false, true].map((unnoticed) => ({ lost: lost.map((name) => `${name}/sweeping`), unnoticed })),
  );
  const cases = losses.flatMap((loss) => [1, 2, 3, 4, 5, 6, 7, 8, 9].map((step) => ({ ...loss, step })));

  it.each(cases)('$lost, unnoticed: $unnoticed, step $step', async ({ lost, unnoticed, step }) => {
    quick = true;
    const successes: string[] = [];
    await cluster();
    await pass(1_000);
    const records = await readModels.collection<{ running: object | null; last_run: JobRecord | null }>({
      name: 'job_records',
    });
    const put = records.put.bind(records);
    jest.spyOn(records, 'put').mockImplementation(async (id, document) => {
      if (document.running === null && document.last_run?.outcome === 'succeeded') {
        successes.push(document.last_run.started_at);
      }
      await put(id, document);
    });
    let steps = 0;
    onStep = (on) => {
      if (on !== 'a' || ++steps !== step) return;
      for (const name of lost) {
        const notice = leases.passOnUnnoticed(name);
        if (!unnoticed) notice();
      }
    };
    await pass(60_000);
    // A fake timer of no length that is set by another one waits for the next millisecond.
    await pass(1);
    await pass(59_998);
    expect(successes).toHaveLength(1);
    expect(leases.held()).toEqual(['schedule/sweeping']);
    expect((await stored())?.running).toBeNull();
  });
});

describe('When the next run is due, by what another instance has recorded', () => {
  const record = (startedAt: number, code?: string): JobRecord => ({
    name: 'sweeping',
    outcome: code ? 'failed' : 'succeeded',
    started_at: iso(startedAt),
    finished_at: iso(startedAt),
    duration_ms: 0,
    summary: {},
    error: code ? { code, message: '' } : null,
  });
  const none = { running: null, last_run: null, last_run_on: null, last_success_at: null };

  it.each([
    ['an interval after the start of the last run', { ...none, last_run: record(NOON - 10) }, NOON + 50],
    ['at once when that has passed', { ...none, last_run: record(NOON - 100) }, NOON],
    ['at once when a run never finished', { ...none, running: { started_at: iso(NOON), instance: 'a' } }, NOON],
    ['at once when it was cut off by a stop', { ...none, last_run: record(NOON - 10, 'shutting_down') }, NOON],
    ['at once when it was cut off by a lost lease', { ...none, last_run: record(NOON - 10, 'lease_lost') }, NOON],
    ['as ever when it failed by itself', { ...none, last_run: record(NOON - 10, 'ec2_unavailable') }, NOON + 50],
    ['an interval from now when the other clock is far ahead', { ...none, last_run: record(NOON + 9_000) }, NOON + 60],
  ])('%s', (_, document, due) => {
    expect(dueAfter(document, 60, NOON)).toBe(due);
  });
});
