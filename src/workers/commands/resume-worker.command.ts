import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { stepOf } from '../../platform/commands/command-context.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import { hasPendingIntent, isTerminated, requestResume, TERMINATED } from '../domain/cml-worker.decisions.js';
import { WorkerPower } from './worker-power.js';
import { WorkerCommandRefused, WorkersRepository } from './workers.repository.js';

export interface ResumeWorkerResult {
  /** True when the worker is up now, whoever did it. */
  readonly resumed: boolean;
  /** The instance is still stopping: it is started by the first status sync that finds it stopped. */
  readonly waiting: boolean;
  readonly position: Position | null;
}

/** Starts a worker; mirrors the pause. Resuming a worker that is up succeeds and changes nothing. */
export class ResumeWorkerCommand extends Command<ResumeWorkerResult> {
  constructor(
    readonly workerId: string,
    readonly awsRegion: string | undefined,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ResumeWorkerCommand)
export class ResumeWorkerHandler implements ICommandHandler<ResumeWorkerCommand> {
  constructor(
    private readonly workers: WorkersRepository,
    private readonly power: WorkerPower,
    private readonly clock: Clock,
  ) {}

  async execute({ workerId, awsRegion, context }: ResumeWorkerCommand): Promise<ResumeWorkerResult> {
    await this.workers.get(workerId, awsRegion);
    // The wish is recorded without waiting for the lease: a pause that is under way sees it and gives way.
    const requested = await this.workers.transact(workerId, stepOf(context, 'request resume'), (state) =>
      requestResume(state, { resumeId: context.commandId, by: context.actor, at: this.clock.now() }),
    );
    const isNew = !requested.repeated && requested.events.length > 0;
    const { state, position } = await this.power.exclusively(workerId, async (lease) => {
      // A command that its sender may repeat may be at work in another instance as well: the store takes an append of the
      // same events at the same revision for a repeat and answers both alike. So the other one may have sent the start.
      const isCertain = isNew && (lease.fence === undefined || !context.repeatable);
      await this.power.settle(lease, workerId, context, isCertain ? { newResumeId: context.commandId } : {});
      // Before the lease is given back: a pause that begins right after it is not what this command waits for.
      return this.workers.get(workerId);
    });
    if (isTerminated(state.status)) throw new WorkerCommandRefused(TERMINATED);
    return { resumed: state.power.kind === 'up', waiting: hasPendingIntent(state), position };
  }
}
