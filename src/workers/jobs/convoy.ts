/**
 * Lets those who arrive within a short time go on together. What they do next, they do in one turn of the event loop, and
 * so share what it has to wait for: appends go into one commit.
 */
export class Convoy {
  private waiting: (() => void)[] = [];
  private departure: NodeJS.Timeout | undefined;

  /**
   * @param size so many do not wait for more
   * @param patienceMs the longest that anybody waits, milliseconds
   */
  constructor(
    private readonly size: number,
    private readonly patienceMs: number,
  ) {}

  /** Resolves when the convoy sets out: it is complete, or its first member has waited long enough. */
  join(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      if (this.waiting.length >= this.size) this.setOut();
      else this.departure ??= setTimeout(() => this.setOut(), this.patienceMs);
    });
  }

  private setOut(): void {
    clearTimeout(this.departure);
    this.departure = undefined;
    const members = this.waiting;
    this.waiting = [];
    for (const goOn of members) goOn();
  }
}
