import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { Command } from '@nestjs/cqrs';
import {
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
import { CreateSubscriptionCommand } from '../commands/create-subscription.command.js';
import type { SubscriptionWithSecret } from '../commands/create-subscription.command.js';
import { DeleteSubscriptionCommand } from '../commands/delete-subscription.command.js';
import { PauseSubscriptionCommand } from '../commands/pause-subscription.command.js';
import { RedeliverCommand } from '../commands/redeliver.command.js';
import { ResumeSubscriptionCommand } from '../commands/resume-subscription.command.js';
import { RotateSecretCommand } from '../commands/rotate-secret.command.js';
import type { LoadedSubscription } from '../commands/subscriptions.repository.js';
import { webhookSubscriptionsProjection } from '../projections/webhook-subscriptions.projection.js';
import { GetSubscriptionQuery } from '../queries/get-subscription.query.js';
import { ListSubscriptionsQuery } from '../queries/list-subscriptions.query.js';
import {
  SubscriptionDetailsDto,
  SubscriptionDto,
  SubscriptionPageDto,
  SubscriptionWithSecretDto,
} from './subscriptions.answers.js';
import {
  CreateSubscriptionBody,
  ListSubscriptionsParameters,
  RedeliverBody,
  SubscriptionPath,
} from './subscriptions.dto.js';
import {
  subscriptionDetailsDto,
  subscriptionDto,
  subscriptionStatusDto,
  subscriptionWithSecretDto,
} from './subscriptions.presenter.js';

const ONE = { 404: 'subscription_not_found: no subscription has this id, or none any more' };
const ELSEWHERE = { 409: 'position_of_another_history or position_beyond_the_end: start over elsewhere' };
const SIGNING = { 503: 'signing_key_missing: WEBHOOK_SIGNING_KEY is needed; or a store cannot be reached' };

/** Push subscriptions over HTTP. */
@ApiTags('subscriptions')
@ApiProblems(COMMON_PROBLEMS)
@Controller('subscriptions')
export class SubscriptionsHttpController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly consistency: Consistency,
  ) {}

  @Post()
  @HttpCode(201)
  @ApiOperation({ summary: 'Have events pushed to a URL; the answer has the secret that signatures are verified with' })
  @ApiCreatedResponse({ type: SubscriptionWithSecretDto })
  @ApiProblems({ ...SIGNING, 409: 'position_of_another_history, position_beyond_the_end, or too_many_subscriptions' })
  @ApiIdempotencyKey()
  async create(
    @Body() body: CreateSubscriptionBody,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubscriptionWithSecretDto> {
    const { url, types = null, aggregate_kind: kind = null, aggregate_id: id = null, after, description = null } = body;
    const wish = { url, types, aggregateKind: kind, aggregateId: id, after, description };
    return this.withSecret(new CreateSubscriptionCommand(wish, context), reply);
  }

  @Get()
  @ApiOperation({ summary: 'A page of the subscriptions, with how their deliveries stand' })
  @ApiOkResponse({ type: SubscriptionPageDto })
  @ReadsView(webhookSubscriptionsProjection.name)
  async list(@Query() { state, limit, after }: ListSubscriptionsParameters): Promise<SubscriptionPageDto> {
    const { items, next } = await this.queries.execute(new ListSubscriptionsQuery(state, limit, after));
    return { items: items.map(subscriptionStatusDto), next };
  }

  @Get(':subscription_id')
  @ApiOperation({ summary: 'A subscription: its state, how far it is, what failed last' })
  @ApiOkResponse({ type: SubscriptionDetailsDto })
  @ApiProblems(ONE)
  @ReadsView(webhookSubscriptionsProjection.name)
  async get(@Param() { subscription_id }: SubscriptionPath): Promise<SubscriptionDetailsDto> {
    return subscriptionDetailsDto(await this.queries.execute(new GetSubscriptionQuery(subscription_id)));
  }

  @Post(':subscription_id/pause')
  @HttpCode(200)
  @ApiOperation({ summary: 'Send nothing for now' })
  @ApiOkResponse({ type: SubscriptionDto })
  @ApiProblems(ONE)
  @ApiIdempotencyKey()
  pause(
    @Param() { subscription_id }: SubscriptionPath,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubscriptionDto> {
    return this.change(new PauseSubscriptionCommand(subscription_id, context), reply);
  }

  @Post(':subscription_id/resume')
  @HttpCode(200)
  @ApiOperation({ summary: 'Go on after a pause or a suspension, where deliveries were' })
  @ApiOkResponse({ type: SubscriptionDto })
  @ApiProblems(ONE)
  @ApiIdempotencyKey()
  resume(
    @Param() { subscription_id }: SubscriptionPath,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubscriptionDto> {
    return this.change(new ResumeSubscriptionCommand(subscription_id, context), reply);
  }

  @Post(':subscription_id/redeliver')
  @HttpCode(200)
  @ApiOperation({ summary: 'Begin again after another position, further back or further on' })
  @ApiOkResponse({ type: SubscriptionDto })
  @ApiProblems({ ...ONE, ...ELSEWHERE })
  @ApiIdempotencyKey()
  redeliver(
    @Param() { subscription_id }: SubscriptionPath,
    @Body() { after }: RedeliverBody,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubscriptionDto> {
    return this.change(new RedeliverCommand(subscription_id, after, context), reply);
  }

  @Post(':subscription_id/rotate-secret')
  @HttpCode(200)
  @ApiOperation({ summary: 'Replace the secret; for 24 hours messages are signed with both' })
  @ApiOkResponse({ type: SubscriptionWithSecretDto })
  @ApiProblems({ ...ONE, ...SIGNING })
  @ApiIdempotencyKey()
  rotateSecret(
    @Param() { subscription_id }: SubscriptionPath,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubscriptionWithSecretDto> {
    return this.withSecret(new RotateSecretCommand(subscription_id, context), reply);
  }

  @Delete(':subscription_id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a subscription; nothing more is sent' })
  @ApiNoContentResponse()
  @ApiProblems(ONE)
  @ApiIdempotencyKey()
  async delete(
    @Param() { subscription_id }: SubscriptionPath,
    @Caller() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    await this.answerWithToken(
      reply,
      await this.commands.execute(new DeleteSubscriptionCommand(subscription_id, context)),
    );
  }

  private async change(command: Command<LoadedSubscription>, reply: FastifyReply): Promise<SubscriptionDto> {
    const { state, position } = await this.commands.execute(command);
    await this.answerWithToken(reply, position);
    return subscriptionDto(state);
  }

  private async withSecret(
    command: Command<SubscriptionWithSecret>,
    reply: FastifyReply,
  ): Promise<SubscriptionWithSecretDto> {
    const result = await this.commands.execute(command);
    await this.answerWithToken(reply, result.subscription.position);
    void reply.header('cache-control', 'no-store');
    return subscriptionWithSecretDto(result);
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
