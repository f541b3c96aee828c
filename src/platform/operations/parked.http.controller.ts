import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Matches } from 'class-validator';
import { ApiProblems, COMMON_PROBLEMS } from '../http/openapi.js';
import type { ParkedStream, ParkedStreamDetails, ReplayOutcome } from '../projections/projection-engine.js';
import { ProjectionEngine } from '../projections/projection-engine.js';

class ParkedPath {
  @ApiProperty({ example: 'workers' })
  @Matches(/^[a-z0-9_]{1,40}$/, { message: 'the name of a projection is accepted' })
  readonly projection!: string;

  @ApiProperty({ example: 'cmlWorker-00000000-0000-5000-8000-000000000000' })
  @Matches(/^[\x21-\x7e]{1,200}$/, { message: 'the name of a stream is accepted' })
  readonly stream!: string;
}

const OBJECT = { schema: { type: 'object' } } as const;
const NOT_PARKED = { 404: 'projection_not_found, stream_not_parked' };

/** Streams whose event could not be applied to a read model. */
@ApiTags('operations')
@ApiProblems(COMMON_PROBLEMS)
@Controller('admin/parked')
export class ParkedHttpController {
  constructor(private readonly projections: ProjectionEngine) {}

  @Get()
  @ApiOperation({ summary: 'All parked streams' })
  @ApiOkResponse(OBJECT)
  async list(): Promise<{ items: readonly ParkedStream[] }> {
    return { items: await this.projections.parkedStreams() };
  }

  @Get(':projection/:stream')
  @ApiOperation({ summary: 'A parked stream with the event that could not be applied' })
  @ApiOkResponse(OBJECT)
  @ApiProblems(NOT_PARKED)
  show(@Param() { projection, stream }: ParkedPath): Promise<ParkedStreamDetails> {
    return this.projections.parkedStream(projection, stream);
  }

  @Post(':projection/:stream/retry')
  @HttpCode(200)
  @ApiOperation({ summary: 'Try again from the event that failed' })
  @ApiOkResponse(OBJECT)
  @ApiProblems({
    ...NOT_PARKED,
    409: 'A rebuild or verification is under way, or another instance (named) runs the projection',
  })
  retry(@Param() { projection, stream }: ParkedPath): Promise<ReplayOutcome> {
    return this.projections.retryParked(projection, stream);
  }

  @Post(':projection/:stream/skip')
  @HttpCode(200)
  @ApiOperation({ summary: 'Leave out the event that failed and apply what waits behind it' })
  @ApiOkResponse(OBJECT)
  @ApiProblems({
    ...NOT_PARKED,
    409: 'A rebuild or verification is under way, or another instance (named) runs the projection',
  })
  skip(@Param() { projection, stream }: ParkedPath): Promise<ReplayOutcome> {
    return this.projections.skipParked(projection, stream);
  }
}
