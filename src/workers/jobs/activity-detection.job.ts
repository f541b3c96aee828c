import { Inject, Injectable } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import { stepOf } from '../../platform/commands/command-context.js';
import { DormouseError, messageOf } from '../../platform/errors.js';
import type { Job, JobRun, JobSummary } from '../../platform/jobs/job.js';
import { LOGGER } from '../../platform/observability/logger.js';
import type { IdleDetectionResult } from '../commands/detect-worker-idle.command.js';
import { DetectWorkerIdleCommand } from '../commands/detect-worker-idle.command.js';
import { Ec2Refused, Ec2Unavailable } from '../gateways/ec2.port.js';
import { TelemetryUnavailable } from '../gateways/cml-api.port.js';
import { WorkerViews } from '../queries/worker-views.js';
import { WorkersSettings } from '../workers-settings.js';

const PAGE = 500;

/** DetectWorkerIdle for every running worker whose detection is on (source document: ActivityDetectionJob). */
@Injectable()
export class ActivityDetectionJob implements Job {
  readonly name = 'activity-detection';

  constructor(
    private readonly views: WorkerViews,
    private readonly commandBus: CommandBus,
    @Inject(WorkersSettings) private readonly settings: WorkersSettings,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  get intervalSeconds(): number {
    return this.settings.WORKER_ACTIVITY_DETECTION_INTERVAL;
  }

  async run(run: JobRun): Promise<JobSummary> {
    const limit = pLimit(this.settings.WORKER_DETECTION_CONCURRENCY);
    const summary = { checked: 0, idle: 0, auto_paused: 0, skipped: 0, errors: 0 };
    const where = { status: 'running', is_idle_detection_enabled: true };
    const registered = await this.views.workers.count();
    let due = 0;
    let after: { id: string } | undefined;
    for (;;) {
      const page = await this.views.workers.find({ where, limit: PAGE, ...(after ? { after } : {}) });
      due += page.length;
      await Promise.all(page.map(({ id }) => limit(() => this.check(id, run, summary))));
      const last = page[page.length - 1];
      if (!last || page.length < PAGE) break;
      after = { id: last.id };
    }
    return { ...summary, skipped: summary.skipped + Math.max(0, registered - due) };
  }

  private async check(
    workerId: string,
    { context, nextRunAt, signal }: JobRun,
    summary: { checked: number; idle: number; auto_paused: number; skipped: number; errors: number },
  ): Promise<void> {
    signal.throwIfAborted();
    try {
      const command = new DetectWorkerIdleCommand(workerId, undefined, stepOf(context, workerId), nextRunAt);
      const result: IdleDetectionResult = await this.commandBus.execute(command);
      if (!result.check) summary.skipped++;
      else summary.checked++;
      if (result.check && result.idle.reason === 'idle_timeout_exceeded') summary.idle++;
      if (result.paused) summary.auto_paused++;
    } catch (error) {
      if (!isOfOneWorker(error)) throw error;
      summary.errors++;
      this.log.warn({ worker_id: workerId, code: error.code, error: messageOf(error) }, 'worker.check_failed');
    }
  }
}

/** A failure that says something about this worker only; a store that fails makes the whole run fail. */
function isOfOneWorker(error: unknown): error is DormouseError {
  return (
    error instanceof TelemetryUnavailable ||
    error instanceof Ec2Refused ||
    error instanceof Ec2Unavailable ||
    (error instanceof DormouseError && (error.status === 404 || error.status === 409))
  );
}
