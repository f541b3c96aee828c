import type { Lease } from './leases.port.js';
import { Leases } from './leases.port.js';

/** Leases of a process that is alone with its stores: first come, first served, nothing expires. */
export class SoloLeases extends Leases {
  /** Per name, resolves when the present holder and all who wait in front have released. */
  private readonly tails = new Map<string, Promise<void>>();
  private readonly never = new AbortController().signal;

  async acquire(name: string, signal?: AbortSignal): Promise<Lease> {
    signal?.throwIfAborted();
    const before = this.tails.get(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    const tail = (before ?? Promise.resolve()).then(() => promise);
    this.tails.set(name, tail);
    void tail.then(() => {
      if (this.tails.get(name) === tail) this.tails.delete(name);
    });
    if (before) {
      try {
        await untilAborted(before, signal);
      } catch (error) {
        // Give up the place in the queue; whoever stands behind still waits for `before`.
        resolve();
        throw error;
      }
    }
    return {
      name,
      lost: this.never,
      assertHeld: () => undefined,
      fence: undefined,
      release: async () => {
        resolve();
        await tail;
      },
    };
  }

  async tryAcquire(name: string): Promise<Lease | undefined> {
    return this.tails.has(name) ? undefined : await this.acquire(name);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
