import { LeaseLost, Leases } from '../../src/platform/leases/leases.port.js';
import type { Lease } from '../../src/platform/leases/leases.port.js';

interface Waiting {
  readonly give: () => void;
}

/** Leases of several instances in one process, which can be taken from their holder as an expired one is. */
export class TransferableLeases {
  private readonly holders = new Map<string, { readonly lost: AbortController; readonly token: number }>();
  private readonly queues = new Map<string, Waiting[]>();
  private tokens = 0;

  /** The leases as one instance sees them. */
  instance(): Leases {
    return new InstanceLeases(this);
  }

  /** The present holder loses the lease; who waits longest gets it. */
  passOn(name: string): void {
    const holder = this.holders.get(name);
    this.holders.delete(name);
    this.queues.get(name)?.shift()?.give();
    holder?.lost.abort(new LeaseLost(name));
  }

  take(name: string): Lease | undefined {
    if (this.holders.has(name)) return undefined;
    const holder = { lost: new AbortController(), token: ++this.tokens };
    this.holders.set(name, holder);
    return {
      name,
      lost: holder.lost.signal,
      assertHeld: () => holder.lost.signal.throwIfAborted(),
      fence: { lease: name, token: holder.token },
      release: () => {
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
  constructor(private readonly shared: TransferableLeases) {
    super();
  }

  acquire(name: string, signal?: AbortSignal): Promise<Lease> {
    return this.shared.wait(name, signal);
  }

  tryAcquire(name: string): Promise<Lease | undefined> {
    return Promise.resolve(this.shared.take(name));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
