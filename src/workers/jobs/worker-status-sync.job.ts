import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { Clock } from '../../platform/clock.js';
import { stepOf } from '../../platform/commands/command-context.js';
import { DormouseError, messageOf } from '../../platform/errors.js';
import type { Job, JobRun, JobSummary } from '../../platform/jobs/job.js';
import { LOGGER } from '../../platform/observability/logger.js';
import { ObserveWorkerStatusCommand } from '../commands/observe-worker-status.command.js';
import { WorkerPower } from '../commands/worker-power.js';
import type { StatusObservation } from '../domain/cml-worker.observation.js';
import { wasRestarted } from '../domain/cml-worker.observation.js';
import type { WorkerStatus } from '../domain/worker-status.js';
import { Ec2, Ec2Refused, Ec2Unavailable } from '../gateways/ec2.port.js';
import type { Ec2Instance } from '../gateways/ec2.port.js';
import type { WorkerDocument } from '../projections/workers.projection.js';
import { WorkerViews } from '../queries/worker-views.js';
import { WorkersSettings } from '../workers-settings.js';

/** EC2's answers may be some seconds old (eventual consistency): a doubtful one is asked for again after so long. */
const SECOND_LOOK_MS = 1_000;

type Counts = Record<'checked' | 'changed' | 'external_pauses' | 'external_resumes' | 'settled' | 'errors', number>;

/**
 * Reads EC2 for all workers, one paged call per region, and takes in what changed: status, pauses and resumes from
 * outside. Finishes or abandons pauses and resumes that an earlier process left undone.
 */
@Injectable()
export class WorkerStatusSyncJob implements Job {
  readonly name = 'worker-status-sync';

  constructor(
    private readonly views: WorkerViews,
    private readonly ec2: Ec2,
    private readonly power: WorkerPower,
    private readonly commandBus: CommandBus,
    private readonly clock: Clock,
    @Inject(WorkersSettings) private readonly settings: WorkersSettings,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  get intervalSeconds(): number {
    return this.settings.WORKER_STATUS_SYNC_INTERVAL;
  }

  async run(run: JobRun): Promise<JobSummary> {
    const counts: Counts = { checked: 0, changed: 0, external_pauses: 0, external_resumes: 0, settled: 0, errors: 0 };
    const found = await this.views.workers.find({ where: { status: { in: NOT_TERMINATED } } });
    const byRegion = Map.groupBy(
      found.map(({ document }) => document),
      (worker) => worker.aws_region,
    );
    let failed: Ec2Refused | Ec2Unavailable | undefined;
    for (const [region, workers] of byRegion) {
      run.signal.throwIfAborted();
      try {
        await this.syncRegion(region, workers, run, counts);
      } catch (error) {
        if (!(error instanceof Ec2Refused || error instanceof Ec2Unavailable)) throw error;
        // The other regions are still read; the run fails at its end.
        this.log.error({ aws_region: region, code: error.code, error: error.message }, 'status_sync.region_failed');
        failed = error;
      }
    }
    if (failed) throw failed;
    return counts;
  }

  private async syncRegion(
    region: string,
    workers: readonly WorkerDocument[],
    run: JobRun,
    counts: Counts,
  ): Promise<void> {
    const instances = new Map(await this.read(region, workers));
    const doubtful = workers.filter((worker) => isDoubtful(worker, instances.get(worker.aws_instance_id)?.status));
    if (doubtful.length > 0) {
      await delay(SECOND_LOOK_MS, undefined, { signal: run.signal });
      for (const [id, instance] of await this.read(region, doubtful)) instances.set(id, instance);
    }
    for (const worker of workers) {
      run.signal.throwIfAborted();
      await this.syncWorker(worker, instances.get(worker.aws_instance_id), run, counts);
    }
  }

  private read(region: string, workers: readonly WorkerDocument[]): Promise<ReadonlyMap<string, Ec2Instance>> {
    return this.ec2.describeInstances(
      region,
      workers.map((worker) => worker.aws_instance_id),
    );
  }

  private async syncWorker(
    worker: WorkerDocument,
    instance: Ec2Instance | undefined,
    run: JobRun,
    counts: Counts,
  ): Promise<void> {
    counts.checked++;
    const observation = {
      status: instance?.status ?? 'unknown',
      launchTime: instance?.launchTime ?? null,
      powerChanges: worker.power_changes,
      at: this.clock.now(),
    };
    try {
      if (worker.power.kind === 'pausing' || worker.power.kind === 'resuming') await this.settle(worker, run, counts);
      else if (observation.status !== worker.status || wasRestarted(worker, observation))
        await this.observe(worker, observation, run, counts);
    } catch (error) {
      if (!(error instanceof DormouseError) || error.status === 503) throw error;
      counts.errors++;
      this.log.warn(
        { worker_id: worker.worker_id, code: error.code, error: messageOf(error) },
        'status_sync.worker_failed',
      );
    }
  }

  private async settle({ worker_id }: WorkerDocument, { context }: JobRun, counts: Counts): Promise<void> {
    const step = stepOf(context, worker_id);
    await this.power.exclusively(worker_id, (lease) => this.power.settle(lease, worker_id, step));
    counts.settled++;
  }

  private async observe(
    worker: WorkerDocument,
    observation: StatusObservation,
    { context }: JobRun,
    counts: Counts,
  ): Promise<void> {
    const { worker_id, name } = worker;
    const command = new ObserveWorkerStatusCommand(worker_id, observation, stepOf(context, worker_id));
    const { events } = await this.commandBus.execute(command);
    for (const event of events) {
      if (event.type === 'WorkerPaused') counts.external_pauses++;
      if (event.type === 'WorkerResumed') counts.external_resumes++;
      counts.changed++;
      this.log.info(
        { worker_id, name, previous_status: worker.status, status: observation.status, event: event.type },
        'worker.status_changed',
      );
    }
  }
}

const NOT_TERMINATED: readonly WorkerStatus[] = [
  'pending',
  'starting',
  'running',
  'stopping',
  'stopped',
  'shutting-down',
  'unknown',
];

/** Running although we have just stopped it and never saw it stopped: started again, or an answer from before the stop. */
function isDoubtful(worker: WorkerDocument, status: WorkerStatus | undefined): boolean {
  return worker.power.kind === 'down' && worker.status === 'stopping' && status === 'running';
}
