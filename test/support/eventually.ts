import { setTimeout as delay } from 'node:timers/promises';

/** Waits until `condition` holds. @throws when it does not within `withinMs` milliseconds */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Not within ${withinMs} ms: ${what}.`);
    await delay(2);
  }
}
