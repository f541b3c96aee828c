import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import type { SessionOwner } from '../domain/session-owner.js';
import type { MessagePage } from './session-views.js';
import { SessionViews } from './session-views.js';

/** A page of a session's messages, in the order they were taken. */
export class ListMessagesQuery extends Query<MessagePage> {
  constructor(
    readonly sessionId: string,
    readonly owner: SessionOwner,
    /** Number of the last message that the caller has; 0 for the beginning. */
    readonly after: number,
    readonly limit: number,
  ) {
    super();
  }
}

@QueryHandler(ListMessagesQuery)
export class ListMessagesHandler implements IQueryHandler<ListMessagesQuery> {
  constructor(private readonly views: SessionViews) {}

  async execute({ sessionId, owner, after, limit }: ListMessagesQuery): Promise<MessagePage> {
    await this.views.get(sessionId, owner);
    return this.views.messagesAfter(sessionId, after, limit);
  }
}
