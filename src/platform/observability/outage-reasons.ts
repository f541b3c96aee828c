/** A failure that goes on is said again after so long, for who reads only the end of a log. */
const SAY_AGAIN_AFTER_MS = 10 * 60_000;

/** So many reasons of one outage are told apart; what changes more often is said like one that stays. */
const TOLD_APART = 10;

/**
 * Decides which failures of something that is tried again and again are worth a line: the first one, those that have
 * another reason than any before them, and then one in a while.
 */
export class OutageReasons {
  private readonly said = new Set<string>();
  private saidAt = -Infinity;

  /**
   * @param reason numbers in it (a time, a count of milliseconds) do not make it another one
   * @param now milliseconds of a monotonic clock
   */
  isNews(reason: string, now: number = performance.now()): boolean {
    const key = reason.replaceAll(/\d+/g, '0');
    const isNew = !this.said.has(key) && this.said.size < TOLD_APART;
    if (!isNew && now - this.saidAt < SAY_AGAIN_AFTER_MS) return false;
    this.said.add(key);
    this.saidAt = now;
    return true;
  }

  /** What failed works again; the next failure is news. @returns whether there was anything to get over */
  over(): boolean {
    const wasOut = this.said.size > 0;
    this.said.clear();
    this.saidAt = -Infinity;
    return wasOut;
  }
}
