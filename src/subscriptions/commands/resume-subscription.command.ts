import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { resumeSubscription } from '../domain/webhook-subscription.decisions.js';
import type { LoadedSubscription } from './subscriptions.repository.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';

/** Deliveries go on where they were, after a pause or a suspension. */
export class ResumeSubscriptionCommand extends Command<LoadedSubscription> {
  constructor(
    readonly subscriptionId: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ResumeSubscriptionCommand)
export class ResumeSubscriptionHandler implements ICommandHandler<ResumeSubscriptionCommand> {
  constructor(
    private readonly subscriptions: SubscriptionsRepository,
    private readonly clock: Clock,
  ) {}

  execute({ subscriptionId, context }: ResumeSubscriptionCommand): Promise<LoadedSubscription> {
    return this.subscriptions.transact(subscriptionId, context, (state) =>
      resumeSubscription(state, context.actor, this.clock.now()),
    );
  }
}
