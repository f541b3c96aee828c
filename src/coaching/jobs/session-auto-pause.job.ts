import { Inject, Injectable } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { Clock } from '../../platform/clock.js';
import { stepOf } from '../../platform/commands/command-context.js';
import { messageOf } from '../../platform/errors.js';
import type { Job, JobRun, JobSummary } from '../../platform/jobs/job.js';
import { LOGGER } from '../../platform/observability/logger.js';
import { CoachingMetrics } from '../coaching-metrics.js';
import { CoachingSettings } from '../coaching-settings.js';
import { AutoPauseSessionCommand } from '../commands/auto-pause-session.command.js';
import { CoachingTopics } from '../domain/coaching-topic.js';
import { SessionViews } from '../queries/session-views.js';
import { sweep } from './sweep.js';

const MINUTE = 60_000;
const PAGE = 500;
/** Appends that arrive together share a commit. */
const AT_ONCE = 16;

interface Counts {
  paused: number;
  failed: number;
}

/** Pauses the sessions that have been quiet for longer than their topic allows (source document: auto_pause_sessions). */
@Injectable()
export class SessionAutoPauseJob implements Job {
  readonly name = 'session-auto-pause';

  constructor(
    private readonly views: SessionViews,
    private readonly commandBus: CommandBus,
    private readonly topics: CoachingTopics,
    private readonly clock: Clock,
    private readonly metrics: CoachingMetrics,
    @Inject(CoachingSettings) private readonly settings: CoachingSettings,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  get intervalSeconds(): number {
    return this.settings.COACHING_AUTO_PAUSE_INTERVAL;
  }

  /** @returns `paused_sessions`, and `failed_sessions` when there are any */
  async run(run: JobRun): Promise<JobSummary> {
    const counts: Counts = { paused: 0, failed: 0 };
    try {
      for (const { topicId, minutes } of await this.topicsInUse()) await this.sweepTopic(topicId, minutes, run, counts);
    } catch (error) {
      this.log.error({ error: messageOf(error), paused_count: counts.paused }, 'auto_pause.failed');
      throw error;
    }
    const failed = counts.failed === 0 ? {} : { failed_count: counts.failed };
    this.log.info({ paused_count: counts.paused, ...failed }, 'auto_pause.completed');
    return { paused_sessions: counts.paused, ...(counts.failed === 0 ? {} : { failed_sessions: counts.failed }) };
  }

  /**
   * The topics that have active sessions, gone ones included, shortest timeout first. It leaps from one topic to the next in
   * the index, so its cost grows with the topics, not with their sessions.
   */
  private async topicsInUse(): Promise<{ topicId: string; minutes: number }[]> {
    const found: { topicId: string; minutes: number }[] = [];
    for (let before = ''; ;) {
      const [next] = await this.views.sessions.find({
        where: { status: 'active', topic_id: { gt: before } },
        orderBy: { field: 'topic_id', direction: 'asc' },
        limit: 1,
      });
      if (!next) return found.sort((a, b) => a.minutes - b.minutes);
      before = next.document.topic_id;
      found.push({ topicId: before, minutes: this.topics.timeoutOf(before).minutes });
    }
  }

  private async sweepTopic(topicId: string, minutes: number, run: JobRun, counts: Counts): Promise<void> {
    const clock = this.settings.COACHING_INACTIVITY_CLOCK;
    const where = { status: 'active', topic_id: topicId, [clock]: { lt: this.clock.now() - minutes * MINUTE } };
    const failed = (sessionId: string, error: unknown): void => {
      counts.failed++;
      this.metrics.sweepFailures.inc({ job: this.name });
      this.log.warn({ session_id: sessionId, topic_id: topicId, error: messageOf(error) }, 'session.auto_pause_failed');
    };
    await sweep(
      { view: this.views.sessions, where, orderBy: clock },
      { signal: run.signal, concurrency: AT_ONCE, pageSize: PAGE, failed },
      async (sessionId) => {
        const command = new AutoPauseSessionCommand(sessionId, stepOf(run.context, sessionId));
        if ((await this.commandBus.execute(command)).paused) counts.paused++;
      },
    );
  }
}
