import { Inject } from '@nestjs/common';
import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { stepOf } from '../../platform/commands/command-context.js';
import { InvalidInput } from '../../platform/errors.js';
import { LOGGER } from '../../platform/observability/logger.js';
import { CoachingMetrics } from '../coaching-metrics.js';
import { resumeSession, startSession } from '../domain/coaching-session.decisions.js';
import { CoachingSession, isExpired, isTerminal } from '../domain/coaching-session.js';
import type { CoachingTopic } from '../domain/coaching-topic.js';
import { CoachingTopics } from '../domain/coaching-topic.js';
import type { SessionOwner } from '../domain/session-owner.js';
import type { Proposal } from './active-sessions.js';
import { ActiveSessions, SessionConflict } from './active-sessions.js';
import { candidateOf } from './candidate.js';
import { OwnSessions, sessionIdOf } from './own-sessions.js';
import type { LoadedSession } from './sessions.repository.js';
import { SessionsRepository } from './sessions.repository.js';

export interface StartSessionResult {
  readonly session: LoadedSession;
  /** True when the caller's own session goes on, active or paused before; false when a new one was started. */
  readonly resumed: boolean;
}

/** Starts a session in a topic, or takes the caller's own up again. */
export class StartSessionCommand extends Command<StartSessionResult> {
  constructor(
    readonly topicId: string,
    readonly owner: SessionOwner,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(StartSessionCommand)
export class StartSessionHandler implements ICommandHandler<StartSessionCommand> {
  constructor(
    private readonly active: ActiveSessions,
    private readonly own: OwnSessions,
    private readonly sessions: SessionsRepository,
    private readonly topics: CoachingTopics,
    private readonly clock: Clock,
    private readonly metrics: CoachingMetrics,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** @throws {InvalidInput} an unknown topic @throws {SessionConflict} another user's session is active */
  async execute({ topicId, owner, context }: StartSessionCommand): Promise<StartSessionResult> {
    const topic = this.topics.get(topicId);
    if (!topic) throw new UnknownTopic(this.topics);
    const place = { tenantId: owner.tenantId, topicId };
    const { session, by } = await this.active.activate(place, context, async (present) => {
      if (!present) return this.propose(topic, owner, context);
      if (present.state.user_id === owner.userId) return { content: present };
      this.metrics.conflicts.inc();
      throw new SessionConflict(topicId);
    });
    if (by !== null) this.metrics.activations.inc({ reason: 'start' });
    this.log.info({ session_id: session.state.session_id, topic_id: topicId, by }, 'session.started');
    return { session, resumed: by !== 'SessionStarted' };
  }

  /** The caller's paused session, else a new one. */
  private async propose(topic: CoachingTopic, owner: SessionOwner, context: CommandContext): Promise<Proposal> {
    const at = this.clock.now();
    const { latest, nextNumber } = await this.own.latest(owner, topic.topic_id);
    if (latest && isExpired(latest.state, at)) {
      const { session_id } = latest.state;
      await this.sessions.expire(session_id, stepOf(context, `expire ${session_id}`), at);
    } else if (latest && !isTerminal(latest.state.status)) {
      return resumption(latest, owner.userId, at);
    }
    const sessionId = sessionIdOf(owner, topic.topic_id, nextNumber);
    const start = { sessionId, ...owner, sessionNumber: nextNumber, topic, at };
    const decision = startSession(CoachingSession.initialState, start);
    return candidateOf(sessionId, owner.userId, -1, decision);
  }
}

/** One's own session that is not the active one: paused, or claimed and active since the topic was looked at. */
function resumption({ state, revision }: LoadedSession, by: string, at: number): Proposal {
  if (state.status === 'active') return 'look_again';
  const decision = resumeSession(state, { by, reason: 'start', at });
  return candidateOf(state.session_id, by, revision, decision);
}

/** 422: there is no such topic. */
export class UnknownTopic extends InvalidInput {
  constructor(topics: CoachingTopics) {
    const known = topics.all().map(({ topic_id }) => topic_id);
    super([{ field: 'topic_id', message: `one of ${known.join(', ')} is accepted` }]);
  }
}
