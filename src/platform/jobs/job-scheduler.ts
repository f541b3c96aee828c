import type { SchedulerRegistry } from '@nestjs/schedule';
import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import { newCommandContext } from '../commands/command-context.js';
import { DormouseError, messageOf, NotFound } from '../errors.js';
import type { Leases } from '../leases/leases.port.js';
import { correlated } from '../observability/logger.js';
import type { Collection, ReadModelStore } from '../read-models/read-model-store.port.js';
import type { Job, JobRecord, JobSummary } from './job.js';

/** A job as operators see it. Times are ISO 8601 UTC. */
export interface JobStatus {
  readonly name: string;
  readonly interval_seconds: number;
  readonly running: boolean;
  readonly next_run_at: string | null;
  readonly last_run: JobRecord | null;
  readonly last_success_at: string | null;
}

interface JobDocument {
  readonly last_run: JobRecord;
  readonly last_success_at: string | null;
}

interface Scheduled {
  readonly job: Job;
  running: Promise<JobRecord> | undefined;
  /** The run that waits for the present one to end; whoever asks meanwhile shares it. */
  waiting: Promise<JobRecord> | undefined;
  nextRunAt: number | null;
}

/** Longest wait before the pass that every job makes after start. */
const START_JITTER_MS = 2_000;

/**
 * Starts jobs on their intervals (timers of @nestjs/schedule) and on demand, one run of a job at a time, under the job's
 * lease; records every run where all instances see it.
 */
export class JobScheduler {
  private readonly jobs = new Map<string, Scheduled>();
  private readonly stopping = new AbortController();
  private opened: Promise<Collection<JobDocument>> | undefined;

  constructor(
    private readonly registry: SchedulerRegistry,
    private readonly readModels: ReadModelStore,
    private readonly leases: Leases,
    private readonly clock: Clock,
    private readonly log: Logger,
    /** Resolves when a run may begin: the candidates come from read models, which must have caught up. */
    private readonly ready: (signal: AbortSignal) => Promise<void>,
  ) {}

  register(job: Job): void {
    if (this.jobs.has(job.name)) throw new Error(`Job '${job.name}' is registered twice.`);
    this.jobs.set(job.name, { job, running: undefined, waiting: undefined, nextRunAt: null });
  }

  /** Begins the intervals: one pass after a short jitter, so a service that restarts often still does its work. */
  start(): void {
    for (const scheduled of this.jobs.values()) {
      const { job } = scheduled;
      const jitter = Math.random() * Math.min(START_JITTER_MS, job.intervalSeconds * 100);
      scheduled.nextRunAt = this.clock.now() + jitter;
      const first = setTimeout(() => {
        this.tick(scheduled);
        this.registry.addInterval(
          job.name,
          setInterval(() => this.tick(scheduled), job.intervalSeconds * 1000),
        );
      }, jitter);
      this.registry.addTimeout(`${job.name} (first run)`, first);
    }
  }

  /** Ends the intervals and waits for runs in flight, which are told to start nothing new. */
  async stop(): Promise<void> {
    this.stopping.abort(new DormouseError('shutting_down', 503, 'The service is stopping.'));
    for (const name of this.registry.getIntervals()) if (this.jobs.has(name)) this.registry.deleteInterval(name);
    for (const name of this.registry.getTimeouts()) if (name.endsWith('(first run)')) this.registry.deleteTimeout(name);
    const underWay = [...this.jobs.values()].flatMap(({ waiting, running }) => waiting ?? running ?? []);
    await Promise.allSettled(underWay);
  }

  /**
   * Runs a job now. While it is running already, a run that begins afterwards answers (one for all who wait).
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
    const { job, running, nextRunAt } = this.get(name);
    const document = (await (await this.collection()).get(name))?.document;
    return {
      name,
      interval_seconds: job.intervalSeconds,
      running: running !== undefined,
      next_run_at: nextRunAt === null ? null : new Date(nextRunAt).toISOString(),
      last_run: document?.last_run ?? null,
      last_success_at: document?.last_success_at ?? null,
    };
  }

  private get(name: string): Scheduled {
    const scheduled = this.jobs.get(name);
    if (scheduled) return scheduled;
    const known = [...this.jobs.keys()].join(', ');
    throw new NotFound(`Job (known: ${known})`, name, 'unknown_job');
  }

  /** The interval's turn. A run that is still going is not overlapped; the next turn comes. */
  private tick(scheduled: Scheduled): void {
    scheduled.nextRunAt = this.clock.now() + scheduled.job.intervalSeconds * 1000;
    if (scheduled.running || this.stopping.signal.aborted) {
      this.log.warn({ job: scheduled.job.name }, 'job.skipped_still_running');
      return;
    }
    // `begin` records and logs every failure; what is left to catch is the record itself failing.
    this.begin(scheduled).catch((error: unknown) => {
      this.log.error({ job: scheduled.job.name, error: messageOf(error) }, 'job.record_failed');
    });
  }

  private begin(scheduled: Scheduled): Promise<JobRecord> {
    const running = this.execute(scheduled.job, scheduled).finally(() => {
      scheduled.running = undefined;
    });
    scheduled.running = running;
    return running;
  }

  private async execute(job: Job, scheduled: Scheduled): Promise<JobRecord> {
    const context = newCommandContext('system');
    return correlated(context.correlationId, async () => {
      const startedAt = this.clock.now();
      let summary: JobSummary | null = null;
      let error: JobRecord['error'] = null;
      try {
        await this.ready(this.stopping.signal);
        summary = await this.leases.hold(
          `job/${job.name}`,
          (lease) => {
            const signal = AbortSignal.any([this.stopping.signal, lease.lost]);
            const planned = scheduled.nextRunAt ?? 0;
            const nextRunAt = planned > startedAt ? planned : startedAt + job.intervalSeconds * 1000;
            return job.run({ context, nextRunAt, signal });
          },
          this.stopping.signal,
        );
      } catch (thrown) {
        error = { code: thrown instanceof DormouseError ? thrown.code : 'unexpected', message: messageOf(thrown) };
      }
      return this.record(job, startedAt, summary, error);
    });
  }

  private async record(
    job: Job,
    startedAt: number,
    summary: JobSummary | null,
    error: JobRecord['error'],
  ): Promise<JobRecord> {
    const finishedAt = this.clock.now();
    const record: JobRecord = {
      name: job.name,
      outcome: error ? 'failed' : 'succeeded',
      started_at: new Date(startedAt).toISOString(),
      finished_at: new Date(finishedAt).toISOString(),
      duration_ms: finishedAt - startedAt,
      summary,
      error,
    };
    this.log[error ? 'error' : 'info'](
      { job: job.name, duration_ms: record.duration_ms, summary, error },
      `job.${record.outcome}`,
    );
    const collection = await this.collection();
    const before = (await collection.get(job.name))?.document.last_success_at ?? null;
    await collection.put(job.name, { last_run: record, last_success_at: error ? before : record.finished_at });
    return record;
  }

  private collection(): Promise<Collection<JobDocument>> {
    this.opened ??= this.readModels.collection<JobDocument>({ name: 'job_records' }).catch((error: unknown) => {
      this.opened = undefined;
      throw error;
    });
    return this.opened;
  }
}
