import type { Fence } from '../read-models/read-model-store.port.js';

/**
 * Who may do a thing alone: run a projection, run a job, stop a worker. Embedded runs solo, so there a lease only
 * excludes the rest of this process; shared stores answer for all instances, by the database's clock, with a fence.
 */
export abstract class Leases {
  /** Waits until the lease is free, takes it. @throws the signal's reason when `signal` aborts first */
  abstract acquire(name: string, signal?: AbortSignal): Promise<Lease>;

  /** Takes the lease if nobody has it. */
  abstract tryAcquire(name: string): Promise<Lease | undefined>;

  /** Runs `work` while holding the lease. */
  async hold<T>(name: string, work: (lease: Lease) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const lease = await this.acquire(name, signal);
    try {
      return await work(lease);
    } finally {
      await lease.release();
    }
  }
}

export interface Lease {
  readonly name: string;
  /** Aborts when the lease is lost, with the reason; never in solo mode. */
  readonly lost: AbortSignal;
  /** Passed with writes that only the holder may make; undefined in solo mode, where no one else can write. */
  readonly fence: Fence | undefined;
  release(): Promise<void>;
}
