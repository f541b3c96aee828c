import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Matches } from 'class-validator';
import { ApiProblems, COMMON_PROBLEMS } from '../http/openapi.js';
import type { JobRecord, JobSummary } from '../jobs/job.js';
import { JobScheduler } from '../jobs/job-scheduler.js';
import type { JobStatus } from '../jobs/job-scheduler.js';

const TIME = { type: String, format: 'date-time' } as const;

class JobPath {
  @ApiProperty({ example: 'activity-detection' })
  @Matches(/^[a-z][a-z0-9-]{0,59}$/, { message: 'the name of a job is accepted' })
  readonly name!: string;
}

class JobErrorDto {
  @ApiProperty() readonly code!: string;
  @ApiProperty() readonly message!: string;
}

class JobRecordDto {
  @ApiProperty() readonly name!: string;
  @ApiProperty({ enum: ['succeeded', 'failed'] }) readonly outcome!: string;
  @ApiProperty(TIME) readonly started_at!: string;
  @ApiProperty(TIME) readonly finished_at!: string;
  @ApiProperty() readonly duration_ms!: number;
  @ApiProperty({ type: Object, nullable: true, additionalProperties: { type: 'number' } })
  readonly summary!: JobSummary | null;
  @ApiProperty({ type: JobErrorDto, nullable: true }) readonly error!: JobErrorDto | null;
}

class JobStatusDto {
  @ApiProperty() readonly name!: string;
  @ApiProperty() readonly interval_seconds!: number;
  @ApiProperty({ description: 'On any instance' }) readonly running!: boolean;
  @ApiProperty({ required: false, description: 'Instance that runs it now, where there can be several' })
  readonly running_on?: string;
  @ApiProperty({ ...TIME, nullable: true }) readonly next_run_at!: string | null;
  @ApiProperty({ required: false, description: 'Instance that starts the scheduled runs, where there can be several' })
  readonly scheduled_by?: string;
  @ApiProperty({ type: JobRecordDto, nullable: true }) readonly last_run!: JobRecordDto | null;
  @ApiProperty({ required: false, description: 'Instance that made the last run, where there can be several' })
  readonly last_run_on?: string;
  @ApiProperty({ ...TIME, nullable: true }) readonly last_success_at!: string | null;
}

class JobListDto {
  @ApiProperty({ type: [JobStatusDto] }) readonly items!: readonly JobStatusDto[];
}

/** Scheduled jobs: what they did, when they run next, and a run now. */
@ApiTags('operations')
@ApiProblems(COMMON_PROBLEMS)
@Controller('jobs')
export class JobsHttpController {
  constructor(private readonly jobs: JobScheduler) {}

  @Get()
  @ApiOperation({ summary: 'Last runs, next runs, summaries' })
  @ApiOkResponse({ type: JobListDto })
  async list(): Promise<{ items: readonly JobStatus[] }> {
    return { items: await this.jobs.status() };
  }

  @Get(':name')
  @ApiOperation({ summary: 'One job' })
  @ApiOkResponse({ type: JobStatusDto })
  @ApiProblems({ 404: 'unknown_job' })
  get(@Param() { name }: JobPath): Promise<JobStatus> {
    return this.jobs.statusOf(name);
  }

  @Post(':name/run')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Run the job now, after a run that is under way on any instance; answers when it is done, failed or not',
  })
  @ApiOkResponse({ type: JobRecordDto })
  @ApiProblems({ 404: 'unknown_job' })
  run(@Param() { name }: JobPath): Promise<JobRecord> {
    return this.jobs.run(name);
  }
}
