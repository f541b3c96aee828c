import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import { toggleIdleDetection } from '../domain/cml-worker.decisions.js';
import { WorkersRepository } from './workers.repository.js';

/** Switches a worker's own idle detection on or off; no event when it is so already. */
export class ToggleIdleDetectionCommand extends Command<{ position: Position | null }> {
  constructor(
    readonly workerId: string,
    readonly awsRegion: string,
    readonly enabled: boolean,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ToggleIdleDetectionCommand)
export class ToggleIdleDetectionHandler implements ICommandHandler<ToggleIdleDetectionCommand> {
  constructor(
    private readonly workers: WorkersRepository,
    private readonly clock: Clock,
  ) {}

  async execute({
    workerId,
    awsRegion,
    enabled,
    context,
  }: ToggleIdleDetectionCommand): Promise<{ position: Position | null }> {
    await this.workers.get(workerId, awsRegion);
    return this.workers.transact(workerId, context, (state) =>
      toggleIdleDetection(state, enabled, context.actor, this.clock.now()),
    );
  }
}
