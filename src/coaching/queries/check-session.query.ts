import { Inject } from '@nestjs/common';
import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import { CoachingSettings } from '../coaching-settings.js';
import { UnknownTopic } from '../commands/start-session.command.js';
import { isTerminal, statusAt } from '../domain/coaching-session.js';
import type { SessionStatus } from '../domain/coaching-session.js';
import { CoachingTopics } from '../domain/coaching-topic.js';
import { judgeInactivity } from '../domain/inactivity-rule.js';
import type { SessionOwner } from '../domain/session-owner.js';
import type { SessionDocument } from '../projections/coaching-sessions.projection.js';
import { SessionViews } from './session-views.js';

/** What a start in the topic would find. Times are epoch ms. */
export interface SessionCheck {
  /** The caller's open session in the topic; null when there is none. */
  readonly session: {
    readonly session_id: string;
    /** As it counts now: an active one that a sweep would pause counts as paused. */
    readonly status: SessionStatus;
    /** As it is recorded. */
    readonly actual_status: SessionStatus;
    readonly is_idle: boolean;
    readonly inactive_minutes: number;
    /** null unless it is active. */
    readonly auto_pause_at: number | null;
  } | null;
  /** Another user's session is active in the topic. */
  readonly conflict: boolean;
}

/** Has the caller a session in this topic, is it idle, and when will it be paused? Computed at the time of the request. */
export class CheckSessionQuery extends Query<SessionCheck> {
  constructor(
    readonly topicId: string,
    readonly owner: SessionOwner,
  ) {
    super();
  }
}

@QueryHandler(CheckSessionQuery)
export class CheckSessionHandler implements IQueryHandler<CheckSessionQuery> {
  constructor(
    private readonly views: SessionViews,
    private readonly topics: CoachingTopics,
    private readonly clock: Clock,
    @Inject(CoachingSettings) private readonly settings: CoachingSettings,
  ) {}

  /** @throws {UnknownTopic} there is no such topic, and the caller has no session in it from when there was */
  async execute({ topicId, owner }: CheckSessionQuery): Promise<SessionCheck> {
    const [latest, active] = await Promise.all([
      this.views.latest(owner, topicId),
      this.views.activeIn(owner.tenantId, topicId),
    ]);
    if (!latest && !this.topics.get(topicId)) throw new UnknownTopic(this.topics);
    const at = this.clock.now();
    const conflict = active !== undefined && active.user_id !== owner.userId && statusAt(active, at) === 'active';
    return { session: latest && !isTerminal(statusAt(latest, at)) ? this.judge(latest, at) : null, conflict };
  }

  private judge(session: SessionDocument, at: number): NonNullable<SessionCheck['session']> {
    const timeout = this.topics.timeoutOf(session.topic_id);
    const clock = this.settings.COACHING_INACTIVITY_CLOCK;
    const { exceeded, inactive_minutes, auto_pause_at } = judgeInactivity(at, session, { timeout, clock });
    return {
      session_id: session.session_id,
      status: exceeded ? 'paused' : session.status,
      actual_status: session.status,
      is_idle: exceeded,
      inactive_minutes,
      auto_pause_at: session.status === 'active' ? auto_pause_at : null,
    };
  }
}
