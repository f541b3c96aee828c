import { setTimeout as delay } from 'node:timers/promises';
import type { ProjectionOptions } from './projection-options.js';

/** Waits; ends early, without an error, when `signal` aborts. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(milliseconds, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/**
 * How long to wait after the nth failure in a row (from 1): doubling up to the maximum, and between half and all of
 * that, so that what failed together does not come back together.
 *
 * @param random from 0 to 1
 */
export function backoff(
  failures: number,
  { backoffMinMs, backoffMaxMs }: Pick<ProjectionOptions, 'backoffMinMs' | 'backoffMaxMs'>,
  random: number = Math.random(),
): number {
  const full = Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(failures - 1, 30));
  return full * (0.5 + random / 2);
}

/** Rejects with the signal's reason when it aborts; never resolves. */
export function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
