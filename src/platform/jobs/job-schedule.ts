import type { SchedulerRegistry } from '@nestjs/schedule';
import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import { messageOf } from '../errors.js';
import type { Lease, Leases } from '../leases/leases.port.js';
import { backoff, pause } from '../projections/pause.js';
import type { JobDocument, JobRecords } from './job-records.js';
import type { Job, JobRecord } from './job.js';

/** A scheduled run that is due now. */
export interface Turn {
  /** Of the schedule: who has lost it leaves the turn to its successor. */
  readonly lease: Lease;
  /** The job's records by which the turn is due; once they are others, another run has taken place. Absent: it is due. */
  readonly seen: JobDocument | undefined;
}

/** What a schedule works with. */
export interface ScheduleContext {
  readonly registry: SchedulerRegistry;
  readonly records: JobRecords;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly log: Logger;
  /** Runs the job. @returns false when the turn was another's or was cut off, and the next one has to be planned anew */
  readonly take: (turn: Turn) => Promise<boolean>;
}

/** Longest wait before the pass that a job makes after start. */
const START_JITTER_MS = 2_000;

/** Waits between tries to get hold of the schedule while a store is away. */
const BACKOFF = { backoffMinMs: 250, backoffMaxMs: 10_000 };

/**
 * One job's turns. All instances wait for the lease `schedule/<job>`, and its holder alone starts the scheduled runs: an
 * interval apart, on timers of @nestjs/schedule. Who takes over goes on where the records say the holder before it was.
 */
export class JobSchedule {
  private due: number | null = null;

  constructor(
    private readonly job: Job,
    private readonly context: ScheduleContext,
  ) {}

  /** When this instance starts the next run, epoch ms; null while it does not hold the schedule. */
  get nextRunAt(): number | null {
    return this.due;
  }

  /** Waits for the schedule and holds it, again and again. Resolves when `stopping` aborts. */
  async keep(stopping: AbortSignal): Promise<void> {
    const { leases, log } = this.context;
    for (let failures = 0; !stopping.aborted;) {
      try {
        const lease = await leases.acquire(`schedule/${this.job.name}`, stopping);
        await this.hold(lease, stopping);
        failures = 0;
      } catch (error) {
        if (stopping.aborted) return;
        log.warn({ job: this.job.name, error: messageOf(error) }, 'job.schedule_waiting');
        await pause(backoff(++failures, BACKOFF), stopping);
      }
    }
  }

  private async hold(lease: Lease, stopping: AbortSignal): Promise<void> {
    const end = AbortSignal.any([stopping, lease.lost]);
    try {
      await this.plan(lease, end);
      await aborted(end);
    } finally {
      this.disarm();
      this.due = null;
      await lease.release();
    }
  }

  /** Sets the first turn by what the records say. */
  private async plan(lease: Lease, end: AbortSignal): Promise<void> {
    const seen = await this.context.records.runsOf(this.job.name);
    const now = this.context.clock.now();
    // Alone with its stores, every start is a first one, so a service that restarts often still does its work.
    const isFirst = lease.fence === undefined || (!seen.running && !seen.last_run);
    const due = isFirst ? now + this.jitter() : dueAfter(seen, this.intervalMs, now);
    this.arm(due, { lease, seen: isFirst ? undefined : seen }, end);
  }

  private arm(due: number, turn: Turn, end: AbortSignal): void {
    if (end.aborted) return;
    const { registry, clock } = this.context;
    this.disarm();
    this.due = due;
    const timer = setTimeout(() => this.tick(turn, end), Math.max(0, due - clock.now()));
    registry.addTimeout(this.timerName, timer);
    void this.publish(turn.lease, due);
  }

  /** The next turn is an interval away, whatever becomes of this one. */
  private tick(turn: Turn, end: AbortSignal): void {
    const { clock, log, take } = this.context;
    this.arm(clock.now() + this.intervalMs, { lease: turn.lease, seen: undefined }, end);
    void take(turn)
      .then((taken) => (taken ? undefined : this.plan(turn.lease, end)))
      // A run records and logs its own failures; what is left to catch is that nothing could be recorded.
      .catch((error: unknown) => log.error({ job: this.job.name, error: messageOf(error) }, 'job.record_failed'));
  }

  /** Tells the other instances when the next run is. They only show it, so a failure costs nothing. */
  private async publish({ fence }: Lease, due: number): Promise<void> {
    const { leases, records, log } = this.context;
    if (fence === undefined || leases.instance === undefined) return;
    const document = { instance: leases.instance, next_run_at: new Date(due).toISOString() };
    try {
      await records.putSchedule(this.job.name, document, fence);
    } catch (error) {
      log.debug({ job: this.job.name, error: messageOf(error) }, 'job.schedule_not_published');
    }
  }

  private disarm(): void {
    const { registry } = this.context;
    if (registry.doesExist('timeout', this.timerName)) registry.deleteTimeout(this.timerName);
  }

  private jitter(): number {
    return Math.random() * Math.min(START_JITTER_MS, this.intervalMs / 10);
  }

  private get intervalMs(): number {
    return this.job.intervalSeconds * 1000;
  }

  private get timerName(): string {
    return `${this.job.name} (next run)`;
  }
}

/**
 * When a run is due by what another instance has recorded: an interval after the start of the last one, at once when that
 * has passed or a run was not finished, and never later than an interval from now, should the other's clock be ahead.
 */
export function dueAfter({ running, last_run }: JobDocument, intervalMs: number, now: number): number {
  if (running || !last_run || wasCutOff(last_run)) return now;
  return Math.min(Math.max(now, Date.parse(last_run.started_at) + intervalMs), now + intervalMs);
}

/** The run did not fail but was ended, by a stop or because its lease was lost: what it left undone is still due. */
export function wasCutOff({ error }: JobRecord): boolean {
  return error?.code === 'lease_lost' || error?.code === 'shutting_down';
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
