import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import type { SessionStatus } from '../domain/coaching-session.js';
import type { SessionOwner } from '../domain/session-owner.js';
import type { SessionDocument } from '../projections/coaching-sessions.projection.js';
import { placeByNumber } from '../../platform/read-models/page-cursor.js';
import { cursorOf } from './session-cursor.js';
import { SessionViews } from './session-views.js';

export interface SessionPage {
  readonly items: readonly SessionDocument[];
  /** Where the next page begins; null on the last one. */
  readonly next: string | null;
}

export interface SessionFilter {
  readonly status?: SessionStatus | undefined;
  readonly topicId?: string | undefined;
}

/** A page of the caller's sessions, newest first. */
export class ListSessionsQuery extends Query<SessionPage> {
  constructor(
    readonly owner: SessionOwner,
    readonly filter: SessionFilter,
    readonly limit: number,
    /** `next` of the page before. */
    readonly after: string | undefined,
  ) {
    super();
  }
}

@QueryHandler(ListSessionsQuery)
export class ListSessionsHandler implements IQueryHandler<ListSessionsQuery> {
  constructor(private readonly views: SessionViews) {}

  async execute({ owner, filter, limit, after }: ListSessionsQuery): Promise<SessionPage> {
    const found = await this.views.sessions.find({
      where: {
        tenant_id: owner.tenantId,
        user_id: owner.userId,
        ...(filter.topicId === undefined ? {} : { topic_id: filter.topicId }),
        ...(filter.status === undefined ? {} : { status: filter.status }),
      },
      orderBy: { field: 'created_at', direction: 'desc' },
      ...(after === undefined ? {} : { after: placeByNumber(after) }),
      limit: limit + 1,
    });
    const items = found.slice(0, limit).map(({ document }) => document);
    const last = found.length > limit ? items.at(-1) : undefined;
    return { items, next: last ? cursorOf(last) : null };
  }
}
