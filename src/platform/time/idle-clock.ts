/**
 * The clock that every idle rule reads: how long has nothing happened, and is that long enough? What counts as happening,
 * which timeout holds, and whether its end itself is late enough, each context says on its own.
 */
export const MINUTE = 60_000;

/** Where the clock stands. Times are epoch milliseconds, UTC. */
export interface IdleClock {
  /** Never negative: one that begins in the future has not begun. */
  readonly idleMs: number;
  /** The timeout's end, if nothing happens until then. */
  readonly dueAt: number;
  /** The timeout's end is there: true from exactly then on. */
  readonly reached: boolean;
  /** The timeout's end is over: at exactly that time it is not. */
  readonly passed: boolean;
}

/**
 * @param now epoch ms
 * @param since when something happened last, epoch ms
 * @param timeoutMinutes may be a decimal
 */
export function idleClock(now: number, since: number, timeoutMinutes: number): IdleClock {
  const dueAt = since + timeoutMinutes * MINUTE;
  return { idleMs: Math.max(0, now - since), dueAt, reached: now >= dueAt, passed: now > dueAt };
}
