import type { CoachingSessionEvent } from './coaching-session.events.js';
import type { TopicClaimed } from './topic-reservation.js';

type Versions<T extends string> = { readonly [Type in T]: { readonly version: number } };

/**
 * Present schema version of every event type of the category `coachingSession`. When a shape changes: raise the version, add
 * `upcasters[old]`, and commit a sample of the new version beside the old ones (samples/).
 */
export const COACHING_SESSION_EVENT_TYPES: Versions<CoachingSessionEvent['type']> = {
  SessionStarted: { version: 1 },
  SessionMessageRecorded: { version: 1 },
  SessionPaused: { version: 1 },
  SessionAutoPaused: { version: 1 },
  SessionResumed: { version: 1 },
  SessionCompleted: { version: 1 },
  SessionCancelled: { version: 1 },
  SessionAbandoned: { version: 1 },
};

/** The same for the category `coachingTopic`. */
export const COACHING_TOPIC_EVENT_TYPES: Versions<TopicClaimed['type']> = {
  TopicClaimed: { version: 1 },
};
