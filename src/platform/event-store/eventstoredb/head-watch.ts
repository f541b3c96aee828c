import type { Position } from '../event-store.port.js';

/** How often, and how long an answer may take. Milliseconds. */
const WATCH = { everyMs: 1_000, patienceMs: 5_000 };

/**
 * Asks for the head once a second while anybody follows the events: other instances and other services write too, and a
 * store that no longer answers would leave a subscription silent, which is how one looks that has nothing to say.
 */
export class HeadWatch {
  private timer: NodeJS.Timeout | undefined;
  private running = false;

  /**
   * @param head reads the position of the last event, within so many milliseconds
   * @param onSilence told when no answer came
   */
  constructor(
    private readonly head: (timeoutMs: number) => Promise<Position | null>,
    private readonly onSilence: () => void,
  ) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    this.again();
  }

  stop(): void {
    this.running = false;
    clearTimeout(this.timer);
  }

  private again(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.look(), WATCH.everyMs).unref();
  }

  private async look(): Promise<void> {
    try {
      await this.head(WATCH.patienceMs);
    } catch {
      // Why has been said to the connection, by the read.
      this.onSilence();
    }
    if (this.running) this.again();
  }
}
