import type { Position } from '../event-store/event-store.port.js';
import { pause } from './pause.js';

interface Waiter {
  readonly position: Position;
  readonly resolve: () => void;
}

/** How far a view is, and who waits for it to get further. */
export class AppliedPosition {
  private current: Position | null = null;
  private readonly waiters = new Set<Waiter>();
  private wanted = Promise.withResolvers<void>();

  /** Everything up to here is in the documents (or parked, or no affair of the projection's). */
  get value(): Position | null {
    return this.current;
  }

  set value(position: Position | null) {
    this.current = position;
    for (const waiter of this.waiters) {
      if (this.has(waiter.position)) waiter.resolve();
    }
  }

  has(position: Position): boolean {
    return this.current !== null && this.current >= position;
  }

  /** Resolves true once `position` has been applied, false when `signal` aborts first. */
  async reached(position: Position, signal?: AbortSignal): Promise<boolean> {
    if (this.has(position)) return true;
    if (signal?.aborted) return false;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter: Waiter = { position, resolve: () => resolve() };
    this.waiters.add(waiter);
    this.wanted.resolve();
    signal?.addEventListener('abort', waiter.resolve, { once: true });
    try {
      await promise;
    } finally {
      this.waiters.delete(waiter);
      signal?.removeEventListener('abort', waiter.resolve);
    }
    return this.has(position);
  }

  /** The same with a time limit in milliseconds. */
  async within(position: Position, timeoutMs: number): Promise<boolean> {
    if (this.has(position)) return true;
    const limit = new AbortController();
    const given = new AbortController();
    void pause(timeoutMs, given.signal).then(() => limit.abort());
    try {
      return await this.reached(position, limit.signal);
    } finally {
      given.abort();
    }
  }

  /** Resolves when someone waits for a position. */
  awaited(): Promise<void> {
    if (this.waiters.size > 0) return Promise.resolve();
    this.wanted = Promise.withResolvers<void>();
    return this.wanted.promise;
  }
}
