import type { CoachingSessionEvent } from '../../coaching/domain/coaching-session.events.js';
import { minutes, timeOfDay } from '../text.js';
import type { Told } from './narrator.js';

/** An event of the service's history, of the coaching session of the demo. */
export type TimedSessionEvent = CoachingSessionEvent & { readonly at: string };

/** What an event of a coaching session says. @param who whose session it is */
export function sessionTold(who: string, event: TimedSessionEvent): Told {
  const { at } = event;
  const told = (tone: Told['tone'], text: string, more: readonly string[] = []): Told => ({
    at,
    who,
    tone,
    text,
    more,
  });
  switch (event.type) {
    case 'SessionStarted':
      return told('decision', `starts a coaching session in ${event.data.topic_id}`);
    case 'SessionMessageRecorded':
      return told('lab', `${event.data.role === 'user' ? 'says' : 'the coach answers'}: ${event.data.content}`);
    case 'SessionAutoPaused':
      return autoPaused(told, event.data);
    case 'SessionResumed':
      return told('resume', `RESUMED by ${event.data.resumed_by}: ${event.data.reason}`, [
        'the session has its whole timeout ahead of it again',
      ]);
    case 'SessionPaused':
      return told('pause', `PAUSED by ${event.data.paused_by}`);
    case 'SessionCompleted':
      return told('decision', `completed by ${event.data.completed_by}`);
    case 'SessionCancelled':
      return told('decision', `cancelled by ${event.data.cancelled_by}`);
    case 'SessionAbandoned':
      return told('decision', `abandoned by ${event.data.abandoned_by}: ${event.data.reason}`);
  }
}

function autoPaused(
  told: (tone: Told['tone'], text: string, more: readonly string[]) => Told,
  data: Extract<CoachingSessionEvent, { type: 'SessionAutoPaused' }>['data'],
): Told {
  const from = data.timeout_source === 'topic' ? 'the topic’s' : 'the default';
  return told('session_pause', 'PAUSED by system: inactivity', [
    `quiet for ${minutes(data.inactive_minutes)}; the timeout is ${minutes(data.timeout_minutes)} (${from})`,
    `quiet since ${timeOfDay(data.last_update_at)} (${data.inactivity_clock})`,
    'nothing is lost, the topic is free for others, and a message brings it back',
  ]);
}
