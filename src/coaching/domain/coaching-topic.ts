/** What people are coached in, and the rules that come with it. Pure. */
export interface CoachingTopic {
  readonly topic_id: string;
  readonly name: string;
  /** An active session that has been quiet for longer is paused. */
  readonly inactivity_timeout_minutes: number;
  /** A session's life from its start; past it, it counts as abandoned. */
  readonly session_ttl_days: number;
  /** Messages of the user that a session takes; 0: any number. */
  readonly max_turns: number;
  /** Whether a message of its user brings an automatically paused session back. */
  readonly resume_on_message: boolean;
}

/** What a topic has unless it says otherwise. */
export const TOPIC_DEFAULTS: Omit<CoachingTopic, 'topic_id' | 'name'> = {
  inactivity_timeout_minutes: 30,
  session_ttl_days: 14,
  max_turns: 0,
  resume_on_message: true,
};

export const BUILT_IN_TOPICS: readonly CoachingTopic[] = [
  { topic_id: 'core_values', name: 'Core Values Discovery', ...TOPIC_DEFAULTS },
  { topic_id: 'purpose', name: 'Purpose Discovery', ...TOPIC_DEFAULTS },
  { topic_id: 'vision', name: 'Vision Crafting', ...TOPIC_DEFAULTS },
];

/** A timeout, and where it comes from: `default` is for sessions whose topic is gone. */
export interface InactivityTimeout {
  readonly minutes: number;
  readonly source: 'topic' | 'default';
}

/** The topics there are. Lookups are case-sensitive. */
export class CoachingTopics {
  private readonly byId: ReadonlyMap<string, CoachingTopic>;

  /** Of two topics with one id the later holds. */
  constructor(topics: readonly CoachingTopic[] = BUILT_IN_TOPICS) {
    this.byId = new Map(topics.map((topic) => [topic.topic_id, topic]));
  }

  get(topicId: string): CoachingTopic | undefined {
    return this.byId.get(topicId);
  }

  all(): readonly CoachingTopic[] {
    return [...this.byId.values()];
  }

  /** The timeout of a topic's sessions; a topic that is gone has the default one. */
  timeoutOf(topicId: string): InactivityTimeout {
    const topic = this.byId.get(topicId);
    return topic
      ? { minutes: topic.inactivity_timeout_minutes, source: 'topic' }
      : { minutes: TOPIC_DEFAULTS.inactivity_timeout_minutes, source: 'default' };
  }

  /** Whether a message brings a session of this topic back; for a topic that is gone, the default. */
  resumesOnMessage(topicId: string): boolean {
    return (this.byId.get(topicId) ?? TOPIC_DEFAULTS).resume_on_message;
  }
}
