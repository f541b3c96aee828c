import { Injectable } from '@nestjs/common';
import { PlatformSettings } from '../config/platform-settings.js';
import { messageOf } from '../errors.js';
import { EventStore } from '../event-store/event-store.port.js';
import { JobScheduler } from '../jobs/job-scheduler.js';
import type { JobStatus } from '../jobs/job-scheduler.js';
import { Leases } from '../leases/leases.port.js';
import { ProjectionEngine } from '../projections/projection-engine.js';
import type { ProjectionStatus } from '../projections/projection-engine.js';
import { ReadModelStore } from '../read-models/read-model-store.port.js';
import { diskTrouble } from './disk-trouble.js';
import { HealthWarnings } from './health-warnings.js';

export interface StoreHealth {
  readonly kind: string;
  readonly reachable: boolean;
  readonly error: string | null;
}

export interface ReadinessReport {
  readonly status: 'ready' | 'not_ready';
  /** Why it is not ready; empty when it is. */
  readonly reasons: readonly string[];
  /** What an operator should look at, although requests are served. */
  readonly warnings: readonly string[];
  /** This instance's name among several; null when it is alone with its stores. */
  readonly instance: string | null;
  /** What this instance does for all: the projections that it runs, the jobs whose scheduled runs it starts. */
  readonly holds: { readonly projections: readonly string[]; readonly schedules: readonly string[] };
  readonly event_store: StoreHealth;
  readonly read_models: StoreHealth;
  readonly projections: readonly ProjectionStatus[];
  readonly jobs: readonly JobStatus[];
}

/** May requests be sent here? Stores reachable, room to write, read models caught up since start, not stopping. */
@Injectable()
export class Readiness {
  private stopping = false;
  private caughtUp = false;

  constructor(
    private readonly events: EventStore,
    private readonly readModels: ReadModelStore,
    private readonly projections: ProjectionEngine,
    private readonly jobs: JobScheduler,
    private readonly leases: Leases,
    private readonly settings: PlatformSettings,
    private readonly contexts: HealthWarnings,
  ) {}

  /** From now on not ready: the process is about to end. */
  drain(): void {
    this.stopping = true;
  }

  /** The read models have reached what was stored when the service started. */
  opened(): void {
    this.caughtUp = true;
  }

  async report(): Promise<ReadinessReport> {
    const [event_store, read_models, disk] = await Promise.all([
      healthOf(this.events),
      healthOf(this.readModels),
      this.diskTrouble(),
    ]);
    const reachable = event_store.reachable && read_models.reachable;
    const projections = reachable ? await this.projections.status() : [];
    const jobs = reachable ? await this.jobs.status() : [];
    const told = reachable ? await this.contexts.all() : [];
    const reasons: string[] = [];
    if (this.stopping) reasons.push('The service is stopping.');
    if (!event_store.reachable) reasons.push(`The event store cannot be reached: ${event_store.error}`);
    if (!read_models.reachable) reasons.push(`The read models cannot be reached: ${read_models.error}`);
    if (disk !== null) reasons.push(`DATA_DIR (${this.settings.DATA_DIR}) cannot be written: ${disk}.`);
    if (reachable && !this.caughtUp) reasons.push('The read models are still catching up with the stored events.');
    return {
      status: reasons.length === 0 ? 'ready' : 'not_ready',
      reasons,
      warnings: [...projections.flatMap(projectionWarnings), ...jobs.flatMap(jobWarnings), ...told],
      instance: this.leases.instance ?? null,
      holds: this.holds(projections, jobs),
      event_store,
      read_models,
      projections,
      jobs,
    };
  }

  /** Of no concern when both stores are elsewhere. */
  private async diskTrouble(): Promise<string | null> {
    const isNeeded = this.events.kind === 'embedded' || this.readModels.kind === 'embedded';
    return isNeeded ? await diskTrouble(this.settings.DATA_DIR) : null;
  }

  private holds(projections: readonly ProjectionStatus[], jobs: readonly JobStatus[]): ReadinessReport['holds'] {
    const instance = this.leases.instance ?? null;
    return {
      projections: projections.filter(({ state }) => RUNS_HERE.has(state)).map(({ name }) => name),
      schedules: jobs
        .filter((status) => status.next_run_at && (status.scheduled_by ?? null) === instance)
        .map(({ name }) => name),
    };
  }
}

/** States of a projection that this instance runs itself. */
const RUNS_HERE: ReadonlySet<ProjectionStatus['state']> = new Set(['catching_up', 'live', 'rebuilding']);

function projectionWarnings({ name, parked_streams, last_error, state }: ProjectionStatus): string[] {
  const parked =
    parked_streams > 0
      ? [`Projection ${name} has ${parked_streams} parked stream(s): see 'dormouse parked list'.`]
      : [];
  const waiting =
    state === 'waiting' && last_error ? [`Projection ${name} is waiting to resume: ${last_error.message}`] : [];
  return [...parked, ...waiting];
}

function jobWarnings({ name, last_run }: JobStatus): string[] {
  return last_run?.outcome === 'failed' ? [`The last run of job ${name} failed: ${last_run.error?.message ?? ''}`] : [];
}

async function healthOf(store: { readonly kind: string; ping(): Promise<void> }): Promise<StoreHealth> {
  try {
    await store.ping();
    return { kind: store.kind, reachable: true, error: null };
  } catch (error) {
    return { kind: store.kind, reachable: false, error: messageOf(error) };
  }
}
