import { Inject, Injectable } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { Clock } from '../../platform/clock.js';
import { stepOf } from '../../platform/commands/command-context.js';
import { DormouseError, messageOf } from '../../platform/errors.js';
import type { Job, JobRun, JobSummary } from '../../platform/jobs/job.js';
import { sweep } from '../../platform/jobs/sweep.js';
import { LOGGER } from '../../platform/observability/logger.js';
import { MINUTE } from '../../platform/time/idle-clock.js';
import { CoachingMetrics } from '../coaching-metrics.js';
import { CoachingSettings } from '../coaching-settings.js';
import { AutoPauseSessionCommand } from '../commands/auto-pause-session.command.js';
import { CoachingTopics } from '../domain/coaching-topic.js';
import { gapsBetween, restBehind } from '../domain/topic-gaps.js';
import type { TopicGap } from '../domain/topic-gaps.js';
import { SessionViews } from '../queries/session-views.js';

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
      await this.sweepTopics(run, counts);
    } catch (error) {
      this.log.error({ error: messageOf(error), paused_count: counts.paused }, 'auto_pause.failed');
      throw error;
    }
    const failed = counts.failed === 0 ? {} : { failed_count: counts.failed };
    this.log.info({ paused_count: counts.paused, ...failed }, 'auto_pause.completed');
    return { paused_sessions: counts.paused, ...(counts.failed === 0 ? {} : { failed_sessions: counts.failed }) };
  }

  /** A defect that meets a session of one topic does not keep the others from theirs; the run fails at its end. */
  private async sweepTopics(run: JobRun, counts: Counts): Promise<void> {
    let defect: { readonly error: unknown } | undefined;
    for (const { topicId, minutes } of await this.topicsToSweep()) {
      try {
        await this.sweepTopic(topicId, minutes, run, counts);
      } catch (error) {
        if (error instanceof DormouseError) throw error;
        defect ??= { error };
      }
    }
    if (defect) throw defect.error;
  }

  /** Every topic that may have active sessions, shortest timeout first. */
  private async topicsToSweep(): Promise<{ topicId: string; minutes: number }[]> {
    const known = this.topics.all().map(({ topic_id }) => topic_id);
    const all = [...known, ...(await this.goneTopics(known))];
    return all
      .map((topicId) => ({ topicId, minutes: this.topics.timeoutOf(topicId).minutes }))
      .sort((a, b) => a.minutes - b.minutes);
  }

  /**
   * Topics that are not there any more and still have active sessions. They are looked for between the names of those that
   * are, where usually nothing is: not by going through all active sessions, nor by asking the store to sort them.
   */
  private async goneTopics(known: readonly string[]): Promise<string[]> {
    const gone: string[] = [];
    for (const gap of gapsBetween(known)) {
      let found = await this.firstActiveTopicIn(gap);
      while (found !== undefined) {
        gone.push(found);
        found = await this.firstActiveTopicIn(restBehind(found, gap));
      }
    }
    return gone;
  }

  private async firstActiveTopicIn({ gte, lte }: TopicGap): Promise<string | undefined> {
    const [first] = await this.views.sessions.find({
      where: { status: 'active', topic_id: { gte, lte } },
      orderBy: { field: 'topic_id', direction: 'asc' },
      limit: 1,
    });
    return first?.document.topic_id;
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
      { signal: run.signal, failed },
      async (sessionId) => {
        const command = new AutoPauseSessionCommand(sessionId, stepOf(run.context, sessionId));
        if ((await this.commandBus.execute(command)).paused) counts.paused++;
      },
    );
  }
}
