import { Inject, Module } from '@nestjs/common';
import type { OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { Clock } from '../platform/clock.js';
import { loadSettings } from '../platform/config/settings.js';
import { EventCodec } from '../platform/event-store/event-codec.js';
import { JobScheduler } from '../platform/jobs/job-scheduler.js';
import { LOGGER } from '../platform/observability/logger.js';
import { About } from '../platform/operations/about.js';
import { ENVIRONMENT } from '../platform/platform.module.js';
import { ProjectionEngine } from '../platform/projections/projection-engine.js';
import { ChangeWorkerPolicyHandler } from './commands/change-worker-policy.command.js';
import { DeregisterWorkerHandler } from './commands/deregister-worker.command.js';
import { DetectWorkerIdleHandler } from './commands/detect-worker-idle.command.js';
import { ImportWorkerHandler } from './commands/import-worker.command.js';
import { ObserveWorkerStatusHandler } from './commands/observe-worker-status.command.js';
import { PauseWorkerHandler } from './commands/pause-worker.command.js';
import { ResumeWorkerHandler } from './commands/resume-worker.command.js';
import { ToggleIdleDetectionHandler } from './commands/toggle-idle-detection.command.js';
import { UpdateWorkerActivityHandler } from './commands/update-worker-activity.command.js';
import { WorkerPower } from './commands/worker-power.js';
import { WorkersRepository } from './commands/workers.repository.js';
import { cmlWorkerContract } from './contracts/cml-worker.contract.js';
import { HttpCmlApi } from './gateways/cml-api.http.js';
import { CmlApi } from './gateways/cml-api.port.js';
import { AwsEc2 } from './gateways/ec2.aws.js';
import { Ec2 } from './gateways/ec2.port.js';
import { WorkerTelemetry } from './gateways/worker-telemetry.js';
import { AllWorkersHttpController } from './http/all-workers.http.controller.js';
import { WorkersHttpController } from './http/workers.http.controller.js';
import { ActivityDetectionJob } from './jobs/activity-detection.job.js';
import { WorkerStatusSyncJob } from './jobs/worker-status-sync.job.js';
import { LastCheckErrors } from './projections/last-check-errors.js';
import { workersProjection } from './projections/workers.projection.js';
import { GetWorkerActivityHandler } from './queries/get-worker-activity.query.js';
import { GetWorkerEC2StateHandler } from './queries/get-worker-ec2-state.query.js';
import { GetWorkerIdleStatusHandler } from './queries/get-worker-idle-status.query.js';
import { GetWorkerTelemetryEventsHandler } from './queries/get-worker-telemetry-events.query.js';
import { GetWorkerTimelineHandler } from './queries/get-worker-timeline.query.js';
import { GetWorkerHandler } from './queries/get-worker.query.js';
import { ListAllWorkersHandler } from './queries/list-all-workers.query.js';
import { ListWorkersHandler } from './queries/list-workers.query.js';
import { WorkerViews } from './queries/worker-views.js';
import { WorkersMetrics } from './workers-metrics.js';
import { WorkersSettings, idleSettingsOf } from './workers-settings.js';

/** CML workers: everything of this context, on one page. */
@Module({
  controllers: [WorkersHttpController, AllWorkersHttpController],
  providers: [
    {
      provide: WorkersSettings,
      inject: [ENVIRONMENT],
      useFactory: (environment: NodeJS.ProcessEnv) => loadSettings(WorkersSettings, environment),
    },
    // gateways
    {
      provide: CmlApi,
      inject: [WorkersSettings, Clock, LOGGER],
      useFactory: (settings: WorkersSettings, clock: Clock, log: Logger) =>
        new HttpCmlApi(
          {
            username: settings.CML_USERNAME,
            password: settings.CML_PASSWORD,
            verifyTls: settings.CML_VERIFY_TLS,
            caFile: settings.CML_CA_FILE,
            requestTimeoutMs: settings.CML_REQUEST_TIMEOUT_MS,
            excludeOwnActivity: settings.CML_EXCLUDE_OWN_ACTIVITY,
          },
          log,
          clock,
        ),
    },
    { provide: Ec2, useFactory: () => new AwsEc2() },
    WorkerTelemetry,
    // commands
    WorkersRepository,
    WorkerPower,
    WorkersMetrics,
    ImportWorkerHandler,
    DeregisterWorkerHandler,
    DetectWorkerIdleHandler,
    UpdateWorkerActivityHandler,
    PauseWorkerHandler,
    ResumeWorkerHandler,
    ObserveWorkerStatusHandler,
    ToggleIdleDetectionHandler,
    ChangeWorkerPolicyHandler,
    // queries
    WorkerViews,
    LastCheckErrors,
    ListWorkersHandler,
    ListAllWorkersHandler,
    GetWorkerHandler,
    GetWorkerActivityHandler,
    GetWorkerIdleStatusHandler,
    GetWorkerTelemetryEventsHandler,
    GetWorkerTimelineHandler,
    GetWorkerEC2StateHandler,
    // jobs
    ActivityDetectionJob,
    WorkerStatusSyncJob,
  ],
})
export class WorkersModule implements OnModuleDestroy {
  constructor(
    codec: EventCodec,
    projections: ProjectionEngine,
    jobs: JobScheduler,
    activityDetection: ActivityDetectionJob,
    statusSync: WorkerStatusSyncJob,
    private readonly cml: CmlApi,
    private readonly ec2: Ec2,
    @Inject(WorkersSettings) settings: WorkersSettings,
    about: About,
  ) {
    const { autoPauseEnabled, idleTimeoutMinutes, snoozeMinutes } = idleSettingsOf(settings);
    about.tell({
      auto_pause_enabled: autoPauseEnabled,
      idle_timeout_minutes: idleTimeoutMinutes,
      snooze_minutes: snoozeMinutes,
    });
    codec.registerCategory(cmlWorkerContract);
    projections.register(workersProjection);
    jobs.register(activityDetection);
    jobs.register(statusSync);
  }

  /** Before the door is closed, so that requests that wait for CML or EC2 end. */
  async onModuleDestroy(): Promise<void> {
    await this.cml.close();
    this.ec2.close();
  }
}
