import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';

/** The oldest Node that has all that the program uses: `node:sqlite`, Temporal and the rest of Node 26. */
export const OLDEST_NODE = 26;

/** Set for the program that {@link runOnNewerNode} starts, so that it does not look for a newer Node for ever. */
const CHOSEN = 'DORMOUSE_NODE_CHOSEN';

const LOOK_FOR_PARENT_MS = 250;

/** @param version such as `26.10.0` */
export function isNewEnough(version: string): boolean {
  return Number(version.split('.', 1)[0]) >= OLDEST_NODE;
}

/** The Node of the optional dependency `node`; undefined when it was not installed. */
export function bundledNode(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('node/bin/node');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * Runs the program again on the Node that was installed with it. Terminal, signals and exit code are those of this
 * process; when this process dies, that one ends.
 *
 * @param args the program's file and its arguments
 * @returns the exit code
 */
export async function runOnNewerNode(args: readonly string[]): Promise<number> {
  const node = process.env[CHOSEN] ? undefined : bundledNode();
  if (node === undefined) {
    process.stderr.write(
      `dormouse: Node ${OLDEST_NODE} or newer is needed, this is ${process.versions.node}. ` +
        `Install it, or run 'npm ci' without --omit=optional, which brings it along.\n`,
    );
    return 1;
  }
  const child = spawn(node, args, {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [CHOSEN]: 'yes' },
    // A process group of its own: a terminal's signals come here only, and are handed on once.
    detached: true,
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => child.kill(signal));
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

/**
 * Ends this process as SIGTERM does when the process that started it with a channel (`ipc`) goes away, `kill -9`
 * included. Without a channel nothing happens.
 */
export function endWithParent(): void {
  if (!process.channel) return;
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  // Waiting for the parent's end is no reason to stay.
  process.channel.unref();
}

/**
 * The same for a process that npm started. Its shell stands between: a signal or an end that the shell meets never gets
 * here, but leaves this process with another parent.
 */
export function endWithNpm(environment: NodeJS.ProcessEnv): void {
  if (environment['npm_lifecycle_event'] === undefined) return;
  const parent = process.ppid;
  const look = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(look);
    process.kill(process.pid, 'SIGTERM');
  }, LOOK_FOR_PARENT_MS);
  look.unref();
}
