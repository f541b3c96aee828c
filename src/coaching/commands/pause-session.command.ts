import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { pauseSession } from '../domain/coaching-session.decisions.js';
import type { SessionOwner } from '../domain/session-owner.js';
import type { LoadedSession } from './sessions.repository.js';
import { SessionsRepository } from './sessions.repository.js';

/** Its user pauses a session: nobody is blocked by it any more, and it comes back only when its user says so. */
export class PauseSessionCommand extends Command<LoadedSession> {
  constructor(
    readonly sessionId: string,
    readonly owner: SessionOwner,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(PauseSessionCommand)
export class PauseSessionHandler implements ICommandHandler<PauseSessionCommand> {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly clock: Clock,
  ) {}

  async execute({ sessionId, owner, context }: PauseSessionCommand): Promise<LoadedSession> {
    await this.sessions.get(sessionId, owner);
    return this.sessions.transact(sessionId, context, (state) => pauseSession(state, owner.userId, this.clock.now()));
  }
}
