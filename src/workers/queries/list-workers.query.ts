import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import type { WorkerStatus } from '../domain/worker-status.js';
import type { WorkerDocument } from '../projections/workers.projection.js';
import { placeByText } from '../../platform/read-models/page-cursor.js';
import { cursorOf } from './worker-cursor.js';
import { WorkerViews } from './worker-views.js';

export interface WorkerPage {
  readonly items: readonly WorkerDocument[];
  /** Where the next page begins; null on the last one. */
  readonly next: string | null;
}

/** A page of a region's workers, by name. */
export class ListWorkersQuery extends Query<WorkerPage> {
  constructor(
    readonly awsRegion: string,
    readonly status: WorkerStatus | undefined,
    readonly limit: number,
    /** `next` of the page before. */
    readonly after: string | undefined,
  ) {
    super();
  }
}

@QueryHandler(ListWorkersQuery)
export class ListWorkersHandler implements IQueryHandler<ListWorkersQuery> {
  constructor(private readonly views: WorkerViews) {}

  async execute({ awsRegion, status, limit, after }: ListWorkersQuery): Promise<WorkerPage> {
    const found = await this.views.workers.find({
      where: { aws_region: awsRegion, ...(status ? { status } : {}) },
      orderBy: { field: 'name', direction: 'asc' },
      ...(after === undefined ? {} : { after: placeByText(after) }),
      limit: limit + 1,
    });
    const items = found.slice(0, limit).map(({ document }) => this.views.present(document));
    const last = found.length > limit ? items[items.length - 1] : undefined;
    return { items, next: last ? cursorOf(last) : null };
  }
}
