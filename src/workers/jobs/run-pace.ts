import pLimit from 'p-limit';
import type { LimitFunction as Limit } from 'p-limit';
import type { CheckPace } from '../commands/detect-worker-idle.command.js';
import { Convoy } from './convoy.js';

/** So many checks are recorded together, if they come within this time; a commit of 16 takes little longer than one of 1. */
const RECORDED_TOGETHER = 16;
const PATIENCE_MS = 20;

/**
 * How the checks of one run go side by side: a bounded number asks CML or EC2 at a time, and while those who have their
 * answer wait to be recorded together, the next ones ask.
 */
export class RunPace implements CheckPace {
  private readonly underWay: Limit;
  private readonly asking: Limit;
  private readonly recording = new Convoy(RECORDED_TOGETHER, PATIENCE_MS);

  /**
   * @param askingAtOnce most checks that ask at a time
   * @param signal once it aborts nobody begins to ask
   */
  constructor(
    askingAtOnce: number,
    private readonly signal: AbortSignal,
  ) {
    this.asking = pLimit(askingAtOnce);
    this.underWay = pLimit(askingAtOnce + RECORDED_TOGETHER);
  }

  /** Begins a check when there is room for it: what is read and not recorded yet is bounded. */
  admit<T>(check: () => Promise<T>): Promise<T> {
    return this.underWay(check);
  }

  /** @throws the signal's reason */
  ask<T>(work: () => Promise<T>): Promise<T> {
    return this.asking(() => {
      this.signal.throwIfAborted();
      return work();
    });
  }

  toRecord(): Promise<void> {
    return this.recording.join();
  }
}
