import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import { statusAt } from '../domain/coaching-session.js';
import type { SessionStatus } from '../domain/coaching-session.js';
import type { CoachingTopic } from '../domain/coaching-topic.js';
import { CoachingTopics } from '../domain/coaching-topic.js';
import type { SessionOwner } from '../domain/session-owner.js';
import { SessionViews } from './session-views.js';

export const TOPIC_STATUSES = ['not_started', 'in_progress', 'paused', 'completed'] as const;

/** How far a user is in a topic. */
export type TopicStatus = (typeof TOPIC_STATUSES)[number];

const STATUS_OF: Readonly<Record<SessionStatus, TopicStatus>> = {
  active: 'in_progress',
  paused: 'paused',
  completed: 'completed',
  cancelled: 'not_started',
  abandoned: 'not_started',
};

export interface TopicWithStatus {
  readonly topic: CoachingTopic;
  readonly status: TopicStatus;
  /** The caller's latest session in the topic; null when there never was one. */
  readonly sessionId: string | null;
}

/** All topics, each with the caller's status in it: the latest session says it. */
export class ListTopicsQuery extends Query<readonly TopicWithStatus[]> {
  constructor(readonly owner: SessionOwner) {
    super();
  }
}

@QueryHandler(ListTopicsQuery)
export class ListTopicsHandler implements IQueryHandler<ListTopicsQuery> {
  constructor(
    private readonly views: SessionViews,
    private readonly topics: CoachingTopics,
    private readonly clock: Clock,
  ) {}

  execute({ owner }: ListTopicsQuery): Promise<readonly TopicWithStatus[]> {
    return Promise.all(this.topics.all().map((topic) => this.withStatus(topic, owner)));
  }

  private async withStatus(topic: CoachingTopic, owner: SessionOwner): Promise<TopicWithStatus> {
    const latest = await this.views.latest(owner, topic.topic_id);
    const status = latest ? STATUS_OF[statusAt(latest, this.clock.now())] : 'not_started';
    return { topic, status, sessionId: latest?.session_id ?? null };
  }
}
