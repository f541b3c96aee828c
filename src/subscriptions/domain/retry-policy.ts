/** When an event that was not accepted is sent again, and when the service gives up. Pure; times are milliseconds. */

/** First and longest wait; it doubles in between. */
export const FIRST_RETRY_MS = 1_000;
export const LONGEST_RETRY_MS = 10 * 60_000;

/** A receiver may ask for more patience than that, up to here. */
export const LONGEST_RETRY_AFTER_MS = 3_600_000;

/**
 * How long to wait, whole milliseconds, after the nth attempt of an event has failed: doubling up to the longest, and between half and all of
 * that, so that what failed together does not come back together. What the receiver asked for is the least.
 *
 * @param attempts from 1
 * @param random from 0 to 1
 * @param retryAfterMs what the receiver asked for
 */
export function retryDelay(attempts: number, random: number, retryAfterMs?: number): number {
  const full = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 30));
  const own = Math.round(full * (0.5 + random / 2));
  return Math.max(own, Math.min(retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS));
}

/**
 * Whether failures have gone on for too long: since the first of them nothing at all was accepted.
 *
 * @param failingSince when the event that has failed for longest failed first
 * @param lastAcceptedAt null: never
 */
export function isHopeless(
  { failingSince, lastAcceptedAt }: { readonly failingSince: number; readonly lastAcceptedAt: number | null },
  patienceMs: number,
  now: number,
): boolean {
  return now - Math.max(failingSince, lastAcceptedAt ?? failingSince) >= patienceMs;
}
