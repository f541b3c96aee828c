import type { SerialisedAppend } from '../event-serialisation.js';
import type { AppendResult } from '../event-store.port.js';

/** What one append came to: its result, or why it was turned away. */
export type AppendOutcome = AppendResult | Error;

/** Bounds of one group: a large one holds up everything else in this process for as long as it takes. */
const MAX_GROUP_APPENDS = 256;
const MAX_GROUP_BYTES = 8 * 1024 * 1024;

interface Waiting {
  readonly append: SerialisedAppend;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (reason: Error) => void;
}

/**
 * Lets writers that arrive together wait for the disk together: appends queue until the event loop has had its turn
 * and are then written as one group. A lone writer loses nothing by it, the next turn comes at once.
 */
export class GroupCommit {
  private queue: Waiting[] = [];
  private scheduled: NodeJS.Immediate | undefined;

  /**
   * @param write writes a group and says what each append came to, in the same order; never throws
   */
  constructor(private readonly write: (group: readonly SerialisedAppend[]) => readonly AppendOutcome[]) {}

  /** Settles when the group that the append went into is written. */
  submit(append: SerialisedAppend): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.queue.push({ append, resolve, reject });
      this.schedule();
    });
  }

  /** Writes everything that waits, now. */
  drain(): void {
    while (this.queue.length > 0) this.writeGroup();
  }

  private schedule(): void {
    this.scheduled ??= setImmediate(() => {
      this.scheduled = undefined;
      this.writeGroup();
      if (this.queue.length > 0) this.schedule();
    });
  }

  private writeGroup(): void {
    const group = this.takeGroup();
    if (group.length === 0) return;
    const outcomes = this.write(group.map(({ append }) => append));
    group.forEach(({ resolve, reject }, index) => {
      const outcome = outcomes[index] ?? new Error('An append was not answered.');
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    });
  }

  private takeGroup(): Waiting[] {
    let count = 0;
    let bytes = 0;
    for (const { append } of this.queue) {
      bytes += append.bytes;
      if (count === MAX_GROUP_APPENDS || (count > 0 && bytes > MAX_GROUP_BYTES)) break;
      count++;
    }
    return this.queue.splice(0, count);
  }
}
