import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { FeedPositions } from '../../platform/feed/feed-positions.js';
import { requestRedelivery } from '../domain/webhook-subscription.decisions.js';
import type { LoadedSubscription } from './subscriptions.repository.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';

/** Deliveries begin again after another position: further back, to have them once more, or further on, to leave some out. */
export class RedeliverCommand extends Command<LoadedSubscription> {
  constructor(
    readonly subscriptionId: string,
    /** `beginning`, `now`, or a position of the feed. */
    readonly after: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RedeliverCommand)
export class RedeliverHandler implements ICommandHandler<RedeliverCommand> {
  constructor(
    private readonly subscriptions: SubscriptionsRepository,
    private readonly positions: FeedPositions,
    private readonly clock: Clock,
  ) {}

  /** @throws {InvalidInput} @throws {PositionOfAnotherHistory} @throws {PositionBeyondTheEnd} */
  async execute({ subscriptionId, after, context }: RedeliverCommand): Promise<LoadedSubscription> {
    await this.positions.resolve(after, 'after');
    return this.subscriptions.transact(subscriptionId, context, (state) =>
      requestRedelivery(state, { after, by: context.actor, at: this.clock.now() }),
    );
  }
}
