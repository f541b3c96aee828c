/**
 * The service's time. Countdowns run against it: the clock of the machine that the page is looked at on may be wrong.
 */
export class ServerClock {
  private offsetMs = 0;

  constructor(private readonly local: () => number = () => Date.now()) {}

  /** Epoch ms. */
  now(): number {
    return this.local() + this.offsetMs;
  }

  /**
   * Learns the difference from a question and its answer. The service's clock was read somewhere in between: halfway is
   * wrong by at most half of the time that it took.
   *
   * @param askedAt and @param answeredAt local, epoch ms @param serverTime as the service answered, epoch ms
   */
  learn(askedAt: number, answeredAt: number, serverTime: number): void {
    if (Number.isFinite(serverTime)) this.offsetMs = serverTime - (askedAt + answeredAt) / 2;
  }

  /** Local epoch ms, to be handed to {@link learn}. */
  localNow(): number {
    return this.local();
  }
}
