import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DataDirectory } from '../../platform/data-directory/data-directory.js';
import type { LabAnnouncement } from '../../simulated-lab/lab-announcement.js';
import type { Narration } from '../../simulated-lab/narration.js';
import { CliError } from '../service-api.js';

/** SIGTERM to SIGKILL. The service itself stops within 10 s. */
const END_WITHIN_MS = 12_000;
const LOOK_EVERY_MS = 50;

/** One of the two programs that the demo runs: each in a process of its own, neither outliving the demo. */
class DemoProcess {
  /** Rejects when the process ends without being told to. */
  readonly lost: Promise<never>;
  private readonly exited: Promise<unknown>;
  private ending = false;

  constructor(
    private readonly name: string,
    protected readonly child: ChildProcess,
    private readonly logFile: string,
  ) {
    this.exited = once(child, 'exit');
    this.lost = new Promise((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        if (!this.ending) void this.obituary(code ?? signal).then(reject, reject);
      });
    });
    // Whoever starts the process races this against what it waits for; nobody may be waiting at the moment.
    this.lost.catch(() => undefined);
  }

  /** Ends the process and waits for that. Idempotent. */
  async end(): Promise<void> {
    this.ending = true;
    if (this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined) return;
    this.child.kill('SIGTERM');
    const force = setTimeout(() => this.child.kill('SIGKILL'), END_WITHIN_MS);
    await this.exited;
    clearTimeout(force);
  }

  private async obituary(how: number | string | null): Promise<CliError> {
    const log = (await readFile(this.logFile, 'utf8')).trimEnd().split('\n');
    return new CliError(
      'demo_failed',
      `The ${this.name} has ended unexpectedly (${how}). Its last lines:`,
      log.slice(-10),
    );
  }
}

/** The simulated lab (src/simulated-lab). */
export class LabProcess extends DemoProcess {
  private constructor(
    child: ChildProcess,
    logFile: string,
    /** What the lab tells, line by line. */
    private readonly lines: AsyncIterator<string, undefined>,
  ) {
    super('simulated lab', child, logFile);
  }

  static start(environment: NodeJS.ProcessEnv, logFile: string): LabProcess {
    // It ends when its standard input closes, which this process holds open by living.
    const child = start([programAt('../../simulated-lab/main.js')], environment, logFile, (log) => [
      'pipe',
      'pipe',
      log,
    ]);
    if (!child.stdout) throw new Error('The simulated lab has no standard output.');
    return new LabProcess(child, logFile, createInterface({ input: child.stdout })[Symbol.asyncIterator]());
  }

  async announcement(): Promise<LabAnnouncement> {
    const { value, done } = await Promise.race([this.lines.next(), this.lost]);
    if (done) return this.lost;
    return JSON.parse(value) as LabAnnouncement;
  }

  /** Hands over what happens in the lab until it ends. */
  async follow(take: (narration: Narration) => void): Promise<void> {
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done) return;
      take(JSON.parse(value) as Narration);
    }
  }
}

/** The ordinary service (src/main.ts). All that the demo adds is that it ends when the demo does. */
export class ServiceProcess extends DemoProcess {
  static start(environment: NodeJS.ProcessEnv, logFile: string): ServiceProcess {
    const args = ['--import', new URL('./end-with-parent.js', import.meta.url).href, programAt('../../main.js')];
    const child = start(args, environment, logFile, (log) => ['ignore', log, log, 'ipc']);
    return new ServiceProcess('service', child, logFile);
  }

  /** Where it listens, once it does. @throws {CliError} it ended instead @throws the signal's reason */
  async url(dataDirectory: string, signal: AbortSignal): Promise<string> {
    for (;;) {
      const url = DataDirectory.holder(dataDirectory)?.url;
      if (url) return url;
      await Promise.race([sleep(LOOK_EVERY_MS, undefined, { signal }), this.lost]);
    }
  }
}

/** A process on this Node, outside the terminal's process group: Ctrl-C reaches the demo, which ends things in order. */
function start(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  logFile: string,
  stdio: (log: number) => StdioOptions,
): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    return spawn(process.execPath, args, { env: environment, detached: true, stdio: stdio(log) });
  } finally {
    closeSync(log);
  }
}

function programAt(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
