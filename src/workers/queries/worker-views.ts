import { Injectable } from '@nestjs/common';
import { NotFound } from '../../platform/errors.js';
import { ProjectionEngine } from '../../platform/projections/projection-engine.js';
import type { View } from '../../platform/projections/view.js';
import type { WorkerDocument } from '../projections/workers.projection.js';
import { workersProjection } from '../projections/workers.projection.js';

/** The read model of workers, as queries and jobs ask it. */
@Injectable()
export class WorkerViews {
  constructor(private readonly projections: ProjectionEngine) {}

  get workers(): View<WorkerDocument> {
    return this.projections.view<WorkerDocument>(workersProjection.name);
  }

  /** @throws {NotFound} worker_not_found, also for a worker of another region */
  async get(awsRegion: string, workerId: string): Promise<WorkerDocument> {
    const found = (await this.workers.get(workerId))?.document;
    if (!found || found.aws_region !== awsRegion) throw new NotFound('Worker', workerId, 'worker_not_found');
    return found;
  }
}
