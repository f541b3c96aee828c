import { Injectable } from '@nestjs/common';
import type { Loaded, Transacted } from '../../platform/commands/aggregate-store.js';
import { AggregateStore } from '../../platform/commands/aggregate-store.js';
import { isRefusal } from '../../platform/commands/aggregate.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { DormouseError } from '../../platform/errors.js';
import type { CMLWorkerEvent } from '../domain/cml-worker.events.js';
import { CMLWorker } from '../domain/cml-worker.js';
import type { CMLWorkerState, RegisteredWorker } from '../domain/cml-worker.js';
import type { WorkerDecision, WorkerRefusal, WorkerRefusalCode } from '../domain/cml-worker.decisions.js';

const HTTP_STATUS: Readonly<Record<WorkerRefusalCode, number>> = {
  worker_not_found: 404,
  worker_already_registered: 409,
  worker_terminated: 409,
  power_change_pending: 409,
};

/** The worker's own rules say no. */
export class WorkerCommandRefused extends DormouseError {
  constructor({ refused, message }: WorkerRefusal) {
    super(refused, HTTP_STATUS[refused], message);
  }
}

export type LoadedWorker = Loaded<RegisteredWorker>;
export type WorkerTransaction = Transacted<CMLWorkerState, CMLWorkerEvent>;

/** Loading and changing CMLWorkers: the aggregate's two verbs, with this context's refusals as errors. */
@Injectable()
export class WorkersRepository {
  constructor(private readonly aggregates: AggregateStore) {}

  /**
   * The registered worker as its stream says now.
   * @param awsRegion when given, a worker of another region does not exist
   * @throws {WorkerCommandRefused} worker_not_found
   */
  async get(workerId: string, awsRegion?: string): Promise<LoadedWorker> {
    const loaded = await this.aggregates.load<CMLWorkerState, CMLWorkerEvent>(CMLWorker, workerId);
    const { state } = loaded;
    if (state.kind !== 'registered' || (awsRegion !== undefined && state.aws_region !== awsRegion)) {
      throw new WorkerCommandRefused({
        refused: 'worker_not_found',
        message: `No worker ${workerId} is registered here.`,
      });
    }
    return { ...loaded, state };
  }

  /** True when this command, whose sender named it, has written to the worker's stream before. */
  wasCarriedOut(workerId: string, context: CommandContext): Promise<boolean> {
    return this.aggregates.wasCarriedOut(CMLWorker, workerId, context);
  }

  /** @throws {WorkerCommandRefused} whatever `decide` refused */
  async transact(
    workerId: string,
    context: CommandContext,
    decide: (state: CMLWorkerState) => WorkerDecision,
  ): Promise<WorkerTransaction> {
    const result = await this.aggregates.transact<CMLWorkerState, CMLWorkerEvent>(CMLWorker, workerId, context, decide);
    if (isRefusal(result)) throw new WorkerCommandRefused(result as WorkerRefusal);
    return result;
  }
}
