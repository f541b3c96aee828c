import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** The program as users run it: compiled, in a process of its own. */
export const ROOT = join(import.meta.dirname, '../..');
export const DORMOUSE = join(ROOT, 'dist/cli/main.js');

const BUILD_WITHIN_MS = 240_000;
const run = promisify(execFile);

/** Builds dist/ where it is stale. Specs run side by side; one of them builds and the others wait for it. */
export async function buildProgram(): Promise<void> {
  const lock = new DatabaseSync(join(tmpdir(), 'dormouse-e2e-build.lock'), { timeout: BUILD_WITHIN_MS });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    await run(process.execPath, ['scripts/build.mjs', '--if-stale'], { cwd: ROOT });
  } finally {
    lock.close();
  }
}

/** The environment of a program that knows nothing of the one who runs the tests. */
export function cleanEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const foreign =
    /^(AWS_|CML_|WORKER_|LAB_|DORMOUSE_|npm_|EVENTSTORE_|MONGODB_|NODE_OPTIONS$|PORT$|HOST$|DATA_DIR$|LOG_)/;
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return { ...Object.fromEntries(kept), ...environment };
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs. */
export class Running {
  private out = '';
  private err = '';
  private readonly closed: Promise<unknown>;

  private constructor(readonly child: ChildProcess) {
    this.closed = once(child, 'close');
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.err += text));
  }

  static dormouse(args: readonly string[], environment: NodeJS.ProcessEnv): Running {
    return Running.node([DORMOUSE, ...args], environment);
  }

  static node(args: readonly string[], environment: NodeJS.ProcessEnv): Running {
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
    return new Running(spawn(process.execPath, args, { cwd: ROOT, env: cleanEnvironment(environment), stdio }));
  }

  get stdout(): string {
    return this.out;
  }

  /** Waits until standard output matches. @throws when the program ends, or the time is over, without */
  async printed(what: RegExp, withinMs: number): Promise<RegExpExecArray> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const match = what.exec(this.out);
      if (match) return match;
      const ended = this.child.exitCode !== null || this.child.signalCode !== null;
      if (ended || performance.now() > deadline) {
        throw new Error(`Never printed ${String(what)}.\nStandard output:\n${this.out}\nStandard error:\n${this.err}`);
      }
      await sleep(50);
    }
  }

  /** Sends a signal, when given, and waits for the end. */
  async end(signal?: NodeJS.Signals): Promise<Finished> {
    if (signal && this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    await this.closed;
    return { code: this.child.exitCode, stdout: this.out, stderr: this.err };
  }
}

/** Runs one command to its end. */
export function dormouse(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<Finished> {
  return Running.dormouse(args, environment).end();
}

/** The lines of a text that a program printed. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Ids of the processes that a process has started and that run. */
export async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']);
  return linesOf(stdout)
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []));
}

/** True while there is a process with this id (a zombie that nobody has waited for is none). */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    const { stdout } = await run('ps', ['-o', 'stat=', '-p', String(pid)]);
    return !stdout.trim().startsWith('Z') && stdout.trim() !== '';
  } catch (error) {
    // ps says by its exit code that there is none.
    if ((error as { code?: unknown }).code === 1) return false;
    throw error;
  }
}

/** Waits for a condition. */
export async function until(condition: () => Promise<boolean>, what: string, withinMs = 15_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Never happened: ${what}`);
    await sleep(50);
  }
}
