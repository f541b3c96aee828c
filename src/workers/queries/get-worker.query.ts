import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import type { WorkerDocument } from '../projections/workers.projection.js';
import { WorkerViews } from './worker-views.js';

/** One worker of a region. */
export class GetWorkerQuery extends Query<WorkerDocument> {
  constructor(
    readonly awsRegion: string,
    readonly workerId: string,
  ) {
    super();
  }
}

@QueryHandler(GetWorkerQuery)
export class GetWorkerHandler implements IQueryHandler<GetWorkerQuery> {
  constructor(private readonly views: WorkerViews) {}

  execute({ awsRegion, workerId }: GetWorkerQuery): Promise<WorkerDocument> {
    return this.views.get(awsRegion, workerId);
  }
}
