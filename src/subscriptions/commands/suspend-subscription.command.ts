import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Inject } from '@nestjs/common';
import type { Logger } from 'pino';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { LOGGER } from '../../platform/observability/logger.js';
import type { SuspensionProposal } from '../domain/webhook-subscription.decisions.js';
import { suspendSubscription } from '../domain/webhook-subscription.decisions.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';

/** The service gives a subscription up, until somebody resumes it. */
export class SuspendSubscriptionCommand extends Command<void> {
  constructor(
    readonly subscriptionId: string,
    readonly proposal: SuspensionProposal,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(SuspendSubscriptionCommand)
export class SuspendSubscriptionHandler implements ICommandHandler<SuspendSubscriptionCommand> {
  constructor(
    private readonly subscriptions: SubscriptionsRepository,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  async execute({ subscriptionId, proposal, context }: SuspendSubscriptionCommand): Promise<void> {
    const { events } = await this.subscriptions.change(subscriptionId, context, (state) =>
      suspendSubscription(state, proposal),
    );
    const { reason, lastError } = proposal;
    if (events.length > 0)
      this.log.warn({ subscription_id: subscriptionId, reason, error: lastError }, 'push.suspended');
  }
}
