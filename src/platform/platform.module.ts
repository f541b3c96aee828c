import type { DynamicModule } from '@nestjs/common';
import { Global, Module } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import type { Logger } from 'pino';
import { Clock } from './clock.js';
import { AggregateStore } from './commands/aggregate-store.js';
import { SnapshotStore } from './commands/snapshot-store.js';
import { PlatformSettings } from './config/platform-settings.js';
import { EventCodec } from './event-store/event-codec.js';
import { ContractsHttpController } from './contracts/contracts.http.controller.js';
import { PublicEvents } from './contracts/public-events.js';
import { EventStore } from './event-store/event-store.port.js';
import { FeedHttpController } from './feed/feed.http.controller.js';
import { FeedHub } from './feed/feed-hub.js';
import { FeedMetrics } from './feed/feed-metrics.js';
import { feedOptions } from './feed/feed-options.js';
import { FeedPages } from './feed/feed-pages.js';
import { FeedPositions } from './feed/feed-positions.js';
import { FeedReader } from './feed/feed-reader.js';
import { PositionTokens } from './event-store/position-tokens.js';
import { Consistency, ConsistencyInterceptor } from './http/consistency.js';
import { JobScheduler } from './jobs/job-scheduler.js';
import { Leases } from './leases/leases.port.js';
import { IdleMemory } from './observability/idle-memory.js';
import { LOGGER } from './observability/logger.js';
import { Metrics } from './observability/metrics.js';
import { AboutHttpController } from './operations/about.http.controller.js';
import { About } from './operations/about.js';
import { BackgroundWork } from './operations/background-work.js';
import { HealthHttpController } from './operations/health.http.controller.js';
import { HealthWarnings } from './operations/health-warnings.js';
import { JobsHttpController } from './operations/jobs.http.controller.js';
import { MetricsHttpController } from './operations/metrics.http.controller.js';
import { ParkedHttpController } from './operations/parked.http.controller.js';
import { ProjectionsHttpController } from './operations/projections.http.controller.js';
import { Readiness } from './operations/readiness.js';
import { StoredEventsHttpController } from './operations/stored-events.http.controller.js';
import type { Platform } from './platform.js';
import { ProjectionEngine } from './projections/projection-engine.js';
import { ReadModelStore } from './read-models/read-model-store.port.js';

/** Injection token of the environment that contexts read their settings from. */
export const ENVIRONMENT = Symbol('environment');

/** What every context shares. A context registers its event types, projections and jobs with what is provided here. */
@Global()
@Module({})
export class PlatformModule {
  static on(platform: Platform): DynamicModule {
    const { settings, environment, log, clock, events, readModels, leases } = platform;
    const provided = [
      { provide: PlatformSettings, useValue: settings },
      { provide: ENVIRONMENT, useValue: environment },
      { provide: LOGGER, useValue: log },
      { provide: Clock, useValue: clock },
      { provide: EventStore, useValue: events },
      { provide: ReadModelStore, useValue: readModels },
      { provide: Leases, useValue: leases },
      EventCodec,
      { provide: SnapshotStore, useFactory: () => new SnapshotStore(readModels, log) },
      {
        provide: AggregateStore,
        inject: [EventCodec, SnapshotStore],
        useFactory: (codec: EventCodec, snapshots: SnapshotStore) =>
          new AggregateStore(events, codec, snapshots, clock),
      },
      {
        provide: ProjectionEngine,
        inject: [EventCodec],
        useFactory: (codec: EventCodec) => new ProjectionEngine({ events, readModels, codec, leases, clock, log }),
      },
      {
        provide: JobScheduler,
        inject: [SchedulerRegistry, ProjectionEngine, IdleMemory, LOGGER],
        useFactory: (registry: SchedulerRegistry, projections: ProjectionEngine, memory: IdleMemory, logger: Logger) =>
          new JobScheduler(registry, readModels, leases, clock, logger, (signal) => {
            memory.touch();
            return projections.caughtUp(signal);
          }),
      },
      { provide: IdleMemory, useFactory: () => new IdleMemory() },
      { provide: PositionTokens, useFactory: () => new PositionTokens(events) },
      PublicEvents,
      FeedReader,
      {
        provide: FeedPositions,
        inject: [PositionTokens],
        useFactory: (tokens: PositionTokens) => new FeedPositions(events, tokens, feedOptions(settings)),
      },
      FeedPages,
      FeedMetrics,
      {
        provide: FeedHub,
        inject: [PublicEvents, FeedReader, FeedMetrics],
        useFactory: (published: PublicEvents, reader: FeedReader, metrics: FeedMetrics) =>
          new FeedHub({ events, published, reader, metrics, clock, log, options: feedOptions(settings) }),
      },
      Metrics,
      Consistency,
      ConsistencyInterceptor,
      HealthWarnings,
      BackgroundWork,
      Readiness,
      About,
    ];
    return {
      module: PlatformModule,
      imports: [CqrsModule.forRoot(), ScheduleModule.forRoot()],
      controllers: [
        AboutHttpController,
        HealthHttpController,
        MetricsHttpController,
        JobsHttpController,
        ProjectionsHttpController,
        ParkedHttpController,
        StoredEventsHttpController,
        ContractsHttpController,
        FeedHttpController,
      ],
      providers: provided,
      exports: [...provided.map((provider) => ('provide' in provider ? provider.provide : provider)), CqrsModule],
    };
  }
}
