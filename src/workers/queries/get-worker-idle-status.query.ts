import { Inject } from '@nestjs/common';
import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import { decideIdle, whyNotActed } from '../domain/idle-policy.js';
import type { IdleDecision, IdleSettings, NotActedBecause } from '../domain/idle-policy.js';
import type { WorkerDocument } from '../projections/workers.projection.js';
import { WorkersSettings, idleSettingsOf } from '../workers-settings.js';
import { WorkerViews } from './worker-views.js';

export interface WorkerIdleStatus {
  readonly worker: WorkerDocument;
  readonly idle: IdleDecision;
  /** What would keep a check from pausing it, idle or not. */
  readonly notActedBecause: NotActedBecause | null;
  readonly autoPauseEnabled: boolean;
  /** When this was computed, epoch ms. */
  readonly at: number;
}

/** Is the worker idle, and when will it be paused? Computed at the time of the request by the decision's own function. */
export class GetWorkerIdleStatusQuery extends Query<WorkerIdleStatus> {
  constructor(
    readonly awsRegion: string,
    readonly workerId: string,
  ) {
    super();
  }
}

@QueryHandler(GetWorkerIdleStatusQuery)
export class GetWorkerIdleStatusHandler implements IQueryHandler<GetWorkerIdleStatusQuery> {
  constructor(
    private readonly views: WorkerViews,
    private readonly clock: Clock,
    @Inject(WorkersSettings) private readonly settings: WorkersSettings,
  ) {}

  async execute({ awsRegion, workerId }: GetWorkerIdleStatusQuery): Promise<WorkerIdleStatus> {
    const worker = await this.views.get(awsRegion, workerId);
    return idleStatusOf(worker, this.clock.now(), idleSettingsOf(this.settings));
  }
}

/** What a check without news would decide at that time (epoch ms). */
export function idleStatusOf(worker: WorkerDocument, at: number, settings: IdleSettings): WorkerIdleStatus {
  return {
    worker,
    idle: decideIdle(at, worker, false, settings),
    notActedBecause: whyNotActed(settings, {
      is_idle_detection_enabled: worker.is_idle_detection_enabled,
      running: worker.status === 'running',
    }),
    autoPauseEnabled: settings.autoPauseEnabled,
    at,
  };
}
