import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A test server in a process of its own. */
export interface ServerProcess {
  readonly pid: number;
  readonly port: number;
  readonly connectionString: string;
  /** Where its faults are switched, see control.ts. */
  readonly controlUrl: string;
  /** Sends a signal: SIGSTOP and SIGCONT freeze and thaw. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it by a signal and waits until it has ended; nothing if it has. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Resolves when it has ended, with its exit code; null: by a signal. */
  readonly ended: Promise<number | null>;
}

/**
 * Starts main.mjs.
 *
 * @param options.directory keeps the data; default: a temporary one, removed when it has ended
 * @param options.port default: any free one
 */
export async function startServerProcess(options: { directory?: string; port?: number } = {}): Promise<ServerProcess> {
  const { port } = options;
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'eventstoredb-'));
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.mjs'), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '', PORT: String(port ?? 0), CONTROL_PORT: '0' },
  });
  const ended = once(child, 'exit').then(([code]) => {
    if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    return code as number | null;
  });
  const line = once(createInterface({ input: child.stdout }), 'line').then(([text]) => String(text));
  const early = ended.then((code) => Promise.reject(new Error(`The server ended at once, with code ${code}.`)));
  const ready = JSON.parse(await Promise.race([line, early])) as Record<string, unknown>;
  early.catch(() => undefined);
  return {
    pid: Number(child.pid),
    port: Number(ready['port']),
    connectionString: String(ready['connection_string']),
    controlUrl: String(ready['control_url']),
    signal: (signal) => void child.kill(signal),
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
    ended,
  };
}
