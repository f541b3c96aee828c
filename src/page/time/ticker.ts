import type { ServerClock } from './server-clock.js';

const SECOND = 1_000;

/** One timer for everything that shows passing time. It runs while anybody listens, and ticks as the second changes. */
export class Ticker {
  private readonly listeners = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private at: number;

  constructor(private readonly clock: Pick<ServerClock, 'now'>) {
    this.at = clock.now();
  }

  /** The time at the last tick: the same for all who ask in between. Epoch ms, by the service's clock. */
  readonly now = (): number => this.at;

  /** @returns ends it */
  readonly listen = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    if (this.timer === undefined) this.tick();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      clearTimeout(this.timer);
      this.timer = undefined;
    };
  };

  private tick(): void {
    this.at = this.clock.now();
    // A little after the second's change, for timers may come a little early.
    this.timer = setTimeout(() => this.tick(), SECOND - (this.at % SECOND) + 5);
    for (const listener of this.listeners) listener();
  }
}
