import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import { deleteSubscription } from '../domain/webhook-subscription.decisions.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';

/** Nobody wants it any more. @returns position of the deletion */
export class DeleteSubscriptionCommand extends Command<Position | null> {
  constructor(
    readonly subscriptionId: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(DeleteSubscriptionCommand)
export class DeleteSubscriptionHandler implements ICommandHandler<DeleteSubscriptionCommand> {
  constructor(
    private readonly subscriptions: SubscriptionsRepository,
    private readonly clock: Clock,
  ) {}

  async execute({ subscriptionId, context }: DeleteSubscriptionCommand): Promise<Position | null> {
    const { position } = await this.subscriptions.change(subscriptionId, context, (state) =>
      deleteSubscription(state, context.actor, this.clock.now()),
    );
    return position;
  }
}
