/** One telemetry event as CML answers it, its timestamp made exact. */
export interface TelemetryEvent {
  /** ISO 8601, UTC, milliseconds, ends in `Z`. */
  readonly timestamp: string;
  readonly category: string;
  readonly data: { readonly [key: string]: unknown };
}

/** What counts as a user's activity. */
export interface RelevanceRule {
  /** Categories that count (setting WORKER_ACTIVITY_RELEVANT_CATEGORIES). */
  readonly categories: readonly string[];
  /** Regular expression; a `user_activity` whose `data.user_id` matches it does not count. */
  readonly excludedUserPattern: string;
  /** User ids whose `user_activity` does not count either: the service's own account, when that is asked for. */
  readonly excludedUserIds?: readonly string[];
}

/**
 * What earlier checks have seen, by CML's clock. Kept in the worker's state, so that what is new is judged by what CML
 * has shown and not by when we looked.
 */
export interface TelemetryMemory {
  /** Newest timestamp CML has shown so far, never beyond our own now of that check. Epoch ms; null before the first check. */
  readonly watermark: number | null;
  /** Relevant events newer than this are recognised by `seen`; older ones are old. Epoch ms; null before the first check. */
  readonly since: number | null;
  /** Fingerprints of the relevant events newer than `since` that were counted already. */
  readonly seen: readonly string[];
}

export const NO_TELEMETRY_SEEN: TelemetryMemory = { watermark: null, since: null, seen: [] };

/** What one reading of the telemetry says. Bounded in size however long the history is. */
export interface TelemetryReading {
  /** Events in the answer. */
  readonly total: number;
  /** Events that could not be read (bad timestamp, no category, not an object): skipped and counted. */
  readonly malformed: number;
  /** New relevant events, newest first, at most as many as asked for. */
  readonly newEvents: readonly TelemetryEvent[];
  /** How many new relevant events there are in all. */
  readonly newCount: number;
  /** Latest time of activity among the new relevant events, never beyond now. Epoch ms; null when there are none. */
  readonly lastActivityAt: number | null;
  /** To be kept for the next reading. */
  readonly memory: TelemetryMemory;
}
