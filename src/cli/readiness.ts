import { setTimeout as sleep } from 'node:timers/promises';
import type { Door } from './service-api.js';
import { CliError } from './service-api.js';

/** Longest wait for the read models to catch up. */
const READY_WITHIN_MS = 300_000;
const LOOK_EVERY_MS = 25;

/**
 * Waits until what is stored is visible: an answer that is behind would be a wrong one.
 *
 * @throws {CliError} not_ready @throws {ServiceUnreachable} @throws the signal's reason
 */
export async function untilReady(door: Door, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    signal.throwIfAborted();
    const { status, body } = await door.send({ method: 'GET', path: '/health/ready', headers: {} });
    if (status === 200) return;
    if (performance.now() > deadline) throw new CliError('not_ready', `The service does not get ready: ${body}`);
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}
