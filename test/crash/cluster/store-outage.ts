import { setTimeout as delay } from 'node:timers/promises';
import { SystemClock } from '../../../src/platform/clock.js';
import type { SeededRandom } from '../../../src/simulated-lab/seeded-random.js';
import type { Harm } from './cluster-steps.js';
import type { ClusterWorld } from './cluster-world.js';
import type { SharedStore } from './stores.js';

/** A store is away for so long, ms. */
const AWAY_MS = [800, 2_500, 5_000] as const;

/** Within so long everything goes on by itself once it is back, ms. */
const BACK_WITHIN_MS = 30_000;

/**
 * Takes a store away for a while, and waits until all instances are ready again and the jobs run: nobody touches them.
 *
 * @returns milliseconds from the return of the store until then
 */
export async function storeOutage(
  store: SharedStore,
  harm: Harm,
  world: ClusterWorld,
  random: SeededRandom,
): Promise<number> {
  const clock = new SystemClock();
  await (harm === 'kill' ? store.kill() : store.freeze());
  await delay(random.pick(AWAY_MS));
  await (harm === 'kill' ? store.restart() : store.thaw());
  const backAt = clock.now();
  while (!(await isAtWork(world, backAt))) {
    if (clock.now() - backAt > BACK_WITHIN_MS) {
      throw new Error(`${BACK_WITHIN_MS / 1_000} s after ${store.name} came back the service does not work yet.`);
    }
    await delay(100);
  }
  return clock.now() - backAt;
}

async function isAtWork({ instances, shared }: ClusterWorld, since: number): Promise<boolean> {
  const healths = await Promise.all(instances.map((instance) => instance.health()));
  if (!healths.every((health) => health?.status === 'ready')) return false;
  const record = (await shared.jobs()).get('activity-detection')?.last_run;
  return record?.outcome === 'succeeded' && Date.parse(record.started_at) > since;
}
