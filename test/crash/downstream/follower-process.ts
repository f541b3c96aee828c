import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { receiptsIn } from './receipts.js';
import type { Receipt } from './receipts.js';

const PROGRAM = join(import.meta.dirname, 'follower.ts');

export type FollowerKind = 'stream' | 'pull' | 'webhook';

/** Where a follower kills itself, and the how-manieth time that it gets there. */
export interface Death {
  readonly at: 'received' | 'written' | 'kept';
  readonly after: number;
}

/** A follower with its folder, over all its lives. */
export class Follower {
  private child: ChildProcess | undefined;
  private exited: Promise<{ code: number | null }> = Promise.resolve({ code: null });
  private killedByUs = false;
  private hasRetired = false;

  /** @param environment what it needs beside its folder */
  constructor(
    readonly kind: FollowerKind,
    readonly folder: string,
    private readonly environment: NodeJS.ProcessEnv,
  ) {
    mkdirSync(folder, { recursive: true });
  }

  /** Starts a life; the one before has ended. */
  start(death?: Death): void {
    if (this.hasRetired) return;
    const log = openSync(join(this.folder, 'log'), 'a');
    const dying = death && { DIE_AT: death.at, DIE_AFTER: String(death.after) };
    const child = spawn(process.execPath, [PROGRAM, this.kind], {
      env: { PATH: process.env['PATH'], FOLDER: this.folder, ...this.environment, ...dying },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.child = child;
    this.killedByUs = death !== undefined;
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => resolve({ code }));
    });
  }

  kill(): void {
    this.killedByUs = true;
    this.child?.kill('SIGKILL');
  }

  /** Kills it, for the last time. */
  retire(): void {
    this.hasRetired = true;
    this.kill();
  }

  /** Resolves when its life is over. @throws when it was not a SIGKILL that ended it */
  async ended(): Promise<void> {
    const { code } = await this.exited;
    if (code === null && this.killedByUs) return;
    throw new Error(`The ${this.kind} follower ended by itself, with exit ${code}: see ${join(this.folder, 'log')}.`);
  }

  receipts(): Receipt[] {
    return receiptsIn(join(this.folder, 'receipts.ndjson'));
  }
}
