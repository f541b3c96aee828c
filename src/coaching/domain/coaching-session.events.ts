/**
 * Everything that can happen to a coaching session. Type and field names are the storage format: they never change. A new
 * shape gets a new schema version and an upcaster (see contracts/). Times are ISO 8601, UTC, ending in `Z`.
 */
import type { InactivityTimeout } from './coaching-topic.js';
import type { InactivityClock } from './inactivity-rule.js';

export const MESSAGE_ROLES = ['user', 'assistant'] as const;

/** Who says something in a session. */
export type MessageRole = (typeof MESSAGE_ROLES)[number];

/** What brought a session back: its user's wish, a start where it was paused, or a message. */
export type ResumeReason = 'manual' | 'start' | 'message';

/** `expired`: it was open past its expires_at. */
export type AbandonReason = 'manual' | 'expired';

type Event<T extends string, D extends object> = { readonly type: T; readonly data: Readonly<D> };

export type SessionStarted = Event<
  'SessionStarted',
  {
    session_id: string;
    tenant_id: string;
    topic_id: string;
    user_id: string;
    /** Counts the user's sessions in this topic, from 1. */
    session_number: number;
    max_turns: number;
    started_at: string;
    expires_at: string;
  }
>;

export type SessionMessageRecorded = Event<
  'SessionMessageRecorded',
  {
    /** Counts the session's messages, from 1. */
    message_number: number;
    role: MessageRole;
    content: string;
    recorded_at: string;
  }
>;

export type SessionPaused = Event<'SessionPaused', { paused_by: string; paused_at: string }>;

export type SessionAutoPaused = Event<
  'SessionAutoPaused',
  {
    topic_id: string;
    user_id: string;
    /** From last_update_at to the pause. */
    inactive_minutes: number;
    timeout_minutes: number;
    timeout_source: InactivityTimeout['source'];
    /** Where the inactivity was counted from: the session's updated_at, or its last_activity_at where that is the clock. */
    last_update_at: string;
    inactivity_clock: InactivityClock;
    paused_at: string;
  }
>;

export type SessionResumed = Event<
  'SessionResumed',
  { resumed_by: string; reason: ResumeReason; resumed_at: string; was_auto_paused: boolean }
>;

/** `result` is any JSON value. */
export type SessionCompleted = Event<
  'SessionCompleted',
  { completed_by: string; result: unknown; completed_at: string }
>;

export type SessionCancelled = Event<'SessionCancelled', { cancelled_by: string; cancelled_at: string }>;

export type SessionAbandoned = Event<
  'SessionAbandoned',
  { abandoned_by: string; reason: AbandonReason; abandoned_at: string }
>;

export type CoachingSessionEvent =
  | SessionStarted
  | SessionMessageRecorded
  | SessionPaused
  | SessionAutoPaused
  | SessionResumed
  | SessionCompleted
  | SessionCancelled
  | SessionAbandoned;
