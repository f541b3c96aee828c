import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { cancelSession } from '../domain/coaching-session.decisions.js';
import type { SessionOwner } from '../domain/session-owner.js';
import type { LoadedSession } from './sessions.repository.js';
import { SessionsRepository } from './sessions.repository.js';

/** Its user gives a session up; nothing came of it. */
export class CancelSessionCommand extends Command<LoadedSession> {
  constructor(
    readonly sessionId: string,
    readonly owner: SessionOwner,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(CancelSessionCommand)
export class CancelSessionHandler implements ICommandHandler<CancelSessionCommand> {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly clock: Clock,
  ) {}

  async execute({ sessionId, owner, context }: CancelSessionCommand): Promise<LoadedSession> {
    await this.sessions.get(sessionId, owner);
    return this.sessions.transact(sessionId, context, (state) => cancelSession(state, owner.userId, this.clock.now()));
  }
}
