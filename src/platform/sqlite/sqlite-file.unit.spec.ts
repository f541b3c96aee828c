import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreFileRefused } from '../event-store/event-store.errors.js';
import { openSqliteFile } from './sqlite-file.js';
import type { SqliteFormat } from './sqlite-file.js';
import { readSqliteHeader } from './sqlite-header.js';

const FORMAT: SqliteFormat = {
  what: 'box of mice',
  applicationId: 0x6d696365,
  version: 2,
  schema: 'CREATE TABLE mice (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;',
  synchronous: 'FULL',
};

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dormouse-sqlite-'));
  path = join(directory, 'mice.sqlite');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Makes a file of this format with some rows, closed. */
function makeFile(format = FORMAT, rows = 3, at = path): void {
  const database = openSqliteFile(at, format);
  const insert = database.prepare('INSERT INTO mice (name) VALUES (?)');
  database.exec('BEGIN');
  for (let i = 0; i < rows; i++) insert.run(`mouse ${i} ${'z'.repeat(200)}`);
  database.exec('COMMIT');
  database.close();
}

function names(format = FORMAT): string[] {
  const database = openSqliteFile(path, format);
  const rows = database.prepare('SELECT name FROM mice ORDER BY id').all();
  database.close();
  return rows.map(({ name }) => String(name).split(' z')[0]!);
}

/** Every file in the directory with the hash of its bytes. */
function fingerprint(): Record<string, string> {
  const hash = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(directory, name)))
      .digest('hex');
  const files = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(files.map(({ name }) => [name, hash(name)]));
}

/** Opens the file, which must be refused and left as it was, and gives the refusal. */
function refusal(format = FORMAT, fullCheckBytes?: number): StoreFileRefused {
  const before = fingerprint();
  let refused: unknown;
  try {
    openSqliteFile(path, format, fullCheckBytes).close();
  } catch (error) {
    refused = error;
  }
  expect(fingerprint()).toEqual(before);
  if (!(refused instanceof StoreFileRefused)) throw new Error('The file was not refused.', { cause: refused });
  expect(refused.message).toContain(path);
  return refused;
}

/** Does something to a file without closing it and puts a copy, log included, at `path`: as a kill would leave it. */
function leaveBehind(work: (database: DatabaseSync) => void): void {
  const elsewhere = join(directory, 'elsewhere');
  mkdirSync(elsewhere);
  const original = join(elsewhere, 'mice.sqlite');
  makeFile(FORMAT, 3, original);
  const database = new DatabaseSync(original);
  work(database);
  for (const suffix of ['', '-wal']) copyFileSync(original + suffix, path + suffix);
  database.close();
}

describe('opening a SQLite file that does not exist', () => {
  it('makes it, with its marks in the header of the main file and a write-ahead log', () => {
    const database = openSqliteFile(path, FORMAT);

    expect(readSqliteHeader(path)).toMatchObject({
      kind: 'sqlite',
      header: { applicationId: FORMAT.applicationId, userVersion: FORMAT.version },
    });
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    expect(database.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
    database.close();
  });

  it('refuses a file of zero bytes: it is what is left of one', () => {
    writeFileSync(path, '');

    expect(() => makeFile()).toThrow(/damaged.*empty/s);

    expect(readFileSync(path)).toHaveLength(0);
  });

  it('starts over when an earlier creation was interrupted', () => {
    writeFileSync(`${path}.creating`, 'half a file');
    writeFileSync(`${path}.creating-journal`, 'half a journal');

    makeFile();

    expect(names()).toHaveLength(3);
    expect(readdirSync(directory)).toEqual(['mice.sqlite']);
  });

  it('leaves no file at all when it cannot be made whole', () => {
    expect(() => openSqliteFile(path, { ...FORMAT, schema: 'CREATE NONSENSE;' })).toThrow(StoreFileRefused);

    expect(existsSync(path)).toBe(false);
  });

  it('refuses a place where it cannot be written', () => {
    path = join(directory, 'missing', 'mice.sqlite');
    expect(refusal()).toMatchObject({ problem: 'not_writable' });

    writeFileSync(join(directory, 'file'), 'not a directory');
    path = join(directory, 'file', 'mice.sqlite');
    expect(refusal()).toMatchObject({ problem: 'not_writable' });
  });
});

describe('opening a SQLite file that exists', () => {
  it('gives what was written', () => {
    makeFile();

    expect(names()).toEqual(['mouse 0', 'mouse 1', 'mouse 2']);
  });

  it('gives what was committed before a kill and lies in the log only', () => {
    leaveBehind((database) => database.exec("INSERT INTO mice (name) VALUES ('late')"));

    expect(names()).toEqual(['mouse 0', 'mouse 1', 'mouse 2', 'late']);
  });

  it('gives what is in a file too large to look at every page of it', () => {
    makeFile(FORMAT, 500);

    const database = openSqliteFile(path, FORMAT, 0);

    expect(database.prepare('SELECT count(*) AS count FROM mice').get()).toEqual({ count: 500 });
    database.close();
  });
});

describe('a SQLite file that is refused is left as it was', () => {
  it('because its format is newer: the message has both versions and what to do', () => {
    makeFile({ ...FORMAT, version: 3 });

    const refused = refusal();

    expect(refused).toMatchObject({ problem: 'newer_format', code: 'store_newer_format' });
    expect(refused.message).toMatch(/version 3; this program knows version 2.*newer release.*backup/);
  });

  it('because its format is newer, which only its log says yet', () => {
    leaveBehind((database) => database.exec('PRAGMA user_version = 3'));

    expect(refusal()).toMatchObject({ problem: 'newer_format' });
  });

  it('because its format is one that never was', () => {
    makeFile({ ...FORMAT, version: 1 });

    expect(refusal()).toMatchObject({ problem: 'foreign' });
  });

  it('because it is a database of another program', () => {
    makeFile({ ...FORMAT, applicationId: 7 });

    expect(refusal()).toMatchObject({ problem: 'foreign' });
  });

  it.each(['x', 'Dear diary,\n'.repeat(100)])('because it is no database at all', (text) => {
    writeFileSync(path, text);

    expect(refusal()).toMatchObject({ problem: 'foreign' });
  });

  it('because it is a directory', () => {
    mkdirSync(path);

    expect(refusal()).toMatchObject({ problem: 'foreign' });
  });

  it.each([
    { to: 'the middle of its header', bytes: 50 },
    { to: 'its first page', bytes: 4_096 },
    { to: 'the middle of a page', bytes: 10_000 },
    { to: 'all but its last page', bytes: -4_096 },
  ])('because it was cut off to $to', ({ bytes }) => {
    makeFile(FORMAT, 500);
    truncateSync(path, bytes > 0 ? bytes : statSync(path).size + bytes);

    expect(refusal()).toMatchObject({ problem: 'damaged' });
  });

  it.each([
    { how: 'every page is looked at', fullCheckBytes: undefined },
    { how: 'it is probed', fullCheckBytes: 0 },
  ])('because pages of it were overwritten, when $how', ({ fullCheckBytes }) => {
    makeFile(FORMAT, 2_000);
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 4_096 * 20, 4_096 * 60);
    writeFileSync(path, bytes);

    expect(refusal(FORMAT, fullCheckBytes)).toMatchObject({ problem: 'damaged' });
  });

  it('because it is damaged below a log', () => {
    leaveBehind((database) => database.exec("INSERT INTO mice (name) VALUES ('late')"));
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 4_096, 8_192);
    writeFileSync(path, bytes);
    truncateSync(`${path}-wal`, 32);

    expect(refusal()).toMatchObject({ problem: 'damaged' });
  });

  it('because only its log is left', () => {
    leaveBehind((database) => database.exec("INSERT INTO mice (name) VALUES ('late')"));
    truncateSync(path, 0);

    expect(refusal()).toMatchObject({ problem: 'damaged' });
  });
});
