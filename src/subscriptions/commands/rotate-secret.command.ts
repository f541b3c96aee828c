import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { rotateSecret } from '../domain/webhook-subscription.decisions.js';
import { SigningKey } from '../gateways/signing-key.js';
import type { SubscriptionWithSecret } from './create-subscription.command.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';

/** Replaces the secret; for a day messages are signed with both. */
export class RotateSecretCommand extends Command<SubscriptionWithSecret> {
  constructor(
    readonly subscriptionId: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RotateSecretCommand)
export class RotateSecretHandler implements ICommandHandler<RotateSecretCommand> {
  constructor(
    private readonly subscriptions: SubscriptionsRepository,
    private readonly signingKey: SigningKey,
    private readonly clock: Clock,
  ) {}

  /** @throws {SigningKeyMissing} */
  async execute({ subscriptionId, context }: RotateSecretCommand): Promise<SubscriptionWithSecret> {
    const keyId = this.signingKey.idForNewSecrets();
    const subscription = await this.subscriptions.transact(subscriptionId, context, (state) =>
      rotateSecret(state, { keyId, by: context.actor, at: this.clock.now() }),
    );
    return { subscription, secret: this.signingKey.secretOf(subscriptionId, subscription.state.secret) };
  }
}
