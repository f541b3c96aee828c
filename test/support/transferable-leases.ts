import { LeaseLost, Leases } from '../../src/platform/leases/leases.port.js';
import type { Lease } from '../../src/platform/leases/leases.port.js';

interface Waiting {
  readonly give: () => void;
}

interface Holder {
  readonly lost: AbortController;
  readonly token: number;
  /** False once the time has run out, whether or not the holder has noticed. */
  held: boolean;
}

/** Leases of several instances in one process, which can be taken from their holder as an expired one is. */
export class TransferableLeases {
  private readonly holders = new Map<string, Holder>();
  private readonly queues = new Map<string, Waiting[]>();
  private readonly tokens = new Map<string, number>();
  private instances = 0;

  /** The leases as one instance sees them. */
  instance(name = `instance-${++this.instances}`): Leases {
    return new InstanceLeases(this, name);
  }

  /** The present holder loses the lease; who waits longest gets it. */
  passOn(name: string): void {
    this.passOnUnnoticed(name)();
  }

  /**
   * The same while the holder is frozen: its `lost` does not abort, and only `assertHeld` tells, which looks at the clock.
   * @returns lets the holder's timers notice too
   */
  passOnUnnoticed(name: string): () => void {
    const holder = this.holders.get(name);
    if (holder) holder.held = false;
    this.holders.delete(name);
    this.queues.get(name)?.shift()?.give();
    return () => holder?.lost.abort(new LeaseLost(name));
  }

  /** Names of the leases that are held by anyone. */
  held(): string[] {
    return [...this.holders.keys()].toSorted();
  }

  /** Token of whoever got the lease last; what a shared store compares a fence with. */
  latestToken(name: string): number {
    return this.tokens.get(name) ?? 0;
  }

  take(name: string): Lease | undefined {
    if (this.holders.has(name)) return undefined;
    const token = this.latestToken(name) + 1;
    const holder: Holder = { lost: new AbortController(), token, held: true };
    this.tokens.set(name, token);
    this.holders.set(name, holder);
    return {
      name,
      lost: holder.lost.signal,
      assertHeld: () => {
        if (!holder.held) throw new LeaseLost(name);
      },
      fence: { lease: name, token },
      release: () => {
        holder.held = false;
        if (this.holders.get(name) === holder) {
          this.holders.delete(name);
          this.queues.get(name)?.shift()?.give();
        }
        return Promise.resolve();
      },
    };
  }

  async wait(name: string, signal?: AbortSignal): Promise<Lease> {
    for (;;) {
      signal?.throwIfAborted();
      const lease = this.take(name);
      if (lease) return lease;
      const { promise, resolve } = Promise.withResolvers<void>();
      const waiting = { give: () => resolve() };
      const queue = this.queues.get(name) ?? [];
      this.queues.set(name, [...queue, waiting]);
      signal?.addEventListener('abort', waiting.give, { once: true });
      await promise;
      this.queues.set(
        name,
        (this.queues.get(name) ?? []).filter((other) => other !== waiting),
      );
    }
  }
}

class InstanceLeases extends Leases {
  private readonly mine = new Set<Lease>();

  constructor(
    private readonly shared: TransferableLeases,
    override readonly instance: string,
  ) {
    super();
  }

  async acquire(name: string, signal?: AbortSignal): Promise<Lease> {
    return this.kept(await this.shared.wait(name, signal));
  }

  tryAcquire(name: string): Promise<Lease | undefined> {
    const lease = this.shared.take(name);
    return Promise.resolve(lease && this.kept(lease));
  }

  async close(): Promise<void> {
    for (const lease of this.mine) await lease.release();
    this.mine.clear();
  }

  private kept(lease: Lease): Lease {
    this.mine.add(lease);
    return lease;
  }
}
