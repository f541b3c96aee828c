import type {
  CoachingSessionEvent,
  MessageRole,
  SessionAbandoned,
  SessionAutoPaused,
  SessionStarted,
} from '../../src/coaching/domain/coaching-session.events.js';
import { BUILT_IN_TOPICS, TOPIC_DEFAULTS } from '../../src/coaching/domain/coaching-topic.js';
import type { CoachingTopic } from '../../src/coaching/domain/coaching-topic.js';
import type { InactivityRule } from '../../src/coaching/domain/inactivity-rule.js';

/** Histories of a session for tests: each function is one event, its data what the test does not care about unless given. */
export const NOON = Date.parse('2026-03-04T12:00:00.000Z');
export const MINUTE = 60_000;
export const DAY = 86_400_000;
export const SESSION_ID = 'sess_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01';

export const at = (minutes: number): number => NOON + minutes * MINUTE;
export const time = (minutes: number): string => new Date(at(minutes)).toISOString();

export const CORE_VALUES: CoachingTopic = BUILT_IN_TOPICS[0] ?? {
  topic_id: 'core_values',
  name: 'Core Values Discovery',
  ...TOPIC_DEFAULTS,
};

/** The defaults of the service. */
export const RULE: InactivityRule = { timeout: { minutes: 30, source: 'topic' }, clock: 'updated_at' };

/** Started at noon by ada. */
export function started(data: Partial<SessionStarted['data']> = {}): SessionStarted {
  return {
    type: 'SessionStarted',
    data: {
      session_id: SESSION_ID,
      tenant_id: 'acme',
      topic_id: 'core_values',
      user_id: 'ada',
      session_number: 1,
      max_turns: 0,
      started_at: time(0),
      expires_at: time(14 * 24 * 60),
      ...data,
    },
  };
}

/** A message, minutes after noon. */
export function said(minutes: number, role: MessageRole = 'user', number = 1): CoachingSessionEvent {
  return {
    type: 'SessionMessageRecorded',
    data: { message_number: number, role, content: 'Hello.', recorded_at: time(minutes) },
  };
}

export function paused(minutes: number, by = 'ada'): CoachingSessionEvent {
  return { type: 'SessionPaused', data: { paused_by: by, paused_at: time(minutes) } };
}

export function autoPaused(minutes: number, data: Partial<SessionAutoPaused['data']> = {}): CoachingSessionEvent {
  return {
    type: 'SessionAutoPaused',
    data: {
      topic_id: 'core_values',
      user_id: 'ada',
      inactive_minutes: minutes,
      timeout_minutes: 30,
      timeout_source: 'topic',
      last_update_at: time(0),
      inactivity_clock: 'updated_at',
      paused_at: time(minutes),
      ...data,
    },
  };
}

export function resumed(minutes: number, wasAutoPaused = true): CoachingSessionEvent {
  return {
    type: 'SessionResumed',
    data: { resumed_by: 'ada', reason: 'manual', resumed_at: time(minutes), was_auto_paused: wasAutoPaused },
  };
}

export function completed(minutes: number, result: unknown = { values: ['care'] }): CoachingSessionEvent {
  return { type: 'SessionCompleted', data: { completed_by: 'ada', result, completed_at: time(minutes) } };
}

export function cancelled(minutes: number): CoachingSessionEvent {
  return { type: 'SessionCancelled', data: { cancelled_by: 'ada', cancelled_at: time(minutes) } };
}

export function abandoned(minutes: number, reason: SessionAbandoned['data']['reason'] = 'manual'): SessionAbandoned {
  return { type: 'SessionAbandoned', data: { abandoned_by: 'ada', reason, abandoned_at: time(minutes) } };
}
