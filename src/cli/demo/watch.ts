import { setTimeout as sleep } from 'node:timers/promises';
import type { JobStatus } from '../../platform/jobs/job-scheduler.js';
import type { WorkerActivityDto, WorkerDto } from '../../workers/http/workers.answers.js';
import { eventsAfter } from '../subcommands/stored-events.js';
import type { StoredEvent } from '../subcommands/stored-events.js';
import { workersPath } from '../subcommands/worker-lookup.js';
import type { ServiceApi } from '../service-api.js';
import { segment } from '../service-api.js';
import { COACHED } from './demo-coaching.js';
import type { Narrator, TimedEvent, Told } from './narrator.js';
import { sessionTold } from './session-narrator.js';
import type { TimedSessionEvent } from './session-narrator.js';

const LOOK_EVERY_MS = 500;

/** Watches the service from outside, as any client could, and tells what happens. */
export class Watch {
  private readonly byId: ReadonlyMap<string, WorkerDto>;
  private lastRun: string | undefined;

  constructor(
    private readonly api: ServiceApi,
    private readonly workers: readonly WorkerDto[],
    private readonly sessionId: string,
    private readonly narrator: Narrator,
    private readonly tell: (told: Told | null) => void,
  ) {
    this.byId = new Map(workers.map((worker) => [worker.worker_id, worker]));
  }

  /** Tells what comes after a position of the history (undefined: its beginning). @throws the signal's reason */
  async run(after: number | undefined, signal: AbortSignal): Promise<never> {
    let position = after;
    for (;;) {
      const page = await eventsAfter(this.api, position);
      page.items.forEach((event) => this.event(event));
      position = page.position ?? position;
      await this.lookForFailedChecks();
      await sleep(LOOK_EVERY_MS, undefined, { signal });
    }
  }

  private event(event: StoredEvent): void {
    if (event.stream === `coachingSession-${this.sessionId}`) return this.sessionEvent(event);
    const worker = this.byId.get(event.stream.replace(/^cmlWorker-/, ''));
    // What is older belongs to an earlier demo on the same data directory.
    if (!worker || event.recorded_at < worker.registered_at) return;
    // What the service stores under this category is what this version of it writes.
    const timed = { type: event.type, data: event.data, at: event.recorded_at } as TimedEvent;
    this.tell(this.narrator.event(worker.name, timed));
  }

  private sessionEvent({ type, data, recorded_at: at }: StoredEvent): void {
    // What the service stores in a session's stream is what this version of it writes.
    this.tell(sessionTold(COACHED.user, { type, data, at } as TimedSessionEvent));
  }

  /** A failed check writes no event: the job's record counts it, and the worker's read model tells why. */
  private async lookForFailedChecks(): Promise<void> {
    const { last_run } = await this.api.get<JobStatus>('/jobs/activity-detection');
    if (!last_run || last_run.finished_at === this.lastRun) return;
    this.lastRun = last_run.finished_at;
    if (!last_run.summary?.['errors']) return;
    for (const { worker_id, name, aws_region, registered_at } of this.workers) {
      const path = `${workersPath(aws_region)}/${segment(worker_id)}/activity`;
      const { last_check_error } = await this.api.get<WorkerActivityDto>(path);
      if (!last_check_error || last_check_error.at < registered_at) continue;
      this.tell(this.narrator.checkFailed(name, last_check_error));
    }
  }
}
