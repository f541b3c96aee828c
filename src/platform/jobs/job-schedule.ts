import type { SchedulerRegistry } from '@nestjs/schedule';
import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import { messageOf } from '../errors.js';
import type { Lease, Leases } from '../leases/leases.port.js';
import { OutageReasons } from '../observability/outage-reasons.js';
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

/**
 * - `taken`: the job has run, or runs still
 * - `plan_anew`: the turn was another's, or was cut off
 * - `store_away`: the run could not do its work, or not be recorded
 */
export type TurnOutcome = 'taken' | 'plan_anew' | 'store_away';

/** What a schedule works with. */
export interface ScheduleContext {
  readonly registry: SchedulerRegistry;
  readonly records: JobRecords;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly log: Logger;
  /** Runs the job. */
  readonly take: (turn: Turn) => Promise<TurnOutcome>;
  /** Resolves when a run may begin. @throws while a store is away */
  readonly ready: (signal: AbortSignal) => Promise<void>;
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
  /** Of what keeps the schedule from being held, and the runs from being recorded. */
  private readonly waiting = new OutageReasons();
  private readonly unrecorded = new OutageReasons();

  /** Ends the present hold. */
  private handBack: () => void = () => undefined;

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
    const { leases, ready } = this.context;
    for (let failures = 0; !stopping.aborted;) {
      try {
        // Whoever could not run the job leaves it to those who can, and comes back when it can itself.
        if (failures > 0) await ready(stopping);
        const lease = await leases.acquire(`schedule/${this.job.name}`, stopping);
        if (await this.hold(lease, stopping)) failures = 0;
        else await pause(backoff(++failures, BACKOFF), stopping);
      } catch (error) {
        if (stopping.aborted) return;
        this.complain(this.waiting, error, 'job.schedule_waiting');
        await pause(backoff(++failures, BACKOFF), stopping);
      }
    }
  }

  /** @returns false when it was given back because the job could not do its work */
  private async hold(lease: Lease, stopping: AbortSignal): Promise<boolean> {
    const handBack = new AbortController();
    const end = AbortSignal.any([stopping, lease.lost, handBack.signal]);
    this.handBack = () => handBack.abort();
    try {
      await this.plan(lease, end);
      if (this.waiting.over()) this.context.log.info({ job: this.job.name }, 'job.schedule_resumed');
      await aborted(end);
      return !handBack.signal.aborted;
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
    const { clock, take } = this.context;
    this.arm(clock.now() + this.intervalMs, { lease: turn.lease, seen: undefined }, end);
    void take(turn)
      .then(async (outcome) => {
        if (outcome === 'plan_anew') await this.plan(turn.lease, end);
        if (outcome === 'taken') this.unrecorded.over();
        if (outcome === 'store_away') this.handBack();
      })
      // A run records and logs its own failures; what is left to catch is that nothing could be recorded.
      .catch((error: unknown) => {
        this.complain(this.unrecorded, error, 'job.record_failed');
        this.handBack();
      });
  }

  private complain(reasons: OutageReasons, error: unknown, message: string): void {
    const line = { job: this.job.name, error: messageOf(error) };
    this.context.log[reasons.isNews(line.error) ? 'warn' : 'debug'](line, message);
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

/** The run failed because a store was away: nothing is wrong with the job, and it is due as soon as the store is back. */
export function storeWasAway(error: { readonly code: string } | null): boolean {
  return error !== null && STORE_AWAY.has(error.code);
}

const STORE_AWAY: ReadonlySet<string> = new Set([
  'event_store_unavailable',
  'append_outcome_unknown',
  'read_model_store_unavailable',
  'projection_not_ready',
]);

/**
 * When a run is due by what another instance has recorded: an interval after the start of the last one, at once when that
 * has passed or a run was not finished, and never later than an interval from now, should the other's clock be ahead.
 */
export function dueAfter({ running, last_run }: JobDocument, intervalMs: number, now: number): number {
  if (running || !last_run || wasCutOff(last_run) || storeWasAway(last_run.error)) return now;
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
