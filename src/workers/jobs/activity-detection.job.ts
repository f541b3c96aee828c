import { Inject, Injectable } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { stepOf } from '../../platform/commands/command-context.js';
import { DormouseError, messageOf } from '../../platform/errors.js';
import type { Job, JobRun, JobSummary } from '../../platform/jobs/job.js';
import { sweep } from '../../platform/jobs/sweep.js';
import { LOGGER } from '../../platform/observability/logger.js';
import type { IdleDetectionResult } from '../commands/detect-worker-idle.command.js';
import { DetectWorkerIdleCommand } from '../commands/detect-worker-idle.command.js';
import { WorkerPower } from '../commands/worker-power.js';
import type { DocumentQuery } from '../../platform/read-models/read-model-store.port.js';
import { WorkerViews } from '../queries/worker-views.js';
import { WorkersSettings } from '../workers-settings.js';
import { RunPace } from './run-pace.js';

type Summary = Record<'checked' | 'idle' | 'auto_paused' | 'skipped' | 'errors', number>;

/** A run under way. */
interface Pass extends JobRun {
  readonly summary: Summary;
  readonly pace: RunPace;
}

/** DetectWorkerIdle for every running worker whose detection is on (source document: ActivityDetectionJob). */
@Injectable()
export class ActivityDetectionJob implements Job {
  readonly name = 'activity-detection';

  constructor(
    private readonly views: WorkerViews,
    private readonly commandBus: CommandBus,
    private readonly power: WorkerPower,
    @Inject(WorkersSettings) private readonly settings: WorkersSettings,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  get intervalSeconds(): number {
    return this.settings.WORKER_ACTIVITY_DETECTION_INTERVAL;
  }

  async run(run: JobRun): Promise<JobSummary> {
    const summary: Summary = { checked: 0, idle: 0, auto_paused: 0, skipped: 0, errors: 0 };
    const pass = { ...run, summary, pace: new RunPace(this.settings.WORKER_DETECTION_CONCURRENCY, run.signal) };
    const registered = await this.views.workers.count();
    await this.forEachWorker({ power_change_pending: true }, pass, (id) => this.settle(id, pass));
    const candidates = { status: 'running', is_idle_detection_enabled: true };
    const due = await this.forEachWorker(candidates, pass, (id) => this.check(id, pass));
    return { ...summary, skipped: summary.skipped + Math.max(0, registered - due) };
  }

  /** Some at a time, one worker's failure stopping no other. @returns how many there were */
  private forEachWorker(
    where: NonNullable<DocumentQuery['where']>,
    { signal, pace, summary }: Pass,
    work: (workerId: string) => Promise<void>,
  ): Promise<number> {
    const failed = (workerId: string, error: unknown): void => {
      summary.errors++;
      const code = error instanceof DormouseError ? error.code : undefined;
      this.log.warn({ worker_id: workerId, code, error: messageOf(error) }, 'worker.check_failed');
    };
    const options = { signal, failed, admit: (check: () => Promise<void>) => pace.admit(check) };
    return sweep({ view: this.views.workers, where }, options, work);
  }

  /** A pause or resume that an earlier process left undone is settled by whichever job runs first. */
  private async settle(workerId: string, { context, pace }: Pass): Promise<void> {
    const step = stepOf(context, `settle ${workerId}`);
    await pace.ask(() => this.power.exclusively(workerId, (lease) => this.power.settle(lease, workerId, step)));
  }

  private async check(workerId: string, { context, nextRunAt, summary, pace }: Pass): Promise<void> {
    const command = new DetectWorkerIdleCommand(workerId, undefined, stepOf(context, workerId), nextRunAt, pace);
    const result: IdleDetectionResult = await this.commandBus.execute(command);
    if (!result.check) summary.skipped++;
    else summary.checked++;
    if (result.check && result.idle.reason === 'idle_timeout_exceeded') summary.idle++;
    if (result.paused) summary.auto_paused++;
  }
}
