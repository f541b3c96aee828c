/**
 * What becomes of an append that reaches the server.
 *
 * - `answer`: written and answered
 * - `ignore`: taken from the wire, never written, never answered
 * - `swallow_answer`: written, never answered: only the answer is lost
 * - `die_before_commit`: the server dies before it writes
 * - `die_after_commit`: the server dies after it has written, before it answers
 */
export const APPEND_FAULTS = ['answer', 'ignore', 'swallow_answer', 'die_before_commit', 'die_after_commit'] as const;
export type AppendFault = (typeof APPEND_FAULTS)[number];

/** What becomes of a read (not a subscription) that reaches the server. */
export const READ_FAULTS = ['answer', 'ignore'] as const;
export type ReadFault = (typeof READ_FAULTS)[number];

/** What a server does to its connections when told to. */
export interface FaultActions {
  dropConnections(): void;
  endSubscriptions(): void;
  freeze(): void;
  thaw(): void;
}

/** The switches of a test server. All of them start, and are again after a restart, as a healthy server's. */
export class Faults {
  appends: AppendFault = 'answer';
  reads: ReadFault = 'answer';

  constructor(private readonly actions: FaultActions) {}

  /** Resets every connection; new ones are served. */
  dropConnections(): void {
    this.actions.dropConnections();
  }

  /** Ends every subscription with status OK, as a server does that has nothing more to say. */
  endSubscriptions(): void {
    this.actions.endSubscriptions();
  }

  /**
   * Like SIGSTOP: connections stay open and new ones are accepted, but nothing that arrives is looked at, nothing is
   * sent, and pings stay unanswered. What was on its way is handled after {@link thaw}.
   */
  freeze(): void {
    this.actions.freeze();
  }

  /** Like SIGCONT. */
  thaw(): void {
    this.actions.thaw();
  }

  /** Back to a healthy server. */
  heal(): void {
    this.appends = 'answer';
    this.reads = 'answer';
    this.thaw();
  }
}
