import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until `condition` holds.
 *
 * @param what for the error; a function: made when it is needed
 * @throws when it does not within `withinMs` milliseconds
 */
export async function eventually(
  what: string | (() => string),
  condition: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > end)
      throw new Error(`Not within ${withinMs} ms: ${typeof what === 'string' ? what : what()}.`);
    await delay(2);
  }
}
