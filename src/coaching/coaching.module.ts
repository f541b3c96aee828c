import { Module } from '@nestjs/common';
import { loadSettings } from '../platform/config/settings.js';
import { EventCodec } from '../platform/event-store/event-codec.js';
import { JobScheduler } from '../platform/jobs/job-scheduler.js';
import { ENVIRONMENT } from '../platform/platform.module.js';
import { ProjectionEngine } from '../platform/projections/projection-engine.js';
import { CoachingMetrics } from './coaching-metrics.js';
import { CoachingSettings, topicsOf } from './coaching-settings.js';
import { AbandonSessionHandler } from './commands/abandon-session.command.js';
import { ActiveSessions } from './commands/active-sessions.js';
import { AutoPauseSessionHandler, AutomaticPause } from './commands/auto-pause-session.command.js';
import { CancelSessionHandler } from './commands/cancel-session.command.js';
import { CompleteSessionHandler } from './commands/complete-session.command.js';
import { ExpireSessionHandler } from './commands/expire-session.command.js';
import { OwnSessions } from './commands/own-sessions.js';
import { PauseSessionHandler } from './commands/pause-session.command.js';
import { RecordMessageHandler } from './commands/record-message.command.js';
import { ResumeSessionHandler, SessionResumption } from './commands/resume-session.command.js';
import { SessionsRepository } from './commands/sessions.repository.js';
import { StartSessionHandler } from './commands/start-session.command.js';
import { coachingSessionContract } from './contracts/coaching-session.contract.js';
import { coachingTopicContract } from './contracts/coaching-topic.contract.js';
import { CoachingTopics } from './domain/coaching-topic.js';
import { AllSessionsHttpController } from './http/all-sessions.http.controller.js';
import { CoachingHttpController } from './http/coaching.http.controller.js';
import { SessionAutoPauseJob } from './jobs/session-auto-pause.job.js';
import { SessionExpiryJob } from './jobs/session-expiry.job.js';
import { coachingMessagesProjection } from './projections/coaching-messages.projection.js';
import { coachingSessionsProjection } from './projections/coaching-sessions.projection.js';
import { CheckSessionHandler } from './queries/check-session.query.js';
import { GetSessionHandler } from './queries/get-session.query.js';
import { ListAllSessionsHandler } from './queries/list-all-sessions.query.js';
import { ListMessagesHandler } from './queries/list-messages.query.js';
import { ListSessionsHandler } from './queries/list-sessions.query.js';
import { ListTopicsHandler } from './queries/list-topics.query.js';
import { SessionViews } from './queries/session-views.js';

/** Coaching sessions: everything of this context, on one page. */
@Module({
  controllers: [CoachingHttpController, AllSessionsHttpController],
  providers: [
    {
      provide: CoachingSettings,
      inject: [ENVIRONMENT],
      useFactory: (environment: NodeJS.ProcessEnv) => loadSettings(CoachingSettings, environment),
    },
    { provide: CoachingTopics, inject: [CoachingSettings], useFactory: topicsOf },
    // commands
    SessionsRepository,
    OwnSessions,
    AutomaticPause,
    ActiveSessions,
    SessionResumption,
    CoachingMetrics,
    StartSessionHandler,
    RecordMessageHandler,
    PauseSessionHandler,
    ResumeSessionHandler,
    CompleteSessionHandler,
    CancelSessionHandler,
    AbandonSessionHandler,
    AutoPauseSessionHandler,
    ExpireSessionHandler,
    // queries
    SessionViews,
    GetSessionHandler,
    ListSessionsHandler,
    ListAllSessionsHandler,
    ListMessagesHandler,
    CheckSessionHandler,
    ListTopicsHandler,
    // jobs
    SessionAutoPauseJob,
    SessionExpiryJob,
  ],
})
export class CoachingModule {
  constructor(
    codec: EventCodec,
    projections: ProjectionEngine,
    jobs: JobScheduler,
    autoPause: SessionAutoPauseJob,
    expiry: SessionExpiryJob,
  ) {
    codec.registerCategory(coachingSessionContract);
    codec.registerCategory(coachingTopicContract);
    projections.register(coachingSessionsProjection);
    projections.register(coachingMessagesProjection);
    jobs.register(autoPause);
    jobs.register(expiry);
  }
}
