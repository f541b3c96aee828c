import type { Fence } from '../read-models/read-model-store.port.js';
import { LeaseLost } from './leases.port.js';
import type { Lease } from './leases.port.js';
import type { MonotonicClock } from './monotonic-clock.js';

/**
 * A lease as its holder sees it: certain to be held until a moment of the holder's own clock. Its end is looked up
 * whenever it matters; the timer is only for those who wait for {@link lost}.
 */
export class HeldLease implements Lease {
  readonly fence: Fence;
  private readonly loss = new AbortController();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly name: string,
    readonly token: number,
    private until: number,
    private readonly clock: MonotonicClock,
    private readonly giveBack: (lease: HeldLease) => Promise<void>,
  ) {
    this.fence = { lease: name, token };
    this.watch();
  }

  get lost(): AbortSignal {
    return this.loss.signal;
  }

  /** Milliseconds for which it is certain to be held. */
  get remainingMs(): number {
    return this.lost.aborted ? 0 : Math.max(0, this.until - this.clock.now());
  }

  assertHeld(): void {
    if (this.remainingMs === 0) this.lose();
    this.lost.throwIfAborted();
  }

  /** It was renewed: certain until then. One that is known to be lost stays so. */
  extend(until: number): void {
    this.until = Math.max(this.until, until);
  }

  /** From now on it is not held any more, whatever the database says. */
  lose(): void {
    clearTimeout(this.timer);
    this.loss.abort(new LeaseLost(this.name));
  }

  async release(): Promise<void> {
    await this.giveBack(this);
  }

  private watch(): void {
    if (this.remainingMs === 0) return this.lose();
    this.timer = setTimeout(() => this.watch(), Math.ceil(this.remainingMs)).unref();
  }
}
