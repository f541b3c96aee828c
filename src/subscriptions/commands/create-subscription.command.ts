import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { v5 as uuidv5 } from 'uuid';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { PublicEvents } from '../../platform/contracts/public-events.js';
import { DormouseError, InvalidInput } from '../../platform/errors.js';
import { FeedPositions } from '../../platform/feed/feed-positions.js';
import { selectionOf } from '../domain/selection.js';
import { createSubscription } from '../domain/webhook-subscription.decisions.js';
import { SigningKey } from '../gateways/signing-key.js';
import { targetProblem } from '../gateways/target-address.js';
import { SubscriptionViews } from '../queries/subscription-views.js';
import { SubscriptionsSettings } from '../subscriptions-settings.js';
import type { LoadedSubscription } from './subscriptions.repository.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';

/** What somebody wants to be pushed, and where to. */
export interface SubscriptionWish {
  readonly url: string;
  readonly description: string | null;
  /** Published names; null: all. */
  readonly types: readonly string[] | null;
  readonly aggregateKind: string | null;
  readonly aggregateId: string | null;
  /** `beginning`, `now`, or a position of the feed. */
  readonly after: string;
}

/** A subscription with the secret that its receiver verifies signatures with; no query tells that again. */
export interface SubscriptionWithSecret {
  readonly subscription: LoadedSubscription;
  readonly secret: string;
}

/** Somebody wants events pushed to a URL. */
export class CreateSubscriptionCommand extends Command<SubscriptionWithSecret> {
  constructor(
    readonly wish: SubscriptionWish,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(CreateSubscriptionCommand)
export class CreateSubscriptionHandler implements ICommandHandler<CreateSubscriptionCommand> {
  constructor(
    private readonly subscriptions: SubscriptionsRepository,
    private readonly views: SubscriptionViews,
    private readonly positions: FeedPositions,
    private readonly published: PublicEvents,
    private readonly signingKey: SigningKey,
    private readonly settings: SubscriptionsSettings,
    private readonly clock: Clock,
  ) {}

  /**
   * @throws {InvalidInput} a target that may not be called, or what is not published
   * @throws {PositionOfAnotherHistory} @throws {PositionBeyondTheEnd} @throws {SigningKeyMissing} @throws {TooManySubscriptions}
   */
  async execute({ wish, context }: CreateSubscriptionCommand): Promise<SubscriptionWithSecret> {
    const { types, aggregateKind, aggregateId } = wish;
    this.check(wish);
    await this.positions.resolve(wish.after, 'after');
    // The same command makes the same subscription, however often it is sent.
    const subscriptionId = `sub_${uuidv5('subscription', context.commandId)}`;
    if (!(await this.subscriptions.exists(subscriptionId))) await this.refuseTooMany();
    const keyId = this.signingKey.idForNewSecrets();
    const at = this.clock.now();
    const url = new URL(wish.url).href;
    const { description } = wish;
    const facts = {
      subscriptionId,
      url,
      description,
      types,
      aggregateKind,
      aggregateId,
      startsAfter: wish.after,
      keyId,
    };
    const subscription = await this.subscriptions.transact(subscriptionId, context, (state) =>
      createSubscription(state, { ...facts, by: context.actor, at }),
    );
    return { subscription, secret: this.signingKey.secretOf(subscriptionId, subscription.state.secret) };
  }

  /** @throws {InvalidInput} naming everything that is wrong */
  private check(wish: SubscriptionWish): void {
    const problem = targetProblem(wish.url, this.settings.WEBHOOK_ALLOW_PRIVATE_TARGETS);
    const errors = problem ? [problem] : [];
    const { types, aggregateKind: aggregate_kind, aggregateId: aggregate_id } = wish;
    try {
      this.published.filterOf(selectionOf({ types, aggregate_kind, aggregate_id }));
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      errors.push(
        ...error.errors.map(({ field, message }) => ({ field: field === 'type' ? 'types' : field, message })),
      );
    }
    if (errors.length > 0) throw new InvalidInput(errors);
  }

  private async refuseTooMany(): Promise<void> {
    const most = this.settings.WEBHOOK_MAX_SUBSCRIPTIONS;
    if ((await this.views.all.count()) >= most) throw new TooManySubscriptions(most);
  }
}

/** 409: there are as many as the service takes. */
export class TooManySubscriptions extends DormouseError {
  constructor(most: number) {
    super(
      'too_many_subscriptions',
      409,
      `There are ${most} subscriptions already (WEBHOOK_MAX_SUBSCRIPTIONS). Delete what is not needed any more.`,
    );
  }
}
