import { Inject, Injectable } from '@nestjs/common';
import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { LOGGER } from '../../platform/observability/logger.js';
import { CoachingMetrics } from '../coaching-metrics.js';
import { CoachingSettings } from '../coaching-settings.js';
import { autoPauseSession } from '../domain/coaching-session.decisions.js';
import { CoachingTopics } from '../domain/coaching-topic.js';
import { SessionsRepository } from './sessions.repository.js';

/** Pauses a session that has been quiet for too long, if it still is. Answers whether this command paused it. */
export class AutoPauseSessionCommand extends Command<{ paused: boolean }> {
  constructor(
    readonly sessionId: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

/** The automatic pause, for the sweep and for who comes upon a session that nobody took up. */
@Injectable()
export class AutomaticPause {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly topics: CoachingTopics,
    private readonly clock: Clock,
    private readonly metrics: CoachingMetrics,
    @Inject(CoachingSettings) private readonly settings: CoachingSettings,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /**
   * Pauses the session if it is active and has been quiet for longer than its topic allows.
   * @returns whether this command paused it
   * @throws {SessionCommandRefused} session_not_found
   */
  async pauseIfInactive(sessionId: string, context: CommandContext): Promise<boolean> {
    const clock = this.settings.COACHING_INACTIVITY_CLOCK;
    const { events } = await this.sessions.transact(sessionId, context, (state) =>
      autoPauseSession(state, (topicId) => ({ timeout: this.topics.timeoutOf(topicId), clock }), this.clock.now()),
    );
    for (const event of events) {
      if (event.type !== 'SessionAutoPaused') continue;
      const { topic_id, inactive_minutes } = event.data;
      this.metrics.autoPauses.inc();
      this.log.info({ session_id: sessionId, topic_id, inactive_minutes }, 'session.auto_paused');
    }
    return events.length > 0;
  }
}

@CommandHandler(AutoPauseSessionCommand)
export class AutoPauseSessionHandler implements ICommandHandler<AutoPauseSessionCommand> {
  constructor(private readonly automaticPause: AutomaticPause) {}

  /** @throws {SessionCommandRefused} session_not_found */
  async execute({ sessionId, context }: AutoPauseSessionCommand): Promise<{ paused: boolean }> {
    return { paused: await this.automaticPause.pauseIfInactive(sessionId, context) };
  }
}
