import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../platform/commands/command-context.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import type { CheckContext, CheckDecision } from '../domain/activity-check.js';
import { checkDecisionOf, recordActivity } from '../domain/activity-check.js';
import type { WorkerActivityUpdated } from '../domain/cml-worker.events.js';
import type { RegisteredWorker } from '../domain/cml-worker.js';
import type { TelemetryReading } from '../domain/telemetry.js';
import { WorkersRepository } from './workers.repository.js';

export interface UpdateWorkerActivityResult extends CheckDecision {
  readonly worker: RegisteredWorker;
  readonly recorded: WorkerActivityUpdated['data'];
  readonly position: Position | null;
}

/** Records a successful check of the telemetry and what it decides (source document, internal). */
export class UpdateWorkerActivityCommand extends Command<UpdateWorkerActivityResult> {
  constructor(
    readonly workerId: string,
    readonly reading: TelemetryReading,
    readonly check: CheckContext,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(UpdateWorkerActivityCommand)
export class UpdateWorkerActivityHandler implements ICommandHandler<UpdateWorkerActivityCommand> {
  constructor(private readonly workers: WorkersRepository) {}

  async execute({
    workerId,
    reading,
    check,
    context,
  }: UpdateWorkerActivityCommand): Promise<UpdateWorkerActivityResult> {
    const { state, events, position } = await this.workers.transact(workerId, context, (state) =>
      recordActivity(state, reading, check),
    );
    const [event] = events;
    if (event?.type !== 'WorkerActivityUpdated' || state.kind !== 'registered') {
      throw new Error(`The check of worker ${workerId} recorded nothing.`);
    }
    return { ...checkDecisionOf(event), worker: state, recorded: event.data, position };
  }
}
