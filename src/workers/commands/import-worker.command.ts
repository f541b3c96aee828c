import { Inject } from '@nestjs/common';
import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { v5 as uuidv5 } from 'uuid';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { DORMOUSE_NAMESPACE } from '../../platform/commands/command-context.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import { NotFound } from '../../platform/errors.js';
import { LOGGER } from '../../platform/observability/logger.js';
import { registerWorker } from '../domain/cml-worker.decisions.js';
import type { RegisteredWorker } from '../domain/cml-worker.js';
import { Ec2 } from '../gateways/ec2.port.js';
import { WorkersRepository } from './workers.repository.js';

export interface ImportWorkerResult {
  readonly worker: RegisteredWorker;
  readonly position: Position | null;
}

/** Registers an EC2 instance as a worker. */
export class ImportWorkerCommand extends Command<ImportWorkerResult> {
  constructor(
    readonly awsRegion: string,
    readonly awsInstanceId: string,
    readonly options: {
      /** Default: the instance's Name tag, else its id. */
      readonly name?: string | undefined;
      /** Base URL of the CML server; default: the instance's address. */
      readonly cmlEndpoint?: string | undefined;
      readonly idleTimeoutMinutes?: number | null | undefined;
    },
    readonly context: CommandContext,
  ) {
    super();
  }
}

/** A worker's id follows from its instance: the same instance cannot become two workers. */
export function workerIdOf(awsRegion: string, awsInstanceId: string): string {
  return uuidv5(`${awsRegion}/${awsInstanceId}`, DORMOUSE_NAMESPACE);
}

@CommandHandler(ImportWorkerCommand)
export class ImportWorkerHandler implements ICommandHandler<ImportWorkerCommand> {
  constructor(
    private readonly workers: WorkersRepository,
    private readonly ec2: Ec2,
    private readonly clock: Clock,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  async execute({ awsRegion, awsInstanceId, options, context }: ImportWorkerCommand): Promise<ImportWorkerResult> {
    const instance = (await this.ec2.describeInstances(awsRegion, [awsInstanceId])).get(awsInstanceId);
    if (!instance) throw new NotFound(`EC2 instance in ${awsRegion}`, awsInstanceId, 'instance_not_found');
    const workerId = workerIdOf(awsRegion, awsInstanceId);
    const { state, position } = await this.workers.transact(workerId, context, (current) =>
      registerWorker(current, {
        workerId,
        awsRegion,
        awsInstanceId,
        name: options.name ?? (instance.tags['Name'] || awsInstanceId),
        cmlEndpoint: options.cmlEndpoint ?? null,
        idleTimeoutMinutes: options.idleTimeoutMinutes ?? null,
        status: instance.status,
        by: context.actor,
        at: this.clock.now(),
      }),
    );
    if (state.kind !== 'registered') throw new NotFound('Worker', workerId, 'worker_not_found');
    this.log.info(
      { worker_id: workerId, name: state.name, aws_region: awsRegion, aws_instance_id: awsInstanceId },
      'worker.registered',
    );
    return { worker: state, position };
  }
}
