import { Inject, Injectable } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { Clock } from '../../platform/clock.js';
import { stepOf } from '../../platform/commands/command-context.js';
import { messageOf } from '../../platform/errors.js';
import type { Job, JobRun, JobSummary } from '../../platform/jobs/job.js';
import { sweep } from '../../platform/jobs/sweep.js';
import { LOGGER } from '../../platform/observability/logger.js';
import { CoachingMetrics } from '../coaching-metrics.js';
import { CoachingSettings } from '../coaching-settings.js';
import { ExpireSessionCommand } from '../commands/expire-session.command.js';
import { SessionViews } from '../queries/session-views.js';

/**
 * Ends the sessions that are open past their expires_at. They count as abandoned from that moment, and block nobody; this
 * writes it down.
 */
@Injectable()
export class SessionExpiryJob implements Job {
  readonly name = 'session-expiry';

  constructor(
    private readonly views: SessionViews,
    private readonly commandBus: CommandBus,
    private readonly clock: Clock,
    private readonly metrics: CoachingMetrics,
    @Inject(CoachingSettings) private readonly settings: CoachingSettings,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  get intervalSeconds(): number {
    return this.settings.COACHING_EXPIRY_INTERVAL;
  }

  async run({ context, signal }: JobRun): Promise<JobSummary> {
    const counts = { expired_sessions: 0, failed_sessions: 0 };
    const failed = (sessionId: string, error: unknown): void => {
      counts.failed_sessions++;
      this.metrics.sweepFailures.inc({ job: this.name });
      this.log.warn({ session_id: sessionId, error: messageOf(error) }, 'session.expiry_failed');
    };
    for (const status of ['active', 'paused']) {
      const where = { status, expires_at: { lt: this.clock.now() } };
      await sweep(
        { view: this.views.sessions, where, orderBy: 'expires_at' },
        { signal, failed },
        async (sessionId) => {
          const command = new ExpireSessionCommand(sessionId, stepOf(context, sessionId));
          if ((await this.commandBus.execute(command)).expired) counts.expired_sessions++;
        },
      );
    }
    return counts;
  }
}
