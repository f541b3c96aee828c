import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { CoachingMetrics } from '../coaching-metrics.js';
import { resumeSession } from '../domain/coaching-session.decisions.js';
import type { ResumeReason } from '../domain/coaching-session.events.js';
import type { SessionOwner } from '../domain/session-owner.js';
import { ActiveSessions, SessionConflict } from './active-sessions.js';
import { candidateOf } from './candidate.js';
import type { LoadedSession } from './sessions.repository.js';
import { SessionsRepository } from './sessions.repository.js';

/** The caller takes a paused session up again. */
export class ResumeSessionCommand extends Command<LoadedSession> {
  constructor(
    readonly sessionId: string,
    readonly owner: SessionOwner,
    readonly context: CommandContext,
  ) {
    super();
  }
}

/** Bringing a paused session back, by its user's wish or by a message: both have to take the topic. */
@Injectable()
export class SessionResumption {
  constructor(
    private readonly active: ActiveSessions,
    private readonly sessions: SessionsRepository,
    private readonly clock: Clock,
    private readonly metrics: CoachingMetrics,
  ) {}

  /**
   * @throws {SessionCommandRefused} not there, not the caller's, or not paused
   * @throws {SessionConflict} another session is active in the topic; nothing changes
   */
  async resume(
    sessionId: string,
    owner: SessionOwner,
    reason: ResumeReason,
    context: CommandContext,
  ): Promise<LoadedSession> {
    const { topic_id: topicId } = (await this.sessions.get(sessionId, owner)).state;
    const place = { tenantId: owner.tenantId, topicId };
    const { session } = await this.active.activate(place, context, async (present) => {
      const { state, revision } = await this.sessions.get(sessionId, owner);
      const decision = resumeSession(state, { by: owner.userId, reason, at: this.clock.now() });
      const proposal = candidateOf(sessionId, owner.userId, revision, decision);
      if (!present) return proposal;
      this.metrics.conflicts.inc();
      throw new SessionConflict(topicId);
    });
    this.metrics.activations.inc({ reason });
    return session;
  }
}

@CommandHandler(ResumeSessionCommand)
export class ResumeSessionHandler implements ICommandHandler<ResumeSessionCommand> {
  constructor(private readonly resumption: SessionResumption) {}

  execute({ sessionId, owner, context }: ResumeSessionCommand): Promise<LoadedSession> {
    return this.resumption.resume(sessionId, owner, 'manual', context);
  }
}
