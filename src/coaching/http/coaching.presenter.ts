import type { RecordMessageResult } from '../commands/record-message.command.js';
import { iso } from '../../platform/time/iso.js';
import type { StartedSession } from '../domain/coaching-session.js';
import type { MessageDocument } from '../projections/coaching-messages.projection.js';
import type { SessionCheck } from '../queries/check-session.query.js';
import type { SessionWithMessages } from '../queries/get-session.query.js';
import type { SessionOverview } from '../queries/list-all-sessions.query.js';
import type { TopicWithStatus } from '../queries/list-topics.query.js';
import type {
  MessageDto,
  MessageTakenDto,
  SessionCheckDto,
  SessionDto,
  SessionOverviewDto,
  SessionWithMessagesDto,
  TopicDto,
} from './coaching.answers.js';

/** Documents and results as the answers of the HTTP interface: epoch milliseconds become ISO 8601 UTC. */
export function sessionDto(session: StartedSession): SessionDto {
  return {
    session_id: session.session_id,
    tenant_id: session.tenant_id,
    topic_id: session.topic_id,
    user_id: session.user_id,
    status: session.status,
    message_count: session.message_count,
    turn_count: session.turn_count,
    max_turns: session.max_turns,
    created_at: iso(session.created_at),
    updated_at: iso(session.updated_at),
    last_activity_at: iso(session.last_activity_at),
    completed_at: iso(session.completed_at),
    expires_at: iso(session.expires_at),
    paused_by: session.paused_by,
    pause_reason: session.pause_reason,
    result: session.result_json === null ? null : (JSON.parse(session.result_json) as unknown),
  };
}

export function sessionOverviewDto(overview: SessionOverview): SessionOverviewDto {
  const { session, inactivity } = overview;
  return {
    session_id: session.session_id,
    tenant_id: session.tenant_id,
    topic_id: session.topic_id,
    topic_name: overview.topicName,
    user_id: session.user_id,
    status: session.status,
    pause_reason: session.pause_reason,
    paused_by: session.paused_by,
    created_at: iso(session.created_at),
    updated_at: iso(session.updated_at),
    last_activity_at: iso(session.last_activity_at),
    is_idle: inactivity?.isIdle ?? false,
    inactive_minutes: inactivity?.minutes ?? null,
    timeout_minutes: overview.timeoutMinutes,
    auto_pause_at: iso(inactivity?.autoPauseAt ?? null),
    expires_at: iso(session.expires_at),
  };
}

export function messageDto({
  message_number,
  role,
  content,
  recorded_at,
}: Omit<MessageDocument, 'session_id'>): MessageDto {
  return { message_number, role, content, recorded_at: iso(recorded_at) };
}

export function sessionWithMessagesDto({ session, messages }: SessionWithMessages): SessionWithMessagesDto {
  return { ...sessionDto(session), messages: messages.map(messageDto) };
}

export function messageTakenDto({ session, message, resumed }: RecordMessageResult): MessageTakenDto {
  return { ...sessionDto(session.state), message: { ...message }, resumed };
}

export function sessionCheckDto({ session, conflict }: SessionCheck): SessionCheckDto {
  return {
    has_session: session !== null,
    session_id: session?.session_id ?? null,
    status: session?.status ?? null,
    actual_status: session?.actual_status ?? null,
    is_idle: session?.is_idle ?? false,
    inactive_minutes: session?.inactive_minutes ?? null,
    auto_pause_at: iso(session?.auto_pause_at ?? null),
    conflict,
  };
}

export function topicDto({ topic, status, sessionId }: TopicWithStatus): TopicDto {
  return { ...topic, status, session_id: sessionId };
}
