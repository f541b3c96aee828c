import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import type { SessionOwner } from '../domain/session-owner.js';
import type { MessageDocument } from '../projections/coaching-messages.projection.js';
import type { SessionDocument } from '../projections/coaching-sessions.projection.js';
import { SessionViews } from './session-views.js';

/** So many of its newest messages come with a session; the others are on pages of their own. */
export const NEWEST_MESSAGES = 50;

export interface SessionWithMessages {
  readonly session: SessionDocument;
  /** The newest ones, oldest first. */
  readonly messages: readonly MessageDocument[];
}

/** One of the caller's sessions, with its newest messages. */
export class GetSessionQuery extends Query<SessionWithMessages> {
  constructor(
    readonly sessionId: string,
    readonly owner: SessionOwner,
  ) {
    super();
  }
}

@QueryHandler(GetSessionQuery)
export class GetSessionHandler implements IQueryHandler<GetSessionQuery> {
  constructor(private readonly views: SessionViews) {}

  async execute({ sessionId, owner }: GetSessionQuery): Promise<SessionWithMessages> {
    const session = await this.views.get(sessionId, owner);
    return { session, messages: await this.views.newestMessages(sessionId, NEWEST_MESSAGES) };
  }
}
