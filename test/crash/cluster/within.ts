import { setTimeout as delay } from 'node:timers/promises';

/** What the work comes to, or undefined when that takes too long or fails. The work itself goes on. */
export async function within<T>(milliseconds: number, work: Promise<T>): Promise<T | undefined> {
  const late = delay(milliseconds, undefined, { ref: false });
  return await Promise.race([work.catch(() => undefined), late]);
}
