import type { FeedEvent } from './feed-connection.js';

/** What events of a short while concern. */
export interface Changes {
  readonly workerIds: ReadonlySet<string>;
  readonly sessionIds: ReadonlySet<string>;
  /** Of the last of them. */
  readonly token: string;
}

const QUIET_MS = 120;
const LONGEST_MS = 600;

/**
 * Collects events, so that many at once, as a run of the detection makes them, are looked up together: until a short while
 * has passed without one, and not longer than a bearable while.
 */
export class ChangeBatch {
  private workerIds = new Set<string>();
  private sessionIds = new Set<string>();
  private token: string | undefined;
  private quiet: ReturnType<typeof setTimeout> | undefined;
  private latest: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly deliver: (changes: Changes) => void) {}

  add({ subject, position }: FeedEvent): void {
    const slash = subject.indexOf('/');
    const [kind, id] = [subject.slice(0, slash), subject.slice(slash + 1)];
    if (kind === 'cml_worker') this.workerIds.add(id);
    else if (kind === 'coaching_session') this.sessionIds.add(id);
    else return;
    this.token = position;
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.flush(), QUIET_MS);
    this.latest ??= setTimeout(() => this.flush(), LONGEST_MS);
  }

  /** Forgets what was collected: everything is looked up anyway. */
  clear(): void {
    clearTimeout(this.quiet);
    clearTimeout(this.latest);
    this.latest = undefined;
    this.token = undefined;
    this.workerIds = new Set();
    this.sessionIds = new Set();
  }

  private flush(): void {
    const { workerIds, sessionIds, token } = this;
    this.clear();
    if (token !== undefined) this.deliver({ workerIds, sessionIds, token });
  }
}
