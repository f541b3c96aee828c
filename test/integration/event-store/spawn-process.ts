import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** A second process, running TypeScript as it is. */
export interface SecondProcess {
  readonly pid: number;
  /** Lines it wrote to standard output so far. */
  readonly lines: string[];
  /** Resolves with the lines once there are so many of them. @throws when it ends before */
  waitForLines(count: number): Promise<string[]>;
  /** Ends it as `kill -9` does, and waits until it has ended. */
  kill(): Promise<void>;
  /** Resolves with its exit code. */
  readonly ended: Promise<number | null>;
}

const running = new Set<SecondProcess>();

/** Ends whatever still runs; after each test, so that one that fails leaves nothing behind. */
export async function killStarted(): Promise<void> {
  await Promise.all([...running].map((process) => process.kill()));
}

/**
 * Starts a file of this folder in a process of its own.
 *
 * @param through a shell command that runs `"$@"`, to start it under other conditions
 */
export function startProcess(file: string, args: string[], through = 'exec "$@"'): SecondProcess {
  const hooks = join(import.meta.dirname, '../../support/typescript-hooks.mjs');
  const command = [process.execPath, '--import', hooks, join(import.meta.dirname, file), ...args];
  const child: ChildProcessByStdio<null, Readable, null> = spawn('sh', ['-c', through, 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  const closed = once(reader, 'close');
  const started: SecondProcess = {
    pid: child.pid ?? 0,
    lines,
    ended: Promise.all([ended, closed]).then(([code]) => code),
    async waitForLines(count) {
      while (lines.length < count) {
        const hasMore = await Promise.race([once(reader, 'line').then(() => true), closed.then(() => false)]);
        if (!hasMore && lines.length < count) throw new Error(`It ended after ${lines.length} lines.`);
      }
      return lines;
    },
    async kill() {
      child.kill('SIGKILL');
      await Promise.all([ended, closed]);
    },
  };
  running.add(started);
  void started.ended.then(() => running.delete(started));
  return started;
}
