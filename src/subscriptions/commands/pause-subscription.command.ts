import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { pauseSubscription } from '../domain/webhook-subscription.decisions.js';
import type { LoadedSubscription } from './subscriptions.repository.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';

/** Nothing is sent for now; what comes meanwhile is sent after the resume. */
export class PauseSubscriptionCommand extends Command<LoadedSubscription> {
  constructor(
    readonly subscriptionId: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(PauseSubscriptionCommand)
export class PauseSubscriptionHandler implements ICommandHandler<PauseSubscriptionCommand> {
  constructor(
    private readonly subscriptions: SubscriptionsRepository,
    private readonly clock: Clock,
  ) {}

  execute({ subscriptionId, context }: PauseSubscriptionCommand): Promise<LoadedSubscription> {
    return this.subscriptions.transact(subscriptionId, context, (state) =>
      pauseSubscription(state, context.actor, this.clock.now()),
    );
  }
}
