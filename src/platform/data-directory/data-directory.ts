import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SystemClock } from '../clock.js';
import type { Clock } from '../clock.js';
import { StoreFileRefused } from '../event-store/event-store.errors.js';
import { isLocked, notWritable } from '../sqlite/sqlite-problem.js';

/** The process that uses a data directory, as it says itself in `instance.json`. */
export interface InstanceInfo {
  readonly pid: number;
  /** Where it answers HTTP; null until it does. */
  readonly url: string | null;
  /** ISO 8601, UTC. */
  readonly started_at: string;
}

const LOCK_FILE = 'lock.sqlite';
const INSTANCE_FILE = 'instance.json';
const EVENTS_FILE = 'events.sqlite';

/** How long a claim waits for a lock, ms: somebody who only looks (see {@link DataDirectory.holder}) has it for less. */
const CLAIM_PATIENCE_MS = 250;

/**
 * The directory with everything that one process of the service keeps on disk. It belongs to one process at a time.
 *
 * The claim is a lock of the operating system on a small file (held through SQLite, which has locks on every platform),
 * so it ends with the process, `kill -9` included, and there is no stale lock file to clean up.
 */
export class DataDirectory {
  private constructor(
    /** Absolute. */
    readonly path: string,
    private readonly lock: DatabaseSync,
    private info: InstanceInfo,
  ) {}

  /**
   * Makes the directory where it is missing and claims it for this process.
   *
   * @throws {StoreFileRefused} `in_use` by another process, or `not_writable`
   */
  static claim(path: string, clock: Clock = new SystemClock()): DataDirectory {
    const directory = resolve(path);
    const info = { pid: process.pid, url: null, started_at: new Date(clock.now()).toISOString() };
    try {
      makeDirectory(directory);
      const claimed = new DataDirectory(directory, takeLock(directory), info);
      try {
        claimed.writeInfo();
        return claimed;
      } catch (error) {
        claimed.release();
        throw error;
      }
    } catch (error) {
      if (error instanceof StoreFileRefused) throw error;
      throw isLocked(error) ? inUse(directory, error) : notWritable('data directory', directory, error);
    }
  }

  /**
   * Who has the directory now; undefined when nobody has, or when the one who has it is just starting or stopping.
   *
   * @throws {StoreFileRefused} `not_writable` when the lock cannot be looked at
   */
  static holder(path: string): InstanceInfo | undefined {
    const directory = resolve(path);
    return isClaimed(directory) ? readInfo(directory) : undefined;
  }

  /** True when somebody has the directory now. @throws {StoreFileRefused} as {@link holder} */
  static isClaimed(path: string): boolean {
    return isClaimed(resolve(path));
  }

  /** True when there is an embedded history in the directory; it is not opened. */
  static holdsHistory(path: string): boolean {
    return existsSync(join(path, EVENTS_FILE));
  }

  /** Absolute path of a file in the directory. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Says where this process answers HTTP, for the command line to find it. */
  publish(url: string): void {
    this.info = { ...this.info, url };
    this.writeInfo();
  }

  /** Gives the directory back. Idempotent. */
  release(): void {
    if (!this.lock.isOpen) return;
    rmSync(this.file(INSTANCE_FILE), { force: true });
    this.lock.close();
  }

  /** Under another name first: a reader sees the old text or the new one, never half of it. */
  private writeInfo(): void {
    const unfinished = this.file(`${INSTANCE_FILE}.writing`);
    writeFileSync(unfinished, `${JSON.stringify(this.info)}\n`, { mode: 0o600 });
    renameSync(unfinished, this.file(INSTANCE_FILE));
  }
}

/**
 * Makes a directory and what is missing above it. Node's own `recursive` tries for seconds where a file system has no
 * room for directories at all (/proc).
 */
function makeDirectory(directory: string): void {
  if (existsSync(directory)) return;
  const parent = dirname(directory);
  if (!existsSync(parent)) makeDirectory(parent);
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Somebody else may have made it in between.
    if ((error as { code?: unknown }).code !== 'EEXIST') throw error;
  }
}

function takeLock(directory: string): DatabaseSync {
  const lock = new DatabaseSync(join(directory, LOCK_FILE), { timeout: CLAIM_PATIENCE_MS });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** Looks with a shared lock, which gets in nobody's way for longer than a claim waits. */
function isClaimed(directory: string): boolean {
  try {
    const lock = new DatabaseSync(join(directory, LOCK_FILE), { readOnly: true, timeout: 0 });
    try {
      lock.exec('SELECT count(*) FROM sqlite_schema');
      return false;
    } finally {
      lock.close();
    }
  } catch (error) {
    if (isLocked(error)) return true;
    if (isMissing(error)) return false;
    throw notWritable('data directory', directory, error);
  }
}

/** SQLITE_CANTOPEN: there is no lock file, so nobody ever claimed the directory. */
function isMissing(error: unknown): boolean {
  return (error as { errcode?: unknown }).errcode === 14;
}

function readInfo(directory: string): InstanceInfo | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, INSTANCE_FILE), 'utf8')) as InstanceInfo;
  } catch (error) {
    // Between taking the lock and writing the file, or between removing it and letting the lock go.
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  }
}

function inUse(directory: string, cause: unknown): StoreFileRefused {
  const holder = readInfo(directory);
  const who = holder ? `process ${holder.pid}` : 'another process';
  return new StoreFileRefused(
    'in_use',
    directory,
    `The data directory ${directory} is in use by ${who}. Stop it first, or name another directory (DATA_DIR).`,
    { cause },
  );
}
