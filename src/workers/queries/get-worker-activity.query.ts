import { Inject } from '@nestjs/common';
import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import { decideIdle } from '../domain/idle-policy.js';
import type { IdleDecision } from '../domain/idle-policy.js';
import type { CheckError } from '../projections/last-check-errors.js';
import { LastCheckErrors } from '../projections/last-check-errors.js';
import type { WorkerDocument } from '../projections/workers.projection.js';
import { WorkersSettings, idleSettingsOf } from '../workers-settings.js';
import { WorkerViews } from './worker-views.js';

export interface WorkerActivity {
  readonly worker: WorkerDocument;
  /** As of now, without asking CML. */
  readonly idle: IdleDecision;
  readonly lastCheckError: CheckError | null;
}

/** Recent activity, lifecycle times and counts of a worker (source document). */
export class GetWorkerActivityQuery extends Query<WorkerActivity> {
  constructor(
    readonly awsRegion: string,
    readonly workerId: string,
  ) {
    super();
  }
}

@QueryHandler(GetWorkerActivityQuery)
export class GetWorkerActivityHandler implements IQueryHandler<GetWorkerActivityQuery> {
  constructor(
    private readonly views: WorkerViews,
    private readonly lastCheckErrors: LastCheckErrors,
    private readonly clock: Clock,
    @Inject(WorkersSettings) private readonly settings: WorkersSettings,
  ) {}

  async execute({ awsRegion, workerId }: GetWorkerActivityQuery): Promise<WorkerActivity> {
    const worker = await this.views.get(awsRegion, workerId);
    const lastCheckError = await this.lastCheckErrors.of(workerId, worker.last_activity_check_at);
    const idle = decideIdle(this.clock.now(), worker, false, idleSettingsOf(this.settings));
    return { worker, idle, lastCheckError };
  }
}
