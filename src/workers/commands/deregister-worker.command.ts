import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { stepOf } from '../../platform/commands/command-context.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import { deregisterWorker } from '../domain/cml-worker.decisions.js';
import { WorkerPower } from './worker-power.js';
import { WorkersRepository } from './workers.repository.js';

/** The service forgets the worker; its instance is left alone and its history stays. */
export class DeregisterWorkerCommand extends Command<{ position: Position | null }> {
  constructor(
    readonly workerId: string,
    readonly awsRegion: string | undefined,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(DeregisterWorkerCommand)
export class DeregisterWorkerHandler implements ICommandHandler<DeregisterWorkerCommand> {
  constructor(
    private readonly workers: WorkersRepository,
    private readonly power: WorkerPower,
    private readonly clock: Clock,
  ) {}

  async execute({ workerId, awsRegion, context }: DeregisterWorkerCommand): Promise<{ position: Position | null }> {
    return this.power.exclusively(workerId, async (lease) => {
      const step = stepOf(context, 'deregister');
      // A command that is repeated finds the worker gone, because it did that itself.
      if (!(await this.workers.wasCarriedOut(workerId, step))) {
        await this.workers.get(workerId, awsRegion);
        await this.power.settle(lease, workerId, context);
      }
      const { position } = await this.workers.transact(workerId, step, (state) =>
        deregisterWorker(state, context.actor, this.clock.now()),
      );
      return { position };
    });
  }
}
