import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import { DormouseError } from '../../platform/errors.js';
import type { CmlTelemetry } from '../gateways/cml-api.port.js';
import { WorkerTelemetry } from '../gateways/worker-telemetry.js';
import { WorkerViews } from './worker-views.js';

/** The relevant telemetry events of a worker, read through from CML, newest first (source document). Moves nothing. */
export class GetWorkerTelemetryEventsQuery extends Query<CmlTelemetry> {
  constructor(
    readonly awsRegion: string,
    readonly workerId: string,
    readonly limit: number,
  ) {
    super();
  }
}

@QueryHandler(GetWorkerTelemetryEventsQuery)
export class GetWorkerTelemetryEventsHandler implements IQueryHandler<GetWorkerTelemetryEventsQuery> {
  constructor(
    private readonly views: WorkerViews,
    private readonly telemetry: WorkerTelemetry,
  ) {}

  async execute({ awsRegion, workerId, limit }: GetWorkerTelemetryEventsQuery): Promise<CmlTelemetry> {
    const worker = await this.views.get(awsRegion, workerId);
    if (worker.status !== 'running') {
      const message = `The worker is ${worker.status}; its CML server answers only while it is running.`;
      throw new DormouseError('worker_not_running', 409, message);
    }
    return this.telemetry.readAll(worker, limit);
  }
}
