import type { SchedulerRegistry } from '@nestjs/schedule';
import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import { DormouseError, NotFound } from '../errors.js';
import type { Leases } from '../leases/leases.port.js';
import type { ReadModelStore } from '../read-models/read-model-store.port.js';
import { JobRecords } from './job-records.js';
import { JobRuns, NotDue } from './job-runs.js';
import { JobSchedule, storeWasAway, wasCutOff } from './job-schedule.js';
import type { Turn, TurnOutcome } from './job-schedule.js';
import type { Job, JobRecord } from './job.js';

/** A job as operators see it. Times are ISO 8601 UTC. Instances are named where there can be several. */
export interface JobStatus {
  readonly name: string;
  readonly interval_seconds: number;
  /** On any instance. */
  readonly running: boolean;
  readonly running_on?: string;
  readonly next_run_at: string | null;
  /** Instance that starts the scheduled runs. */
  readonly scheduled_by?: string;
  readonly last_run: JobRecord | null;
  readonly last_run_on?: string;
  readonly last_success_at: string | null;
}

interface Scheduled {
  readonly job: Job;
  readonly schedule: JobSchedule;
  running: Promise<JobRecord> | undefined;
  /** The run that waits for the present one to end; whoever asks meanwhile shares it. */
  waiting: Promise<JobRecord> | undefined;
}

/**
 * Starts jobs on their intervals and on demand. Scheduled runs are started by one instance, which holds the schedule; a run,
 * wherever it was asked for, holds the job's own lease, so one run of a job takes place at a time. Every run is recorded
 * where all instances see it.
 */
export class JobScheduler {
  private readonly jobs = new Map<string, Scheduled>();
  private readonly stopping = new AbortController();
  private readonly records: JobRecords;
  private readonly runs: JobRuns;
  private schedules: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly registry: SchedulerRegistry,
    readModels: ReadModelStore,
    private readonly leases: Leases,
    private readonly clock: Clock,
    private readonly log: Logger,
    /** Resolves when a run may begin: the candidates come from read models, which must have caught up. */
    private readonly ready: (signal: AbortSignal) => Promise<void>,
  ) {
    this.records = new JobRecords(readModels);
    this.runs = new JobRuns({ records: this.records, leases, clock, log, ready });
  }

  register(job: Job): void {
    if (this.jobs.has(job.name)) throw new Error(`Job '${job.name}' is registered twice.`);
    const { registry, records, leases, clock, log, ready } = this;
    const take = (turn: Turn): Promise<TurnOutcome> => this.takeTurn(this.get(job.name), turn);
    const schedule = new JobSchedule(job, { registry, records, leases, clock, log, take, ready });
    this.jobs.set(job.name, { job, schedule, running: undefined, waiting: undefined });
  }

  /** From now on this instance starts the scheduled runs of each job whose schedule it gets hold of. */
  start(): void {
    const { signal } = this.stopping;
    this.schedules = Promise.all([...this.jobs.values()].map(({ schedule }) => schedule.keep(signal)));
  }

  /** Gives the schedules back, and waits for runs in flight, which are told to start nothing new. */
  async stop(): Promise<void> {
    this.stopping.abort(new DormouseError('shutting_down', 503, 'The service is stopping.'));
    const underWay = [...this.jobs.values()].flatMap(({ waiting, running }) => waiting ?? running ?? []);
    await Promise.allSettled([this.schedules, ...underWay]);
  }

  /**
   * Runs a job now. While it is running already, here or elsewhere, a run that begins afterwards answers (one for all who
   * wait here).
   * @returns the record, also of a failed run @throws {NotFound} unknown_job
   */
  async run(name: string): Promise<JobRecord> {
    const scheduled = this.get(name);
    if (scheduled.waiting) return scheduled.waiting;
    if (!scheduled.running) return this.begin(scheduled);
    const { running } = scheduled;
    const next = () => {
      scheduled.waiting = undefined;
      return this.begin(scheduled);
    };
    // Whether or not the present run could be recorded, the next one takes place.
    scheduled.waiting = running.then(next, next);
    return scheduled.waiting;
  }

  async status(): Promise<JobStatus[]> {
    return Promise.all([...this.jobs.keys()].map((name) => this.statusOf(name)));
  }

  /** @throws {NotFound} unknown_job */
  async statusOf(name: string): Promise<JobStatus> {
    const scheduled = this.get(name);
    const [{ running, last_run, last_run_on, last_success_at }, planned] = await Promise.all([
      this.records.runsOf(name),
      this.planned(scheduled),
    ]);
    const { instance } = this.leases;
    // What this instance has recorded as running it knows itself to run, or has forgotten in a restart.
    const elsewhere = instance === undefined || running?.instance === instance ? null : (running?.instance ?? null);
    const runningOn = scheduled.running ? instance : elsewhere;
    return {
      name,
      interval_seconds: scheduled.job.intervalSeconds,
      running: scheduled.running !== undefined || elsewhere !== null,
      ...(runningOn && { running_on: runningOn }),
      next_run_at: planned?.at ?? null,
      ...(planned?.by && { scheduled_by: planned.by }),
      last_run,
      ...(last_run_on && { last_run_on }),
      last_success_at,
    };
  }

  private get(name: string): Scheduled {
    const scheduled = this.jobs.get(name);
    if (scheduled) return scheduled;
    const known = [...this.jobs.keys()].join(', ');
    throw new NotFound(`Job (known: ${known})`, name, 'unknown_job');
  }

  /** The next scheduled run, as this instance has planned it, or as the one that holds the schedule has recorded it. */
  private async planned({ job, schedule }: Scheduled): Promise<{ at: string; by: string | undefined } | undefined> {
    const { instance } = this.leases;
    if (schedule.nextRunAt !== null) return { at: new Date(schedule.nextRunAt).toISOString(), by: instance };
    const recorded = instance === undefined ? undefined : await this.records.scheduleOf(job.name);
    return recorded && { at: recorded.next_run_at, by: recorded.instance };
  }

  /** The interval's turn. A run that is still going here is not overlapped; the next turn comes. */
  private async takeTurn(scheduled: Scheduled, turn: Turn): Promise<TurnOutcome> {
    if (scheduled.running || this.stopping.signal.aborted) {
      this.log.warn({ job: scheduled.job.name }, 'job.skipped_still_running');
      return 'taken';
    }
    try {
      const record = await this.begin(scheduled, turn);
      if (storeWasAway(record.error)) return 'store_away';
      return wasCutOff(record) ? 'plan_anew' : 'taken';
    } catch (error) {
      if (error instanceof NotDue) return 'plan_anew';
      throw error;
    }
  }

  private begin(scheduled: Scheduled, turn?: Turn): Promise<JobRecord> {
    const { job } = scheduled;
    const nextRunAt = async () => Date.parse((await this.planned(scheduled))?.at ?? '');
    const running = this.runs.run(job, { nextRunAt, stopping: this.stopping.signal, turn }).finally(() => {
      scheduled.running = undefined;
    });
    scheduled.running = running;
    return running;
  }
}
