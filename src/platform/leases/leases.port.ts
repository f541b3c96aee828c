import { DormouseError } from '../errors.js';
import type { Fence } from '../read-models/read-model-store.port.js';

/** This instance may not be the holder any more: another one may be at work. What was under way is not carried on. */
export class LeaseLost extends DormouseError {
  constructor(readonly lease: string) {
    super('lease_lost', 503, `The lease '${lease}' ran out; another instance may hold it now.`);
  }
}

/**
 * Who may do a thing alone: run a projection, run a job, stop a worker. Embedded runs solo, so there a lease only
 * excludes the rest of this process; shared stores answer for all instances, by the database's clock, with a fence.
 */
export abstract class Leases {
  /** This instance's name among those that share the stores, for records and health; undefined in solo mode. */
  readonly instance: string | undefined = undefined;

  /** Waits until the lease is free, takes it. @throws the signal's reason when `signal` aborts first */
  abstract acquire(name: string, signal?: AbortSignal): Promise<Lease>;

  /** Takes the lease if nobody has it. */
  abstract tryAcquire(name: string): Promise<Lease | undefined>;

  /** Gives back every lease that is held here, so that others need not wait for their time to run out. Idempotent. */
  abstract close(): Promise<void>;

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
  /** Aborts when the lease is lost, with a {@link LeaseLost}; never in solo mode. */
  readonly lost: AbortSignal;
  /**
   * Called right before an effect that cannot be fenced (a call to EC2). It looks at the clock itself, so that a process
   * that was frozen notices before its timers do. @throws {LeaseLost}
   */
  assertHeld(): void;
  /** Passed with writes that only the holder may make; undefined in solo mode, where no one else can write. */
  readonly fence: Fence | undefined;
  release(): Promise<void>;
}

/** Whether the lease is held at this moment, by the clock. */
export function isHeld(lease: Lease): boolean {
  try {
    lease.assertHeld();
    return true;
  } catch (error) {
    if (error instanceof LeaseLost) return false;
    throw error;
  }
}
