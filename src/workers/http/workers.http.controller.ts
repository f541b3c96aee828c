import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import {
  ApiAcceptedResponse,
  ApiCreatedResponse,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { CommandContext } from '../../platform/commands/command-context.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import { Caller } from '../../platform/http/caller.js';
import { CONSISTENCY_TOKEN, Consistency, ReadsView } from '../../platform/http/consistency.js';
import { ApiProblems, COMMON_PROBLEMS } from '../../platform/http/openapi.js';
import { ChangeWorkerPolicyCommand } from '../commands/change-worker-policy.command.js';
import { DeregisterWorkerCommand } from '../commands/deregister-worker.command.js';
import { DetectWorkerIdleCommand } from '../commands/detect-worker-idle.command.js';
import { ImportWorkerCommand } from '../commands/import-worker.command.js';
import type { PauseWorkerResult } from '../commands/pause-worker.command.js';
import { PauseWorkerCommand } from '../commands/pause-worker.command.js';
import { ResumeWorkerCommand } from '../commands/resume-worker.command.js';
import { ToggleIdleDetectionCommand } from '../commands/toggle-idle-detection.command.js';
import { TelemetryUnavailable } from '../gateways/cml-api.port.js';
import { workersProjection } from '../projections/workers.projection.js';
import { GetWorkerActivityQuery } from '../queries/get-worker-activity.query.js';
import { GetWorkerEC2StateQuery } from '../queries/get-worker-ec2-state.query.js';
import { GetWorkerIdleStatusQuery } from '../queries/get-worker-idle-status.query.js';
import { GetWorkerTelemetryEventsQuery } from '../queries/get-worker-telemetry-events.query.js';
import { GetWorkerTimelineQuery } from '../queries/get-worker-timeline.query.js';
import { GetWorkerQuery } from '../queries/get-worker.query.js';
import { ListWorkersQuery } from '../queries/list-workers.query.js';
import {
  EC2InstanceStateDto,
  IdleDetectionResultDto,
  OperationResultDto,
  TelemetryEventsDto,
  WorkerActivityDto,
  WorkerDto,
  WorkerIdleStatusDto,
  WorkerPageDto,
  WorkerTimelineDto,
} from './workers.answers.js';
import {
  ImportWorkerBody,
  ListWorkersParameters,
  RegionPath,
  TelemetryParameters,
  TimelineParameters,
  WorkerPath,
  WorkerPolicyBody,
} from './workers.dto.js';
import {
  ec2InstanceStateDto,
  idleDetectionResultDto,
  telemetryEventsDto,
  workerActivityDto,
  workerDto,
  workerIdleStatusDto,
  workerTimelineDto,
} from './workers.presenter.js';

const NOT_FOUND = { 404: 'No such worker in this region' };
const CONFLICT = { 409: 'The worker’s state forbids it, or it kept changing' };
const GATEWAY = { 502: 'EC2 or CML refused or did not answer' };

/** CML workers over HTTP. */
@ApiTags('workers')
@ApiProblems(COMMON_PROBLEMS)
@Controller('region/:aws_region/workers')
export class WorkersHttpController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly consistency: Consistency,
  ) {}

  @Get()
  @ApiOperation({ summary: 'A page of the region’s workers, by name' })
  @ApiOkResponse({ type: WorkerPageDto })
  @ReadsView(workersProjection.name)
  async list(
    @Param() { aws_region }: RegionPath,
    @Query() { status, limit, after }: ListWorkersParameters,
  ): Promise<WorkerPageDto> {
    const { items, next } = await this.queries.execute(new ListWorkersQuery(aws_region, status, limit, after));
    return { items: items.map(workerDto), next };
  }

  @Post('import')
  @HttpCode(201)
  @ApiOperation({ summary: 'Register an EC2 instance as a worker' })
  @ApiCreatedResponse({ type: WorkerDto })
  @ApiProblems({ 404: 'instance_not_found: EC2 does not know it', 409: 'Registered already', ...GATEWAY })
  @ApiCommandHeaders()
  async import(
    @Param() { aws_region }: RegionPath,
    @Body() body: ImportWorkerBody,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WorkerDto> {
    const { aws_instance_id, name, cml_endpoint, idle_timeout_minutes } = body;
    const options = { name, cmlEndpoint: cml_endpoint, idleTimeoutMinutes: idle_timeout_minutes };
    const command = new ImportWorkerCommand(aws_region, aws_instance_id, options, context);
    const { worker, position } = await this.commands.execute(command);
    await this.answerWithToken(reply, position);
    return workerDto(worker);
  }

  @Get(':worker_id')
  @ApiOperation({ summary: 'One worker' })
  @ApiOkResponse({ type: WorkerDto })
  @ApiProblems(NOT_FOUND)
  @ReadsView(workersProjection.name)
  async get(@Param() { aws_region, worker_id }: WorkerPath): Promise<WorkerDto> {
    return workerDto(await this.queries.execute(new GetWorkerQuery(aws_region, worker_id)));
  }

  @Delete(':worker_id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Forget a worker; its instance is left alone' })
  @ApiNoContentResponse()
  @ApiProblems({ ...NOT_FOUND, ...CONFLICT, ...GATEWAY })
  @ApiCommandHeaders()
  async deregister(
    @Param() { aws_region, worker_id }: WorkerPath,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const { position } = await this.commands.execute(new DeregisterWorkerCommand(worker_id, aws_region, context));
    await this.answerWithToken(reply, position);
  }

  @Get(':worker_id/activity')
  @ApiOperation({ summary: 'Recent activity, lifecycle times and counts' })
  @ApiOkResponse({ type: WorkerActivityDto })
  @ApiProblems(NOT_FOUND)
  @ReadsView(workersProjection.name)
  async activity(@Param() { aws_region, worker_id }: WorkerPath): Promise<WorkerActivityDto> {
    return workerActivityDto(await this.queries.execute(new GetWorkerActivityQuery(aws_region, worker_id)));
  }

  @Get(':worker_id/idle-status')
  @ApiOperation({ summary: 'Is it idle, and when will it be paused?' })
  @ApiOkResponse({ type: WorkerIdleStatusDto })
  @ApiProblems(NOT_FOUND)
  @ReadsView(workersProjection.name)
  async idleStatus(@Param() { aws_region, worker_id }: WorkerPath): Promise<WorkerIdleStatusDto> {
    return workerIdleStatusDto(await this.queries.execute(new GetWorkerIdleStatusQuery(aws_region, worker_id)));
  }

  @Get(':worker_id/timeline')
  @ApiOperation({ summary: 'When it was running, idle or paused in the last days, and why the last check decided so' })
  @ApiOkResponse({ type: WorkerTimelineDto })
  @ApiProblems(NOT_FOUND)
  @ReadsView(workersProjection.name)
  async timeline(
    @Param() { aws_region, worker_id }: WorkerPath,
    @Query() { days }: TimelineParameters,
  ): Promise<WorkerTimelineDto> {
    return workerTimelineDto(await this.queries.execute(new GetWorkerTimelineQuery(aws_region, worker_id, days)));
  }

  @Get(':worker_id/telemetry-events')
  @ApiOperation({ summary: 'Relevant telemetry events, read through from CML' })
  @ApiOkResponse({ type: TelemetryEventsDto })
  @ApiProblems({ ...NOT_FOUND, 409: 'worker_not_running', ...GATEWAY })
  @ReadsView(workersProjection.name)
  async telemetryEvents(
    @Param() { aws_region, worker_id }: WorkerPath,
    @Query() { limit }: TelemetryParameters,
  ): Promise<TelemetryEventsDto> {
    const query = new GetWorkerTelemetryEventsQuery(aws_region, worker_id, limit);
    return telemetryEventsDto(worker_id, await this.queries.execute(query));
  }

  @Get(':worker_id/ec2-state')
  @ApiOperation({ summary: 'The instance as EC2 describes it now' })
  @ApiOkResponse({ type: EC2InstanceStateDto })
  @ApiProblems({ ...NOT_FOUND, ...GATEWAY })
  @ReadsView(workersProjection.name)
  async ec2State(@Param() { aws_region, worker_id }: WorkerPath): Promise<EC2InstanceStateDto> {
    return ec2InstanceStateDto(
      worker_id,
      await this.queries.execute(new GetWorkerEC2StateQuery(aws_region, worker_id)),
    );
  }

  @Post(':worker_id/pause')
  @HttpCode(200)
  @ApiOperation({ summary: 'Stop the worker; one that is stopped stays so' })
  @ApiOkResponse({ type: OperationResultDto })
  @ApiProblems({ ...NOT_FOUND, ...CONFLICT, ...GATEWAY })
  @ApiCommandHeaders()
  async pause(
    @Param() { aws_region, worker_id }: WorkerPath,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationResultDto> {
    const result = await this.commands.execute(new PauseWorkerCommand(worker_id, aws_region, 'manual', context));
    return this.operationResult(reply, result.paused, result.position, pauseDetail(result));
  }

  @Post(':worker_id/resume')
  @HttpCode(200)
  @ApiOperation({ summary: 'Start the worker; one that runs goes on' })
  @ApiOkResponse({ type: OperationResultDto })
  @ApiAcceptedResponse({ type: OperationResultDto, description: 'Still stopping; the start follows' })
  @ApiProblems({ ...NOT_FOUND, ...CONFLICT, ...GATEWAY })
  @ApiCommandHeaders()
  async resume(
    @Param() { aws_region, worker_id }: WorkerPath,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationResultDto> {
    const result = await this.commands.execute(new ResumeWorkerCommand(worker_id, aws_region, context));
    const { resumed, waiting, position } = result;
    if (!waiting) return this.operationResult(reply, resumed, position, resumed ? undefined : OVERTAKEN);
    const detail = 'The instance is still stopping. It is started by the first status sync that finds it stopped.';
    void reply.status(202);
    return this.operationResult(reply, true, position, detail, 202);
  }

  @Post(':worker_id/detect-idle')
  @HttpCode(200)
  @ApiOperation({ summary: 'Check the worker now, and pause it if that is due' })
  @ApiOkResponse({ type: IdleDetectionResultDto })
  @ApiProblems({ ...NOT_FOUND, ...CONFLICT, ...GATEWAY })
  @ApiCommandHeaders()
  async detectIdle(
    @Param() { aws_region, worker_id }: WorkerPath,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IdleDetectionResultDto> {
    try {
      const result = await this.commands.execute(new DetectWorkerIdleCommand(worker_id, aws_region, context));
      return idleDetectionResultDto(result, await this.answerWithToken(reply, result.position));
    } catch (error) {
      // A failed check is no decision; the problem says so in the words of the result as well.
      if (error instanceof TelemetryUnavailable) throw error.withDetails({ reason: error.code, paused: false });
      throw error;
    }
  }

  @Post(':worker_id/idle-detection/enable')
  @HttpCode(200)
  @ApiOperation({ summary: 'Switch the worker’s idle detection on' })
  @ApiOkResponse({ type: OperationResultDto })
  @ApiProblems({ ...NOT_FOUND, ...CONFLICT })
  @ApiCommandHeaders()
  enable(
    @Param() path: WorkerPath,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationResultDto> {
    return this.toggle(path, true, context, reply);
  }

  @Post(':worker_id/idle-detection/disable')
  @HttpCode(200)
  @ApiOperation({ summary: 'Switch the worker’s idle detection off' })
  @ApiOkResponse({ type: OperationResultDto })
  @ApiProblems({ ...NOT_FOUND, ...CONFLICT })
  @ApiCommandHeaders()
  disable(
    @Param() path: WorkerPath,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationResultDto> {
    return this.toggle(path, false, context, reply);
  }

  @Patch(':worker_id/policy')
  @ApiOperation({ summary: 'Give the worker its own idle timeout, or back the global one' })
  @ApiOkResponse({ type: OperationResultDto })
  @ApiProblems({ ...NOT_FOUND, ...CONFLICT })
  @ApiCommandHeaders()
  async policy(
    @Param() { aws_region, worker_id }: WorkerPath,
    @Body() { idle_timeout_minutes }: WorkerPolicyBody,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationResultDto> {
    const command = new ChangeWorkerPolicyCommand(worker_id, aws_region, idle_timeout_minutes, context);
    const { position } = await this.commands.execute(command);
    return this.operationResult(reply, true, position);
  }

  private async toggle(
    { aws_region, worker_id }: WorkerPath,
    enabled: boolean,
    context: CommandContext,
    reply: FastifyReply,
  ): Promise<OperationResultDto> {
    const command = new ToggleIdleDetectionCommand(worker_id, aws_region, enabled, context);
    const { position } = await this.commands.execute(command);
    return this.operationResult(reply, true, position);
  }

  private async operationResult(
    reply: FastifyReply,
    data: boolean,
    position: Position | null,
    detail?: string,
    status = 200,
  ): Promise<OperationResultDto> {
    const consistency_token = await this.answerWithToken(reply, position);
    return { is_success: true, status, data, ...(detail === undefined ? {} : { detail }), consistency_token };
  }

  private async answerWithToken(reply: FastifyReply, position: Position | null): Promise<string | null> {
    const token = await this.consistency.token(position);
    if (token) void reply.header(CONSISTENCY_TOKEN, token);
    return token;
  }
}

/** A command that comes again under its key is not carried out again, and the worker's state has moved on since. */
const OVERTAKEN =
  'The worker is not as this command wanted it: a later command or EC2 has overtaken it. To try again, use a new Idempotency-Key.';

function pauseDetail({ paused, changed, abandonedBecause }: PauseWorkerResult): string | undefined {
  if (changed) return undefined;
  if (paused) return 'Nothing to do.';
  return abandonedBecause === 'resume_requested' ? 'A resume of the worker came in between and won.' : OVERTAKEN;
}

function ApiCommandHeaders(): MethodDecorator {
  return (target, key, descriptor) => {
    ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      description: 'The same key is the same command: it cannot write twice.',
    })(target, key, descriptor);
    ApiHeader({ name: 'X-User-Id', required: false, description: 'Who is written down as the caller.' })(
      target,
      key,
      descriptor,
    );
  };
}
