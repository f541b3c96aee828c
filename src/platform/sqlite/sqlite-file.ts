import type { Stats } from 'node:fs';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { messageOf } from '../errors.js';
import { StoreFileRefused } from '../event-store/event-store.errors.js';
import { readHeaderFromWal, readSqliteHeader } from './sqlite-header.js';
import type { SqliteHeader } from './sqlite-header.js';
import { isDamage, isLocked, notWritable } from './sqlite-problem.js';

/** What a file of ours looks like. */
export interface SqliteFormat {
  /** What the file is, for messages: `event store`. */
  readonly what: string;
  /** Marks the file as ours (SQLite's application_id): 32 bits, signed, not 0. */
  readonly applicationId: number;
  /** Version of the schema (SQLite's user_version), from 1. */
  readonly version: number;
  /** Statements that make the tables of a new file. */
  readonly schema: string;
  /** FULL: a commit is on the disk when it returns. NORMAL: it survives the process, the last ones not the machine. */
  readonly synchronous: 'FULL' | 'NORMAL';
  /** What to do about a damaged file; default: restore a backup. */
  readonly remedy?: string;
}

/** Up to this size every page is looked at before a file is used; larger ones are probed, so that a start stays quick. */
const FULL_CHECK_BYTES = 256 * 1024 * 1024;
const PROBES_PER_TABLE = 32;

/** Of new files. Events and documents have some KiB each: on SQLite's 4 KiB half of a page would often stay empty. */
const PAGE_BYTES = 8192;

/** How long a statement waits for another connection's lock, ms. */
const LOCK_PATIENCE_MS = 1_000;

/**
 * Opens a SQLite file of ours in write-ahead mode, or makes it. An existing file is judged first by its bytes and then
 * through a connection that cannot write; one that is refused is left as it was. So is a file of zero bytes.
 * Open a file once in a process: judging its bytes gives up the locks that this process already has on it.
 *
 * @param fullCheckBytes size up to which every page is looked at; larger files are probed
 * @throws {StoreFileRefused} `newer_format`, `foreign`, `damaged`, `in_use`, `not_writable`
 */
export function openSqliteFile(
  path: string,
  format: SqliteFormat,
  fullCheckBytes: number = FULL_CHECK_BYTES,
): DatabaseSync {
  if (isNew(path, format)) createFile(path, format);
  else examine(path, format, fullCheckBytes);
  return openForWriting(path, format);
}

function isNew(path: string, format: SqliteFormat): boolean {
  const stat = statOf(path, format);
  if (stat?.isDirectory()) throw foreign(path, format, 'it is a directory');
  if (stat !== undefined && stat.size > 0) return false;
  // A new file is made whole before it gets its name, so an empty one is what is left of a file, not the beginning of one.
  if (stat !== undefined) throw damaged(path, format, 'it is empty');
  if (sizeOfLog(path) > 0) throw damaged(path, format, 'its write-ahead log is there, the file itself is gone');
  return true;
}

function statOf(path: string, format: SqliteFormat): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw notWritable(format.what, path, error);
  }
}

function sizeOfLog(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Makes the file complete under another name and then gives it its own, so that a crash at any instant leaves either
 * no file or a whole one. The marks are committed before the switch to write-ahead mode, hence always in the header.
 */
function createFile(path: string, format: SqliteFormat): void {
  const unfinished = `${path}.creating`;
  try {
    // What an earlier, interrupted creation left.
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(unfinished + suffix, { force: true });
    const database = new DatabaseSync(unfinished);
    try {
      database.exec(`PRAGMA page_size = ${PAGE_BYTES};
        BEGIN;
        PRAGMA application_id = ${format.applicationId};
        PRAGMA user_version = ${format.version};
        ${format.schema};
        COMMIT;
        PRAGMA journal_mode = WAL;`);
    } finally {
      database.close();
    }
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
    renameSync(unfinished, path);
    syncDirectory(dirname(path));
  } catch (error) {
    throw notWritable(format.what, path, error);
  }
}

/** A rename is only durable once the directory is. */
function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** @throws {StoreFileRefused} when the file is not one that this program may open */
function examine(path: string, format: SqliteFormat, fullCheckBytes: number): void {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    accessSync(dirname(path), constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw notWritable(format.what, path, error);
  }
  const file = readSqliteHeader(path);
  if (file.kind === 'bad_header') throw damaged(path, format, 'its header is cut off or makes no sense');
  if (file.kind !== 'sqlite') throw foreign(path, format, 'it is not a SQLite database');
  checkMarks(path, format, file.header);
  const hasLog = sizeOfLog(path) > 0;
  if (hasLog) {
    const newest = readHeaderFromWal(`${path}-wal`, file.header.pageSize);
    if (newest) checkMarks(path, format, newest);
  } else {
    checkLength(path, format, file.header, file.size);
  }
  checkContent(path, format, { hasLog, everyPage: file.size <= fullCheckBytes });
}

function checkMarks(path: string, format: SqliteFormat, header: SqliteHeader): void {
  if (header.applicationId !== format.applicationId) throw foreign(path, format, 'it belongs to another program');
  if (header.userVersion > format.version) {
    throw new StoreFileRefused(
      'newer_format',
      path,
      `The ${format.what} ${path} has format version ${header.userVersion}; this program knows version ${format.version}. ` +
        'It was written by a newer release: run that release, or restore a backup made before the upgrade. Nothing was changed.',
    );
  }
  if (header.userVersion !== format.version) {
    throw foreign(path, format, `format version ${header.userVersion} is none that this program can read`);
  }
}

/** Only meaningful without a log: an interrupted checkpoint leaves a main file that is still to be completed from it. */
function checkLength(path: string, format: SqliteFormat, header: SqliteHeader, size: number): void {
  const expected = (header.pageCount ?? 0) * header.pageSize;
  if (size < expected) throw damaged(path, format, `it has ${size} bytes and should have ${expected}`);
  if (size % header.pageSize !== 0) throw damaged(path, format, 'it ends within a page');
}

function checkContent(path: string, format: SqliteFormat, how: { hasLog: boolean; everyPage: boolean }): void {
  const url = pathToFileURL(path);
  // Without a log the file is whole by itself and SQLite may take it for immutable: then it makes no files beside it.
  if (!how.hasLog) url.searchParams.set('immutable', '1');
  const hadIndex = existsSync(`${path}-shm`);
  try {
    const database = new DatabaseSync(url, { readOnly: true });
    try {
      const complaint = how.everyPage ? quickCheck(database) : probe(database);
      if (complaint) throw damaged(path, format, complaint);
    } finally {
      database.close();
    }
  } catch (error) {
    // The index of the log is scratch; where there was none, none is left.
    if (!hadIndex) rmSync(`${path}-shm`, { force: true });
    if (error instanceof StoreFileRefused) throw error;
    throw refusalFor(path, format, error);
  }
}

function quickCheck(database: DatabaseSync): string | undefined {
  const answer = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
  return answer.quick_check === 'ok' ? undefined : answer.quick_check;
}

/** Reads rows at even distances through every table. Finds what is missing at the end or overwritten at large. */
function probe(database: DatabaseSync): undefined {
  const tables = database.prepare(
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND wr = 0",
  );
  for (const { name } of tables.all() as { name: string }[]) {
    const table = `"${name.replaceAll('"', '""')}"`;
    const range = database.prepare(`SELECT min(rowid) AS low, max(rowid) AS high FROM ${table}`);
    const { low, high } = range.get() as { low: number | null; high: number | null };
    if (low === null || high === null) continue;
    const row = database.prepare(`SELECT * FROM ${table} WHERE rowid >= ? ORDER BY rowid LIMIT 1`);
    for (let i = 0; i <= PROBES_PER_TABLE; i++) row.get(low + Math.floor(((high - low) * i) / PROBES_PER_TABLE));
  }
}

function openForWriting(path: string, format: SqliteFormat): DatabaseSync {
  try {
    const database = new DatabaseSync(path, { timeout: LOCK_PATIENCE_MS });
    try {
      const { journal_mode: mode } = database.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode: string };
      if (mode !== 'wal') throw new Error('its file system does not support a write-ahead log');
      database.exec(`PRAGMA synchronous = ${format.synchronous}`);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    throw refusalFor(path, format, error);
  }
}

function refusalFor(path: string, format: SqliteFormat, error: unknown): StoreFileRefused {
  if (isDamage(error)) return damaged(path, format, messageOf(error), error);
  if (!isLocked(error)) return notWritable(format.what, path, error);
  const message = `The ${format.what} ${path} is in use by another program. Nothing was changed.`;
  return new StoreFileRefused('in_use', path, message, { cause: error });
}

function foreign(path: string, format: SqliteFormat, why: string): StoreFileRefused {
  return new StoreFileRefused(
    'foreign',
    path,
    `${path} is not a ${format.what} of this program: ${why}. Move it away or name another data directory. Nothing was changed.`,
  );
}

function damaged(path: string, format: SqliteFormat, why: string, cause?: unknown): StoreFileRefused {
  return new StoreFileRefused(
    'damaged',
    path,
    `The ${format.what} ${path} is damaged: ${why}. ${format.remedy ?? 'Keep a copy of it and restore a backup.'} Nothing was changed.`,
    cause === undefined ? undefined : { cause },
  );
}
