import { Controller, Get, Query } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ReadsView } from '../../platform/http/consistency.js';
import { ApiProblems, COMMON_PROBLEMS } from '../../platform/http/openapi.js';
import { coachingSessionsProjection } from '../projections/coaching-sessions.projection.js';
import { ListAllSessionsQuery } from '../queries/list-all-sessions.query.js';
import { SessionOverviewPageDto } from './coaching.answers.js';
import { ListAllSessionsParameters } from './coaching.dto.js';
import { sessionOverviewDto } from './coaching.presenter.js';

/** The sessions of all tenants, for operators: when each will be paused, and nothing of what was said in it. */
@ApiTags('operations')
@ApiProblems(COMMON_PROBLEMS)
@Controller('admin/coaching/sessions')
export class AllSessionsHttpController {
  constructor(private readonly queries: QueryBus) {}

  @Get()
  @ApiOperation({ summary: 'A page of the coaching sessions of all tenants, newest first' })
  @ApiOkResponse({ type: SessionOverviewPageDto })
  @ReadsView(coachingSessionsProjection.name)
  async list(@Query() { status, limit, after }: ListAllSessionsParameters): Promise<SessionOverviewPageDto> {
    const { items, next } = await this.queries.execute(new ListAllSessionsQuery(status, limit, after));
    return { items: items.map(sessionOverviewDto), next };
  }
}
