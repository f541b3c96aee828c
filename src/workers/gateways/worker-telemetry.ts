import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import type { CheckContext } from '../domain/activity-check.js';
import type { RegisteredWorker } from '../domain/cml-worker.js';
import type { TelemetryMemory } from '../domain/telemetry.js';
import { WorkersSettings, idleSettingsOf, relevanceRuleOf } from '../workers-settings.js';
import type { CmlTelemetry } from './cml-api.port.js';
import { CmlApi, TelemetryUnavailable } from './cml-api.port.js';
import { Ec2 } from './ec2.port.js';

type TelemetrySource = Pick<RegisteredWorker, 'worker_id' | 'aws_region' | 'aws_instance_id' | 'cml_endpoint'>;

/** One worker's telemetry by the settings of the service: where to ask, what counts, how much is kept. */
@Injectable()
export class WorkerTelemetry {
  constructor(
    private readonly cml: CmlApi,
    private readonly ec2: Ec2,
    private readonly clock: Clock,
    @Inject(WorkersSettings) private readonly settings: WorkersSettings,
  ) {}

  /** What is new since the last check of this worker. @throws {TelemetryUnavailable} */
  read(worker: RegisteredWorker): Promise<CmlTelemetry> {
    return this.ask(worker, worker.telemetry_memory, this.settings.WORKER_ACTIVITY_EVENTS_MAX_STORED);
  }

  /** The newest relevant events of all history. @throws {TelemetryUnavailable} */
  readAll(worker: TelemetrySource, keep: number): Promise<CmlTelemetry> {
    return this.ask(worker, { watermark: null, since: null, seen: [] }, keep);
  }

  /** What a check at `at` is decided with. */
  checkContext(worker: RegisteredWorker, at: number, clockSkewMs: number | null, nextCheckAt?: number): CheckContext {
    const interval = this.settings.WORKER_ACTIVITY_DETECTION_INTERVAL * 1000;
    const planned =
      worker.next_idle_check_at !== null && worker.next_idle_check_at > at ? worker.next_idle_check_at : null;
    return {
      at,
      nextCheckAt: nextCheckAt ?? planned ?? at + interval,
      keepEvents: this.settings.WORKER_ACTIVITY_EVENTS_MAX_STORED,
      clockSkewMs,
      settings: idleSettingsOf(this.settings),
    };
  }

  private async ask(worker: TelemetrySource, memory: TelemetryMemory, keep: number): Promise<CmlTelemetry> {
    const endpoint = worker.cml_endpoint ?? (await this.endpointOf(worker));
    return this.cml.readTelemetry(endpoint, {
      now: this.clock.now(),
      memory,
      rule: relevanceRuleOf(this.settings),
      keep,
    });
  }

  /** Without a configured endpoint, CML is where the instance is; its address may change with every start. */
  private async endpointOf({ worker_id, aws_region, aws_instance_id }: TelemetrySource): Promise<string> {
    const instance = (await this.ec2.describeInstances(aws_region, [aws_instance_id])).get(aws_instance_id);
    const address = instance?.publicIpAddress ?? instance?.privateIpAddress;
    if (!address) {
      throw new TelemetryUnavailable(
        'no_endpoint',
        `Worker ${worker_id} has no cml_endpoint, and EC2 knows no address of ${aws_instance_id}.`,
      );
    }
    return `https://${address}`;
  }
}
