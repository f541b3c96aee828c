import { Inject } from '@nestjs/common';
import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { LOGGER } from '../../platform/observability/logger.js';
import { SessionsRepository } from './sessions.repository.js';

/** Ends a session that is open past its expires_at. Answers whether this command ended it. */
export class ExpireSessionCommand extends Command<{ expired: boolean }> {
  constructor(
    readonly sessionId: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ExpireSessionCommand)
export class ExpireSessionHandler implements ICommandHandler<ExpireSessionCommand> {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly clock: Clock,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** @throws {SessionCommandRefused} session_not_found */
  async execute({ sessionId, context }: ExpireSessionCommand): Promise<{ expired: boolean }> {
    const expired = await this.sessions.expire(sessionId, context, this.clock.now());
    if (expired) this.log.info({ session_id: sessionId }, 'session.expired');
    return { expired };
  }
}
