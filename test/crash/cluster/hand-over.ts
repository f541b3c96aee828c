import { setTimeout as delay } from 'node:timers/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Hit } from './cluster-trap.js';
import type { Watch } from './watch.js';

/** From the end of a lease to the first act of the next holder there are some calls to the stores, ms. */
const ALLOWANCE_MS = 1_000;

/** So many calls to MongoDB, one after the other, at most: each may be as slow as the slowest that the test has seen. */
const CALLS = 6;

/** Runs so often that its first run after a hand-over does not have to wait for its turn. */
const FREQUENT_JOB = 'schedule/activity-detection';

/** Milliseconds from the harm to the holder until... */
export interface HandOver {
  readonly lease: string;
  /** ... another one was seen to have the lease. */
  readonly taken: number;
  /** ... that one had begun to do what the lease is for; null: it is done too seldom to tell. */
  readonly acted: number | null;
}

/**
 * Waits until other instances do everything that the one that was hit did for all: run projections, start jobs.
 *
 * @returns how long that took @throws {TooLate}
 */
export async function handOver(hit: Hit, watch: Watch, leaseMs: number): Promise<HandOver[]> {
  const noise = monitorEventLoopDelay({ resolution: 10 });
  noise.enable();
  watch.slowestMs = 0;
  const leases = hit.held.filter((lease) => lease.startsWith('schedule/') || lease.startsWith('projection/'));
  const begun = performance.now();
  try {
    const done = new Map<string, HandOver>();
    for (;;) {
      for (const lease of leases) {
        const found = seen(lease, hit, watch);
        if (found) done.set(lease, found);
      }
      const missing = leases.filter((lease) => !done.has(lease));
      const within = leaseMs + ALLOWANCE_MS + (2 * noise.max) / 1e6 + CALLS * watch.slowestMs;
      const isLate = [...done.values()].some(({ taken, acted }) => Math.max(taken, acted ?? 0) > within);
      if (isLate || (missing.length > 0 && performance.now() - begun > within)) {
        throw new TooLate([...done.values()], missing, within);
      }
      if (missing.length === 0) return [...done.values()];
      await delay(5);
    }
  } finally {
    noise.disable();
  }
}

/** Nobody has taken over in time. */
export class TooLate extends Error {
  constructor(done: readonly HandOver[], missing: readonly string[], withinMs: number) {
    const times = done.map(
      ({ lease, taken, acted }) => `${lease} was taken after ${taken} ms, at work after ${acted} ms`,
    );
    const none = missing.map((lease) => `${lease}: no other instance was at work`);
    super([...times, ...none, `allowed, on this machine at this moment: ${Math.round(withinMs)} ms`].join('\n'));
  }
}

function seen(lease: string, { at, life }: Hit, watch: Watch): HandOver | undefined {
  const after = <T extends { holder: string | null; at: number }>(all: readonly T[]): T | undefined =>
    all.find((entry) => entry.at > at && entry.holder !== life.name);
  const taken = after(watch.changesOf(lease));
  const isTimed = lease === FREQUENT_JOB || lease.startsWith('projection/');
  const acted = after(watch.actsOf(lease));
  if (!taken || (isTimed && !acted)) return undefined;
  return { lease, taken: taken.at - at, acted: isTimed && acted ? acted.at - at : null };
}
