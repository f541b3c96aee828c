import { setTimeout as delay } from 'node:timers/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Hit } from './cluster-trap.js';
import type { Watch } from './watch.js';

/** Between the end of a lease and the first look at who has it now there are a look, a start and a slow disk, ms. */
const ALLOWANCE_MS = 1_000;

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
      const within = leaseMs + ALLOWANCE_MS + (2 * noise.max) / 1e6;
      const late = [...done.values()].filter(({ taken, acted }) => Math.max(taken, acted ?? 0) > within);
      if (late.length > 0)
        throw new TooLate(
          late.map(({ lease }) => lease),
          within,
        );
      if (missing.length === 0) return [...done.values()];
      if (performance.now() - begun > within) throw new TooLate(missing, within);
      await delay(5);
    }
  } finally {
    noise.disable();
  }
}

/** Nobody has taken over in time. */
export class TooLate extends Error {
  constructor(leases: readonly string[], withinMs: number) {
    super(`${leases.join(', ')}: no other instance was at work within ${Math.round(withinMs)} ms`);
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
