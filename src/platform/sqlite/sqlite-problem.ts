import { StoreFileRefused } from '../event-store/event-store.errors.js';
import { messageOf } from '../errors.js';

/** Primary result codes of SQLite (https://www.sqlite.org/rescode.html); the extended ones carry them in the low byte. */
const WHAT_TO_DO: Readonly<Record<number, string>> = {
  5: 'the file is locked by another connection; make sure that only this service uses it',
  7: 'there is not enough memory',
  8: 'the file cannot be written; check its permissions and that the file system is not read-only',
  10: 'the disk reported an input/output error; check the disk and the system log',
  11: 'the file is damaged; stop the service, keep a copy of it and restore a backup',
  13: 'the disk is full; free some space, the service then goes on by itself',
  14: 'the file or its directory cannot be opened; check that they exist and their permissions',
  26: 'the file is not a database any more; stop the service and restore a backup',
};

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const DAMAGED = new Set([11, 26]);

/** SQLITE_BUSY, SQLITE_READONLY and SQLITE_FULL. */
const WROTE_NOTHING = new Set([5, 8, 13]);

/** True for what SQLite itself reports: a failing disk, a lock, a violated constraint. */
export function isSqliteError(error: unknown): error is Error & { readonly errcode: number } {
  return typeof (error as { errcode?: unknown } | null | undefined)?.errcode === 'number';
}

/** True when SQLite found the file itself to be wrong, rather than the disk or the statement. */
export function isDamage(error: unknown): boolean {
  return isSqliteError(error) && DAMAGED.has(error.errcode & 0xff);
}

/** True when another connection holds the file. */
export function isLocked(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode & 0xff) === 5;
}

/** True when a write failed before anything of it could reach the file: full, read-only or locked. */
export function wroteNothing(error: unknown): boolean {
  return isSqliteError(error) && WROTE_NOTHING.has(error.errcode & 0xff);
}

/**
 * One sentence for people about a failure of SQLite: what was tried, what SQLite said, what to do.
 *
 * @param what what could not be done, e.g. `The event store could not write`
 */
export function describeSqliteFailure(what: string, path: string, error: unknown): string {
  const advice = isSqliteError(error) ? WHAT_TO_DO[error.errcode & 0xff] : undefined;
  return `${what} (${path}): ${messageOf(error)}${advice ? `; ${advice}` : ''}.`;
}

/** The refusal that says that a file or its directory cannot be written. */
export function notWritable(what: string, path: string, error: unknown): StoreFileRefused {
  return new StoreFileRefused(
    'not_writable',
    path,
    `${describeSqliteFailure(`The ${what} cannot be written`, path, error)} The service needs to read and write it and its directory.`,
    { cause: error },
  );
}
