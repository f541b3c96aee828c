import { Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Matches } from 'class-validator';
import type { Logger } from 'pino';
import { messageOf, NotFound } from '../errors.js';
import { ApiProblems, COMMON_PROBLEMS } from '../http/openapi.js';
import { LOGGER } from '../observability/logger.js';
import type { ProjectionStatus, Verification } from '../projections/projection-engine.js';
import { ProjectionEngine } from '../projections/projection-engine.js';

class ProjectionPath {
  @ApiProperty({ example: 'workers' })
  @Matches(/^[a-z0-9_]{1,40}$/, { message: 'the name of a projection is accepted' })
  readonly name!: string;
}

const STATUS = { schema: { type: 'object' } } as const;

/** Read models: how far they are, rebuilding them, and comparing them with what the events say. */
@ApiTags('operations')
@ApiProblems(COMMON_PROBLEMS)
@Controller('admin/projections')
export class ProjectionsHttpController {
  constructor(
    private readonly projections: ProjectionEngine,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  @Get()
  @ApiOperation({ summary: 'All projections' })
  @ApiOkResponse(STATUS)
  async list(): Promise<{ items: readonly ProjectionStatus[] }> {
    return { items: await this.projections.status() };
  }

  @Get(':name')
  @ApiOperation({ summary: 'One projection' })
  @ApiOkResponse(STATUS)
  @ApiProblems({ 404: 'projection_not_found' })
  async get(@Param() { name }: ProjectionPath): Promise<ProjectionStatus> {
    const found = (await this.projections.status()).find((status) => status.name === name);
    if (!found) throw new NotFound('Projection', name, 'projection_not_found');
    return found;
  }

  @Post(':name/rebuild')
  @HttpCode(202)
  @ApiOperation({ summary: 'Build the read model anew beside the old one; its progress is in the status' })
  @ApiAcceptedResponse(STATUS)
  @ApiProblems({
    404: 'projection_not_found',
    409: 'A rebuild or verification is under way, or another instance (named) runs the projection',
  })
  async rebuild(@Param() path: ProjectionPath): Promise<ProjectionStatus> {
    const { name } = path;
    const handle = await this.projections.rebuild(name);
    handle.done.then(
      () => this.log.info({ projection: name }, 'projection.rebuilt'),
      (error: unknown) => this.log.error({ projection: name, error: messageOf(error) }, 'projection.rebuild_failed'),
    );
    return this.get(path);
  }

  @Post(':name/verify')
  @HttpCode(200)
  @ApiOperation({ summary: 'Fold all events anew and compare with the documents that are served' })
  @ApiOkResponse(STATUS)
  @ApiProblems({
    404: 'projection_not_found',
    409: 'A rebuild or verification is under way, or another instance (named) runs the projection',
  })
  verify(@Param() { name }: ProjectionPath): Promise<Verification> {
    return this.projections.verify(name);
  }
}
