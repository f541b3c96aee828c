import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import { changePolicy } from '../domain/cml-worker.decisions.js';
import { WorkersRepository } from './workers.repository.js';

/** Gives a worker its own idle timeout, or back the global one (null); holds at once. */
export class ChangeWorkerPolicyCommand extends Command<{ position: Position | null }> {
  constructor(
    readonly workerId: string,
    readonly awsRegion: string,
    readonly idleTimeoutMinutes: number | null,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ChangeWorkerPolicyCommand)
export class ChangeWorkerPolicyHandler implements ICommandHandler<ChangeWorkerPolicyCommand> {
  constructor(
    private readonly workers: WorkersRepository,
    private readonly clock: Clock,
  ) {}

  async execute(command: ChangeWorkerPolicyCommand): Promise<{ position: Position | null }> {
    const { workerId, awsRegion, idleTimeoutMinutes, context } = command;
    await this.workers.get(workerId, awsRegion);
    return this.workers.transact(workerId, context, (state) =>
      changePolicy(state, idleTimeoutMinutes, context.actor, this.clock.now()),
    );
  }
}
