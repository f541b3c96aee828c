import { Inject } from '@nestjs/common';
import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../platform/commands/command-context.js';
import type { CMLWorkerEvent } from '../domain/cml-worker.events.js';
import { observeStatus } from '../domain/cml-worker.observation.js';
import type { StatusObservation } from '../domain/cml-worker.observation.js';
import { WorkersSettings, idleSettingsOf } from '../workers-settings.js';
import { WorkersRepository } from './workers.repository.js';

/** Takes in what EC2 says of a worker's instance (source document: UpdateCMLWorkerStatusCommand). */
export class ObserveWorkerStatusCommand extends Command<{ events: readonly CMLWorkerEvent[] }> {
  constructor(
    readonly workerId: string,
    readonly observation: StatusObservation,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ObserveWorkerStatusCommand)
export class ObserveWorkerStatusHandler implements ICommandHandler<ObserveWorkerStatusCommand> {
  constructor(
    private readonly workers: WorkersRepository,
    @Inject(WorkersSettings) private readonly settings: WorkersSettings,
  ) {}

  execute({
    workerId,
    observation,
    context,
  }: ObserveWorkerStatusCommand): Promise<{ events: readonly CMLWorkerEvent[] }> {
    return this.workers.transact(workerId, context, (state) =>
      observeStatus(state, observation, idleSettingsOf(this.settings)),
    );
  }
}
