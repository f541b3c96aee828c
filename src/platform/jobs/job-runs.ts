import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import { newCommandContext } from '../commands/command-context.js';
import type { CommandContext } from '../commands/command-context.js';
import { DormouseError, messageOf } from '../errors.js';
import { LeaseLost } from '../leases/leases.port.js';
import type { Lease, Leases } from '../leases/leases.port.js';
import { correlated } from '../observability/logger.js';
import { StaleFence } from '../read-models/read-model-store.errors.js';
import type { JobDocument, JobRecords } from './job-records.js';
import type { Turn } from './job-schedule.js';
import type { Job, JobRecord, JobSummary } from './job.js';

/** What runs need. */
export interface RunContext {
  readonly records: JobRecords;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly log: Logger;
  /** Resolves when a run may begin. */
  readonly ready: (signal: AbortSignal) => Promise<void>;
}

/** What one run is told. */
export interface RunOrder {
  /** When the next scheduled run is, epoch ms; NaN when nobody has planned one. */
  readonly nextRunAt: () => Promise<number>;
  readonly stopping: AbortSignal;
  /** Of a scheduled run. */
  readonly turn: Turn | undefined;
}

/** The turn is not this instance's: the schedule was lost, or another run has taken place since the turn was planned. */
export class NotDue extends Error {}

type Outcome = { readonly summary: JobSummary } | { readonly thrown: unknown };

/** Single runs of jobs, each under the lease `job/<name>`, with their records. */
export class JobRuns {
  constructor(private readonly context: RunContext) {}

  /**
   * Waits for the job's lease, runs the job, records the run. A run that loses its lease midway has failed, and leaves the
   * records to its successor.
   *
   * @returns the record, also of a failed run
   * @throws {NotDue} the turn is gone @throws {ReadModelStoreUnavailable} the run could not be recorded
   */
  async run(job: Job, order: RunOrder): Promise<JobRecord> {
    const context = newCommandContext('system');
    return correlated(context.correlationId, async () => {
      const askedAt = this.context.clock.now();
      let lease: Lease;
      try {
        lease = await this.context.leases.acquire(leaseOf(job), order.stopping);
      } catch (thrown) {
        // It has not begun, so there is nothing that other instances should see.
        return this.finished(job, askedAt, { thrown });
      }
      try {
        return await this.runHolding(lease, job, order, context);
      } finally {
        await lease.release();
      }
    });
  }

  /**
   * Recorded when it begins and when it has ended. A run that cannot be recorded as begun does not begin: should this
   * instance die, its successor would not know of it.
   */
  private async runHolding(lease: Lease, job: Job, order: RunOrder, context: CommandContext): Promise<JobRecord> {
    const before = await this.context.records.runsOf(job.name);
    assertDue(order.turn, before);
    const instance = this.context.leases.instance ?? null;
    const startedAt = this.context.clock.now();
    const running = { started_at: new Date(startedAt).toISOString(), instance };
    if (!(await this.recorded(lease, job, { ...before, running }))) {
      return this.finished(job, startedAt, { thrown: new LeaseLost(lease.name) });
    }
    const record = this.finished(job, startedAt, await this.outcomeOf(lease, job, order, context, startedAt));
    const last_success_at = record.error ? before.last_success_at : record.finished_at;
    const done = { running: null, last_run: record, last_run_on: instance, last_success_at };
    if ((await this.recorded(lease, job, done)) || record.error) return record;
    return { ...record, outcome: 'failed', summary: null, error: errorOf(new LeaseLost(lease.name)) };
  }

  private async outcomeOf(
    lease: Lease,
    job: Job,
    { nextRunAt, stopping }: RunOrder,
    context: CommandContext,
    startedAt: number,
  ): Promise<Outcome> {
    const signal = AbortSignal.any([stopping, lease.lost]);
    try {
      await this.context.ready(signal);
      const planned = await nextRunAt();
      const next = planned > startedAt ? planned : startedAt + job.intervalSeconds * 1000;
      lease.assertHeld();
      const summary = await job.run({ context, nextRunAt: next, signal });
      lease.assertHeld();
      return { summary };
    } catch (thrown) {
      return { thrown };
    }
  }

  /** False when another instance holds the job's lease by now: the records are that one's. */
  private async recorded(lease: Lease, { name }: Job, document: JobDocument): Promise<boolean> {
    try {
      await this.context.records.putRuns(name, document, lease.fence);
      return true;
    } catch (error) {
      if (!(error instanceof StaleFence)) throw error;
      this.context.log.warn({ job: name, error: error.message }, 'job.superseded');
      return false;
    }
  }

  private finished(job: Job, startedAt: number, outcome: Outcome): JobRecord {
    const finishedAt = this.context.clock.now();
    const summary = 'summary' in outcome ? outcome.summary : null;
    const error = 'thrown' in outcome ? errorOf(outcome.thrown) : null;
    const record: JobRecord = {
      name: job.name,
      outcome: error ? 'failed' : 'succeeded',
      started_at: new Date(startedAt).toISOString(),
      finished_at: new Date(finishedAt).toISOString(),
      duration_ms: finishedAt - startedAt,
      summary,
      error,
    };
    const { outcome: outcomeName, duration_ms } = record;
    this.context.log[error ? 'error' : 'info']({ job: job.name, duration_ms, summary, error }, `job.${outcomeName}`);
    return record;
  }
}

function leaseOf({ name }: Job): string {
  return `job/${name}`;
}

/** Asked while the job's lease is held, so that what the records say stays so. @throws {NotDue} */
function assertDue(turn: Turn | undefined, now: JobDocument): void {
  if (!turn) return;
  try {
    turn.lease.assertHeld();
  } catch (error) {
    throw new NotDue('The schedule is held by another instance.', { cause: error });
  }
  if (turn.seen && !isDeepStrictEqual(turn.seen, now)) throw new NotDue('Another run has taken place.');
}

function errorOf(thrown: unknown): { readonly code: string; readonly message: string } {
  return { code: thrown instanceof DormouseError ? thrown.code : 'unexpected', message: messageOf(thrown) };
}
