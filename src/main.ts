#!/usr/bin/env node
import { SettingsError } from './platform/config/settings.js';
import { DormouseError, messageOf } from './platform/errors.js';
import { Service } from './service.js';

/** SIGTERM to exit: what has not ended by then is cut off (it is safe to). */
const STOP_WITHIN_MS = 9_000;

/** The service as a process: starts, listens, and stops cleanly on SIGTERM or SIGINT. What fails ends the process. */
export async function runService(environment: NodeJS.ProcessEnv): Promise<void> {
  await serve(environment).catch(fail);
}

async function serve(environment: NodeJS.ProcessEnv): Promise<void> {
  // As the first process of a container this one has no default reaction to SIGTERM; and a start can take a while.
  const cancelled = (): never => process.exit(0);
  process.once('SIGTERM', cancelled);
  process.once('SIGINT', cancelled);
  const service = await Service.start({ environment });
  const stop = (signal: NodeJS.Signals): void => {
    service.log.info({ signal }, 'service.stopping');
    setTimeout(() => {
      service.log.warn({ after_ms: STOP_WITHIN_MS }, 'service.stop_cut_off');
      process.exit(0);
    }, STOP_WITHIN_MS).unref();
    service.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        service.log.error({ error: messageOf(error) }, 'service.stop_failed');
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, cancelled).once(signal, stop);
  try {
    await service.listen();
  } catch (error) {
    await service.stop();
    throw error;
  }
}

function fail(error: unknown): never {
  const expected = error instanceof SettingsError || error instanceof DormouseError;
  process.stderr.write(
    `dormouse: ${expected ? messageOf(error) : error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exit(1);
}

if (import.meta.main) await runService(process.env);
