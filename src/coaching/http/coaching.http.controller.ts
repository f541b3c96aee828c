import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { Command } from '@nestjs/cqrs';
import { ApiCreatedResponse, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { CommandContext } from '../../platform/commands/command-context.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import { Caller } from '../../platform/http/caller.js';
import { CONSISTENCY_TOKEN, Consistency, ReadsView } from '../../platform/http/consistency.js';
import { ApiProblems, COMMON_PROBLEMS } from '../../platform/http/openapi.js';
import { AbandonSessionCommand } from '../commands/abandon-session.command.js';
import { CancelSessionCommand } from '../commands/cancel-session.command.js';
import { CompleteSessionCommand } from '../commands/complete-session.command.js';
import { PauseSessionCommand } from '../commands/pause-session.command.js';
import { RecordMessageCommand } from '../commands/record-message.command.js';
import { ResumeSessionCommand } from '../commands/resume-session.command.js';
import type { LoadedSession } from '../commands/sessions.repository.js';
import { StartSessionCommand } from '../commands/start-session.command.js';
import type { SessionOwner } from '../domain/session-owner.js';
import { coachingMessagesProjection } from '../projections/coaching-messages.projection.js';
import { coachingSessionsProjection } from '../projections/coaching-sessions.projection.js';
import { CheckSessionQuery } from '../queries/check-session.query.js';
import { GetSessionQuery } from '../queries/get-session.query.js';
import { ListMessagesQuery } from '../queries/list-messages.query.js';
import { ListSessionsQuery } from '../queries/list-sessions.query.js';
import { ListTopicsQuery } from '../queries/list-topics.query.js';
import { ApiOwner, Owner } from './coaching-caller.js';
import {
  MessagePageDto,
  MessageTakenDto,
  SessionCheckDto,
  SessionDto,
  SessionPageDto,
  SessionStartedDto,
  SessionWithMessagesDto,
  TopicListDto,
} from './coaching.answers.js';
import {
  CheckSessionParameters,
  CompleteSessionBody,
  ListMessagesParameters,
  ListSessionsParameters,
  MessageBody,
  SessionPath,
  StartSessionBody,
} from './coaching.dto.js';
import {
  messageDto,
  messageTakenDto,
  sessionCheckDto,
  sessionDto,
  sessionWithMessagesDto,
  topicDto,
} from './coaching.presenter.js';

const ONE_SESSION = {
  403: 'session_forbidden: another user’s session; or sent by a browser from another site',
  404: 'session_not_found: no such session in this tenant',
};
const STATUS = { 409: 'invalid_session_status: the session’s status forbids it; or it kept changing' };
const SESSION_CONFLICT = {
  409: 'session_conflict: another user’s session is active in the topic; or a status forbids it',
};

/** Coaching sessions over HTTP. */
@ApiTags('coaching')
@ApiOwner()
@ApiProblems(COMMON_PROBLEMS)
@Controller('coaching')
export class CoachingHttpController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly consistency: Consistency,
  ) {}

  @Get('topics')
  @ApiOperation({ summary: 'The topics, and how far you are in each' })
  @ApiOkResponse({ type: TopicListDto })
  @ReadsView(coachingSessionsProjection.name)
  async topics(@Owner() owner: SessionOwner): Promise<TopicListDto> {
    return { items: (await this.queries.execute(new ListTopicsQuery(owner))).map(topicDto) };
  }

  @Post('sessions')
  @ApiOperation({ summary: 'Start a session in a topic, or take your own up again' })
  @ApiCreatedResponse({ type: SessionStartedDto, description: 'A new session' })
  @ApiOkResponse({ type: SessionStartedDto, description: 'Your own session, active or paused before; resumed is true' })
  @ApiProblems(SESSION_CONFLICT)
  @ApiIdempotencyKey()
  async start(
    @Owner() owner: SessionOwner,
    @Body() { topic_id }: StartSessionBody,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionStartedDto> {
    const { session, resumed } = await this.commands.execute(new StartSessionCommand(topic_id, owner, context));
    void reply.status(resumed ? 200 : 201);
    await this.answerWithToken(reply, session.position);
    return { ...sessionDto(session.state), resumed };
  }

  @Get('sessions')
  @ApiOperation({ summary: 'A page of your sessions, newest first' })
  @ApiOkResponse({ type: SessionPageDto })
  @ReadsView(coachingSessionsProjection.name)
  async list(
    @Owner() owner: SessionOwner,
    @Query() { status, topic_id, limit, after }: ListSessionsParameters,
  ): Promise<SessionPageDto> {
    const query = new ListSessionsQuery(owner, { status, topicId: topic_id }, limit, after);
    const { items, next } = await this.queries.execute(query);
    return { items: items.map(sessionDto), next };
  }

  @Get('sessions/check')
  @ApiOperation({ summary: 'What would a start in this topic find?' })
  @ApiOkResponse({ type: SessionCheckDto })
  @ReadsView(coachingSessionsProjection.name)
  async check(@Owner() owner: SessionOwner, @Query() { topic_id }: CheckSessionParameters): Promise<SessionCheckDto> {
    return sessionCheckDto(await this.queries.execute(new CheckSessionQuery(topic_id, owner)));
  }

  @Get('sessions/:session_id')
  @ApiOperation({ summary: 'One of your sessions, with its newest messages' })
  @ApiOkResponse({ type: SessionWithMessagesDto })
  @ApiProblems(ONE_SESSION)
  @ReadsView(coachingSessionsProjection.name, coachingMessagesProjection.name)
  async get(@Owner() owner: SessionOwner, @Param() { session_id }: SessionPath): Promise<SessionWithMessagesDto> {
    return sessionWithMessagesDto(await this.queries.execute(new GetSessionQuery(session_id, owner)));
  }

  @Get('sessions/:session_id/messages')
  @ApiOperation({ summary: 'A page of a session’s messages, in the order they were taken' })
  @ApiOkResponse({ type: MessagePageDto })
  @ApiProblems(ONE_SESSION)
  @ReadsView(coachingSessionsProjection.name, coachingMessagesProjection.name)
  async messages(
    @Owner() owner: SessionOwner,
    @Param() { session_id }: SessionPath,
    @Query() { after, limit }: ListMessagesParameters,
  ): Promise<MessagePageDto> {
    const { items, next } = await this.queries.execute(new ListMessagesQuery(session_id, owner, after, limit));
    return { items: items.map(messageDto), next };
  }

  @Post('sessions/:session_id/messages')
  @HttpCode(201)
  @ApiOperation({ summary: 'Say something; brings your automatically paused session back' })
  @ApiCreatedResponse({ type: MessageTakenDto })
  @ApiProblems({ ...ONE_SESSION, 409: 'session_not_active, session_conflict or max_turns_reached; nothing was taken' })
  @ApiIdempotencyKey()
  async say(
    @Owner() owner: SessionOwner,
    @Param() { session_id }: SessionPath,
    @Body() { role, content }: MessageBody,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MessageTakenDto> {
    const result = await this.commands.execute(new RecordMessageCommand(session_id, owner, role, content, context));
    await this.answerWithToken(reply, result.session.position);
    return messageTakenDto(result);
  }

  @Post('sessions/:session_id/pause')
  @HttpCode(200)
  @ApiOperation({ summary: 'Pause your session; it comes back when you resume or start it' })
  @ApiOkResponse({ type: SessionDto })
  @ApiProblems({ ...ONE_SESSION, ...STATUS })
  @ApiIdempotencyKey()
  pause(
    @Owner() owner: SessionOwner,
    @Param() { session_id }: SessionPath,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionDto> {
    return this.change(new PauseSessionCommand(session_id, owner, context), reply);
  }

  @Post('sessions/:session_id/resume')
  @HttpCode(200)
  @ApiOperation({ summary: 'Take your paused session up again' })
  @ApiOkResponse({ type: SessionDto })
  @ApiProblems({ ...ONE_SESSION, ...SESSION_CONFLICT })
  @ApiIdempotencyKey()
  resume(
    @Owner() owner: SessionOwner,
    @Param() { session_id }: SessionPath,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionDto> {
    return this.change(new ResumeSessionCommand(session_id, owner, context), reply);
  }

  @Post('sessions/:session_id/complete')
  @HttpCode(200)
  @ApiOperation({ summary: 'Bring your session to its end, with a result' })
  @ApiOkResponse({ type: SessionDto })
  @ApiProblems({ ...ONE_SESSION, ...STATUS })
  @ApiIdempotencyKey()
  complete(
    @Owner() owner: SessionOwner,
    @Param() { session_id }: SessionPath,
    @Body() body: CompleteSessionBody,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionDto> {
    const result = body?.result ?? null;
    return this.change(new CompleteSessionCommand(session_id, owner, result, context), reply);
  }

  @Post('sessions/:session_id/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give your session up' })
  @ApiOkResponse({ type: SessionDto })
  @ApiProblems({ ...ONE_SESSION, ...STATUS })
  @ApiIdempotencyKey()
  cancel(
    @Owner() owner: SessionOwner,
    @Param() { session_id }: SessionPath,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionDto> {
    return this.change(new CancelSessionCommand(session_id, owner, context), reply);
  }

  @Post('sessions/:session_id/abandon')
  @HttpCode(200)
  @ApiOperation({ summary: 'Let your paused session go' })
  @ApiOkResponse({ type: SessionDto })
  @ApiProblems({ ...ONE_SESSION, ...STATUS })
  @ApiIdempotencyKey()
  abandon(
    @Owner() owner: SessionOwner,
    @Param() { session_id }: SessionPath,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionDto> {
    return this.change(new AbandonSessionCommand(session_id, owner, context), reply);
  }

  private async change(command: Command<LoadedSession>, reply: FastifyReply): Promise<SessionDto> {
    const { state, position } = await this.commands.execute(command);
    await this.answerWithToken(reply, position);
    return sessionDto(state);
  }

  private async answerWithToken(reply: FastifyReply, position: Position | null): Promise<void> {
    const token = await this.consistency.token(position);
    if (token) void reply.header(CONSISTENCY_TOKEN, token);
  }
}

function ApiIdempotencyKey(): MethodDecorator {
  return ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'The same key is the same command: it cannot write twice.',
  });
}
