import type { Logger } from 'pino';
import { messageOf } from '../../platform/errors.js';
import { OutageReasons } from '../../platform/observability/outage-reasons.js';
import { StaleFence } from '../../platform/read-models/read-model-store.errors.js';

/** What was delivered is stored within so long; a crash in between delivers it again. */
const SOON_MS = 250;

/** That nothing came is stored at most so often. */
const LATER_MS = 30_000;

/** After a failed write. */
const RETRY_MS = 1_000;

/** Writes what has changed, some time after it has: many deliveries cost one write. */
export class ProgressWriter {
  private timer: NodeJS.Timeout | undefined;
  private dueAt = Infinity;
  private isDirty = false;
  private writing: Promise<void> | undefined;
  private ended = false;
  private readonly outage = new OutageReasons();

  constructor(
    private readonly write: () => Promise<void>,
    private readonly log: Logger,
    /** Told when another instance writes now. */
    private readonly lost: (error: unknown) => void,
  ) {}

  changed(when: 'soon' | 'later'): void {
    this.isDirty = true;
    this.writeIn(when === 'soon' ? SOON_MS : LATER_MS);
  }

  /** Writes what is left, once. */
  async end(): Promise<void> {
    this.ended = true;
    clearTimeout(this.timer);
    await this.writing;
    if (this.isDirty) await this.tryWrite();
  }

  private writeIn(milliseconds: number): void {
    const dueAt = performance.now() + milliseconds;
    if (this.ended || this.writing || dueAt >= this.dueAt) return;
    clearTimeout(this.timer);
    this.dueAt = dueAt;
    this.timer = setTimeout(() => this.writeNow(), milliseconds).unref();
  }

  private writeNow(): void {
    this.dueAt = Infinity;
    this.writing = this.tryWrite().then((isDone) => {
      this.writing = undefined;
      if (this.isDirty) this.writeIn(isDone ? SOON_MS : RETRY_MS);
    });
  }

  /** @returns false when it could not be written */
  private async tryWrite(): Promise<boolean> {
    this.isDirty = false;
    try {
      await this.write();
      this.outage.over();
      return true;
    } catch (error) {
      if (error instanceof StaleFence) {
        this.lost(error);
        return true;
      }
      this.isDirty = true;
      const level = this.outage.isNews(messageOf(error)) ? 'warn' : 'debug';
      this.log[level]({ error: messageOf(error) }, 'push.progress_not_stored');
      return false;
    }
  }
}
