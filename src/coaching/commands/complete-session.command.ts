import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { completeSession } from '../domain/coaching-session.decisions.js';
import type { SessionOwner } from '../domain/session-owner.js';
import type { LoadedSession } from './sessions.repository.js';
import { SessionsRepository } from './sessions.repository.js';

/** A session has come to its end, with a result. */
export class CompleteSessionCommand extends Command<LoadedSession> {
  constructor(
    readonly sessionId: string,
    readonly owner: SessionOwner,
    /** Any JSON value. */
    readonly result: unknown,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(CompleteSessionCommand)
export class CompleteSessionHandler implements ICommandHandler<CompleteSessionCommand> {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly clock: Clock,
  ) {}

  async execute({ sessionId, owner, result, context }: CompleteSessionCommand): Promise<LoadedSession> {
    await this.sessions.get(sessionId, owner);
    return this.sessions.transact(sessionId, context, (state) =>
      completeSession(state, owner.userId, result, this.clock.now()),
    );
  }
}
