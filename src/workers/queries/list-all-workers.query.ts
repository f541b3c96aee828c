import { Inject } from '@nestjs/common';
import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { WorkerStatus } from '../domain/worker-status.js';
import type { CheckError } from '../projections/last-check-errors.js';
import { LastCheckErrors } from '../projections/last-check-errors.js';
import type { WorkerDocument } from '../projections/workers.projection.js';
import { WorkersSettings, idleSettingsOf } from '../workers-settings.js';
import { idleStatusOf } from './get-worker-idle-status.query.js';
import type { WorkerIdleStatus } from './get-worker-idle-status.query.js';
import { placeByText } from '../../platform/read-models/page-cursor.js';
import { comparePlaces, cursorOf, placeOf } from './worker-cursor.js';
import type { WorkerPlace } from './worker-cursor.js';
import { WorkerViews } from './worker-views.js';

/** Met by every worker; without a condition not every store sees that its index on the names has the order. */
const ANY_NAME = { name: { gte: '' } };

/** A worker with what its idle status and its activity say in short. */
export interface WorkerOverview extends WorkerIdleStatus {
  readonly lastCheckError: CheckError | null;
}

export interface WorkerOverviewPage {
  readonly items: readonly WorkerOverview[];
  /** Where the next page begins; null on the last one. */
  readonly next: string | null;
}

export interface WorkerFilter {
  readonly status?: WorkerStatus | undefined;
  /** Only these; those that do not exist are left out. */
  readonly workerIds?: readonly string[] | undefined;
}

/** A page of the workers of all regions, by name: each with its idle status, decided as a check would decide it now. */
export class ListAllWorkersQuery extends Query<WorkerOverviewPage> {
  constructor(
    readonly filter: WorkerFilter,
    readonly limit: number,
    /** `next` of the page before. */
    readonly after: string | undefined,
  ) {
    super();
  }
}

@QueryHandler(ListAllWorkersQuery)
export class ListAllWorkersHandler implements IQueryHandler<ListAllWorkersQuery> {
  constructor(
    private readonly views: WorkerViews,
    private readonly lastCheckErrors: LastCheckErrors,
    private readonly clock: Clock,
    @Inject(WorkersSettings) private readonly settings: WorkersSettings,
  ) {}

  async execute({ filter, limit, after }: ListAllWorkersQuery): Promise<WorkerOverviewPage> {
    const place = after === undefined ? undefined : placeByText(after);
    const found = filter.workerIds
      ? await this.named(filter.workerIds, filter.status, place)
      : await this.page(filter.status, place, limit + 1);
    const workers = found.slice(0, limit);
    const last = found.length > limit ? workers.at(-1) : undefined;
    return { items: await this.overviews(workers), next: last ? cursorOf(last) : null };
  }

  private async page(
    status: WorkerStatus | undefined,
    after: WorkerPlace | undefined,
    limit: number,
  ): Promise<WorkerDocument[]> {
    const found = await this.views.workers.find({
      where: status ? { status } : ANY_NAME,
      orderBy: { field: 'name', direction: 'asc' },
      ...(after ? { after } : {}),
      limit,
    });
    return found.map(({ document }) => document);
  }

  /** Those that are named and fit, in the order of {@link page}. There are few of them. */
  private async named(
    ids: readonly string[],
    status: WorkerStatus | undefined,
    after: WorkerPlace | undefined,
  ): Promise<WorkerDocument[]> {
    const found = await this.views.workers.getMany(ids);
    return found
      .map(({ document }) => document)
      .filter((worker) => status === undefined || worker.status === status)
      .filter((worker) => after === undefined || comparePlaces(placeOf(worker), after) > 0)
      .sort((a, b) => comparePlaces(placeOf(a), placeOf(b)));
  }

  private async overviews(workers: readonly WorkerDocument[]): Promise<WorkerOverview[]> {
    const errors = await this.lastCheckErrors.ofMany(workers);
    const settings = idleSettingsOf(this.settings);
    const at = this.clock.now();
    return workers.map((worker) => ({
      ...idleStatusOf(worker, at, settings),
      lastCheckError: errors.get(worker.worker_id) ?? null,
    }));
  }
}
