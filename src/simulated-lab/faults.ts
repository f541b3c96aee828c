/** Which requests a fault is for. */
export interface FaultScope {
  /** What is asked for: an EC2 action such as `StopInstances`, or a CML path such as `/telemetry/events`. Absent: anything. */
  readonly target?: string;
  /** How many requests (default 1); `Infinity` until {@link FaultQueue.clear}. */
  readonly times?: number;
}

/** Faults waiting for the requests they are meant for; the oldest that fits is used first. */
export class FaultQueue<F> {
  private waiting: { fault: F; target: string | undefined; left: number }[] = [];

  add(fault: F, scope: FaultScope = {}): void {
    this.waiting.push({ fault, target: scope.target, left: scope.times ?? 1 });
  }

  /** The fault that a request for `target` meets, used up by it. */
  take(target: string): F | undefined {
    const entry = this.waiting.find((w) => w.target === undefined || w.target === target);
    if (!entry) return undefined;
    entry.left--;
    if (entry.left <= 0) this.waiting = this.waiting.filter((w) => w !== entry);
    return entry.fault;
  }

  clear(): void {
    this.waiting = [];
  }
}
