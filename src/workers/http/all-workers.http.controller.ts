import { Controller, Get, Query } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ReadsView } from '../../platform/http/consistency.js';
import { ApiProblems, COMMON_PROBLEMS } from '../../platform/http/openapi.js';
import { workersProjection } from '../projections/workers.projection.js';
import { ListAllWorkersQuery } from '../queries/list-all-workers.query.js';
import { WorkerOverviewPageDto } from './workers.answers.js';
import { ListAllWorkersParameters } from './workers.dto.js';
import { workerOverviewDto } from './workers.presenter.js';

/** The workers of all regions, for those who watch over all of them. */
@ApiTags('workers')
@ApiProblems(COMMON_PROBLEMS)
@Controller('workers')
export class AllWorkersHttpController {
  constructor(private readonly queries: QueryBus) {}

  @Get()
  @ApiOperation({ summary: 'A page of the workers of all regions, by name, each with its idle status' })
  @ApiOkResponse({ type: WorkerOverviewPageDto })
  @ReadsView(workersProjection.name)
  async list(@Query() { status, worker_id, limit, after }: ListAllWorkersParameters): Promise<WorkerOverviewPageDto> {
    const query = new ListAllWorkersQuery({ status, workerIds: worker_id }, limit, after);
    const { items, next } = await this.queries.execute(query);
    return { items: items.map(workerOverviewDto), next };
  }
}
