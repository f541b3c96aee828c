/**
 * Who may be active in a tenant's topic: an aggregate of its own, one stream for each tenant and topic, whose latest event
 * says whose turn it is. docs/decisions/0020-one-active-session.md tells why, and proves it. Pure.
 */

/**
 * The event that makes a session active, exactly as it is to be written to the session's stream: whoever finds the claim
 * can write it, and everybody writes the same.
 */
export interface ClaimedActivation {
  readonly id: string;
  readonly type: string;
  readonly data: object;
  readonly metadata: object;
}

export interface TopicClaimed {
  readonly type: 'TopicClaimed';
  readonly data: {
    readonly tenant_id: string;
    readonly topic_id: string;
    readonly session_id: string;
    readonly user_id: string;
    /** Revision of the session's stream that the activation was decided at; -1: there is none yet. */
    readonly session_revision: number;
    readonly activation: ClaimedActivation;
    readonly claimed_at: string;
  };
}

export type TopicClaim = TopicClaimed['data'];

export interface TopicReservationState {
  /** The latest one: all before it are settled, and their sessions are not active. */
  readonly claim: TopicClaim | null;
}

export const TopicReservation = {
  category: 'coachingTopic',
  stateVersion: 1,
  initialState: { claim: null } as TopicReservationState,
  evolve: (state: TopicReservationState, event: TopicClaimed): TopicReservationState =>
    // Types that a later version may add pass by.
    (event.type as string) === 'TopicClaimed' ? { claim: event.data } : state,
} as const;

/**
 * The reservation's id, which stands behind `coachingTopic-` in the stream's name: tenant and topic, percent-encoded with
 * the dot as well, so that the dot between them is the only one and no two pairs share a stream.
 *
 * @throws {URIError} for text that is not well-formed Unicode
 */
export function reservationIdOf(tenantId: string, topicId: string): string {
  return `${encoded(tenantId)}.${encoded(topicId)}`;
}

function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll('.', '%2E');
}
