import { Inject } from '@nestjs/common';
import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { DocumentQuery } from '../../platform/read-models/read-model-store.port.js';
import { placeByNumber } from '../../platform/read-models/page-cursor.js';
import { CoachingSettings } from '../coaching-settings.js';
import type { SessionStatus } from '../domain/coaching-session.js';
import { CoachingTopics } from '../domain/coaching-topic.js';
import { judgeInactivity } from '../domain/inactivity-rule.js';
import type { SessionDocument } from '../projections/coaching-sessions.projection.js';
import { cursorOf } from './session-cursor.js';
import { SessionViews } from './session-views.js';

/** A session as those see it who watch over all of them: no word of what was said in it. Times are epoch ms. */
export interface SessionOverview {
  readonly session: SessionDocument;
  /** The topic's name; its id when the topic is gone. */
  readonly topicName: string;
  readonly timeoutMinutes: number;
  /** How the inactivity rule judges it; null unless it is active. */
  readonly inactivity: {
    readonly isIdle: boolean;
    readonly minutes: number;
    readonly autoPauseAt: number;
  } | null;
}

export interface SessionOverviewPage {
  readonly items: readonly SessionOverview[];
  /** Where the next page begins; null on the last one. */
  readonly next: string | null;
}

/** A page of the sessions of all tenants, newest first: when each will be paused, as of the time of the request. */
export class ListAllSessionsQuery extends Query<SessionOverviewPage> {
  constructor(
    readonly status: SessionStatus | undefined,
    readonly limit: number,
    /** `next` of the page before. */
    readonly after: string | undefined,
  ) {
    super();
  }
}

@QueryHandler(ListAllSessionsQuery)
export class ListAllSessionsHandler implements IQueryHandler<ListAllSessionsQuery> {
  constructor(
    private readonly views: SessionViews,
    private readonly topics: CoachingTopics,
    private readonly clock: Clock,
    @Inject(CoachingSettings) private readonly settings: CoachingSettings,
  ) {}

  async execute({ status, limit, after }: ListAllSessionsQuery): Promise<SessionOverviewPage> {
    const found = await this.views.sessions.find(allSessions(status, limit + 1, after));
    const sessions = found.slice(0, limit).map(({ document }) => document);
    const last = found.length > limit ? sessions.at(-1) : undefined;
    const at = this.clock.now();
    return { items: sessions.map((session) => this.overview(session, at)), next: last ? cursorOf(last) : null };
  }

  private overview(session: SessionDocument, at: number): SessionOverview {
    const { topic_id, status } = session;
    const timeout = this.topics.timeoutOf(topic_id);
    const clock = this.settings.COACHING_INACTIVITY_CLOCK;
    const { exceeded, inactive_minutes, auto_pause_at } = judgeInactivity(at, session, { timeout, clock });
    return {
      session,
      topicName: this.topics.get(topic_id)?.name ?? topic_id,
      timeoutMinutes: timeout.minutes,
      inactivity:
        status === 'active' ? { isIdle: exceeded, minutes: inactive_minutes, autoPauseAt: auto_pause_at } : null,
    };
  }
}

/**
 * What a page asks the store. Every session meets the condition on its start; with it each store sees that its index has
 * the order, and where in it the page begins.
 */
export function allSessions(
  status: SessionStatus | undefined,
  limit: number,
  after: string | undefined,
): DocumentQuery {
  const place = after === undefined ? undefined : placeByNumber(after);
  return {
    where: {
      ...(status === undefined ? {} : { status }),
      created_at: { gte: 0, ...(place ? { lte: place.value } : {}) },
    },
    orderBy: { field: 'created_at', direction: 'desc' },
    ...(place ? { after: place } : {}),
    limit,
  };
}
