import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { NotFound } from '../../platform/errors.js';
import { ProjectionEngine } from '../../platform/projections/projection-engine.js';
import type { View } from '../../platform/projections/view.js';
import { decideIdle } from '../domain/idle-policy.js';
import type { WorkerDocument } from '../projections/workers.projection.js';
import { workersProjection } from '../projections/workers.projection.js';
import { WorkersSettings, idleSettingsOf } from '../workers-settings.js';

/** The read model of workers, as queries and jobs ask it. */
@Injectable()
export class WorkerViews {
  constructor(
    private readonly projections: ProjectionEngine,
    private readonly clock: Clock,
    @Inject(WorkersSettings) private readonly settings: WorkersSettings,
  ) {}

  get workers(): View<WorkerDocument> {
    return this.projections.view<WorkerDocument>(workersProjection.name);
  }

  /** @throws {NotFound} worker_not_found, also for a worker of another region */
  async get(awsRegion: string, workerId: string): Promise<WorkerDocument> {
    const found = (await this.workers.get(workerId))?.document;
    if (!found || found.aws_region !== awsRegion) throw new NotFound('Worker', workerId, 'worker_not_found');
    return this.present(found);
  }

  /**
   * The document by the settings and the policy of now: what the last check promised as the time of the pause may be
   * another since. No promise is made where the last check, or a resume since, made none.
   */
  present(worker: WorkerDocument): WorkerDocument {
    if (worker.target_pause_at === null || worker.status !== 'running') return { ...worker, target_pause_at: null };
    const { target_pause_at } = decideIdle(this.clock.now(), worker, false, idleSettingsOf(this.settings));
    return { ...worker, target_pause_at };
  }
}
