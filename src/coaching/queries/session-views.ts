import { Injectable } from '@nestjs/common';
import { ProjectionEngine } from '../../platform/projections/projection-engine.js';
import type { View } from '../../platform/projections/view.js';
import { SessionCommandRefused } from '../commands/sessions.repository.js';
import { NOT_FOUND } from '../domain/coaching-session.decisions.js';
import type { SessionOwner } from '../domain/session-owner.js';
import { accessTo } from '../domain/session-owner.js';
import type { MessageDocument } from '../projections/coaching-messages.projection.js';
import { coachingMessagesProjection } from '../projections/coaching-messages.projection.js';
import type { SessionDocument } from '../projections/coaching-sessions.projection.js';
import { coachingSessionsProjection } from '../projections/coaching-sessions.projection.js';

/** Messages `after` a number, `limit` of them, oldest first. */
export interface MessagePage {
  readonly items: readonly MessageDocument[];
  /** Where the next page begins; null on the last one. */
  readonly next: number | null;
}

/** The read models of coaching sessions, as queries and jobs ask them. */
@Injectable()
export class SessionViews {
  constructor(private readonly projections: ProjectionEngine) {}

  get sessions(): View<SessionDocument> {
    return this.projections.view<SessionDocument>(coachingSessionsProjection.name);
  }

  get messages(): View<MessageDocument> {
    return this.projections.view<MessageDocument>(coachingMessagesProjection.name);
  }

  /** @throws {SessionCommandRefused} session_not_found (also for another tenant's), session_forbidden (another user's) */
  async get(sessionId: string, owner: SessionOwner): Promise<SessionDocument> {
    const session = (await this.sessions.get(sessionId))?.document;
    const refusal = accessTo(session, owner);
    if (!session || refusal) throw new SessionCommandRefused(refusal ?? NOT_FOUND);
    return session;
  }

  /** The user's latest session in a topic. */
  async latest({ tenantId, userId }: SessionOwner, topicId: string): Promise<SessionDocument | undefined> {
    const [found] = await this.sessions.find({
      where: { tenant_id: tenantId, user_id: userId, topic_id: topicId },
      orderBy: { field: 'session_number', direction: 'desc' },
      limit: 1,
    });
    return found?.document;
  }

  /** The session that is active in a tenant's topic, whoever's it is. */
  async activeIn(tenantId: string, topicId: string): Promise<SessionDocument | undefined> {
    const where = { tenant_id: tenantId, topic_id: topicId, status: 'active' };
    const [found] = await this.sessions.find({ where, limit: 1 });
    return found?.document;
  }

  /** A page of a session's messages. */
  async messagesAfter(sessionId: string, after: number, limit: number): Promise<MessagePage> {
    const found = await this.messages.find({
      where: { session_id: sessionId, message_number: { gt: after } },
      orderBy: { field: 'message_number', direction: 'asc' },
      limit: limit + 1,
    });
    const items = found.slice(0, limit).map(({ document }) => document);
    return { items, next: found.length > limit ? (items.at(-1)?.message_number ?? null) : null };
  }

  /** The newest messages of a session, oldest first. */
  async newestMessages(sessionId: string, limit: number): Promise<readonly MessageDocument[]> {
    const found = await this.messages.find({
      where: { session_id: sessionId },
      orderBy: { field: 'message_number', direction: 'desc' },
      limit,
    });
    return found.map(({ document }) => document).reverse();
  }
}
