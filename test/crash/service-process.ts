import { spawn } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SystemClock } from '../../src/platform/clock.js';

const PROGRAM = join(import.meta.dirname, '../../dist/main.js');

/** The service never takes so long to get ready, or to stop, ms; if it does, that is a finding. */
const PATIENCE_MS = 60_000;

/** One life of the service: the built program as a process of its own. */
export class ServiceProcess {
  /** Epoch ms. */
  readonly startedAt = new SystemClock().now();
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Whether `untilReady` has seen it ready. */
  ready = false;
  private readonly signal: (signal: NodeJS.Signals) => void;
  private running = true;
  private killedByUs = false;

  /** @param logFile the service's output is added to it */
  constructor(
    private readonly url: string,
    environment: NodeJS.ProcessEnv,
    logFile: string,
  ) {
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, [PROGRAM], { env: environment, stdio: ['ignore', log, log] });
    closeSync(log);
    this.signal = (signal) => void child.kill(signal);
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        this.running = false;
        resolve({ code, signal });
      });
    });
  }

  /** False from the moment of the kill on. */
  get alive(): boolean {
    return this.running && !this.killedByUs;
  }

  /** `kill -9`: in effect before this returns. */
  kill(): void {
    this.killedByUs = true;
    this.signal('SIGKILL');
  }

  /** SIGSTOP: does nothing any more, while its connections stay open. */
  freeze(): void {
    this.signal('SIGSTOP');
  }

  /** SIGCONT: goes on where it was. */
  thaw(): void {
    this.signal('SIGCONT');
  }

  /** Asks it to stop. @throws when it does not exit 0 */
  async stop(): Promise<void> {
    this.signal('SIGTERM');
    const { code, signal } = await this.exited;
    if (code !== 0) throw new Error(`SIGTERM: the service ended with ${signal ?? `exit ${code}`} instead of exit 0.`);
  }

  /** @returns whether it became ready before it was killed @throws when it ended by itself or never became ready */
  async untilReady(): Promise<boolean> {
    const end = performance.now() + PATIENCE_MS;
    while (this.alive) {
      if ((this.ready = await this.isReady())) return true;
      if (performance.now() > end) throw new Error(`The service was not ready within ${PATIENCE_MS / 1000} s.`);
      await delay(15);
    }
    if (!this.killedByUs) throw new Error('The service ended by itself.');
    return false;
  }

  private async isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(5_000) })).ok;
    } catch {
      return false; // nobody listens yet, or it was killed just now
    }
  }
}
