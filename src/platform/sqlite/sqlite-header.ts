import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const MAGIC = Buffer.from('SQLite format 3\0', 'latin1');
const HEADER_BYTES = 100;
const WAL_HEADER_BYTES = 32;
const WAL_FRAME_HEADER_BYTES = 24;

/** What the first 100 bytes of a SQLite database say (https://www.sqlite.org/fileformat.html#the_database_header). */
export interface SqliteHeader {
  /** Bytes. */
  readonly pageSize: number;
  /** Pages in the file; undefined when the last writer did not keep this field up to date. */
  readonly pageCount: number | undefined;
  readonly applicationId: number;
  readonly userVersion: number;
}

/** What lies at a path, judged by its bytes alone. */
export type FileKind =
  | { readonly kind: 'empty' | 'other' | 'bad_header' }
  | { readonly kind: 'sqlite'; readonly header: SqliteHeader; readonly size: number };

/** Reads the header of a database without opening it as one, so that nothing beside it is made or changed. */
export function readSqliteHeader(path: string): FileKind {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size === 0) return { kind: 'empty' };
    const bytes = readAt(file, 0, HEADER_BYTES);
    const magic = bytes.subarray(0, MAGIC.length);
    if (!magic.equals(MAGIC.subarray(0, magic.length))) return { kind: 'other' };
    const header = bytes.length < HEADER_BYTES ? undefined : parseHeader(bytes);
    return header ? { kind: 'sqlite', header, size } : { kind: 'bad_header' };
  } finally {
    closeSync(file);
  }
}

/**
 * The newest committed header in a write-ahead log, which overrules the one in the main file; undefined when the log
 * has none. A process that was killed leaves such a log, so looking at the main file alone may miss a newer format.
 */
export function readHeaderFromWal(walPath: string, pageSize: number): SqliteHeader | undefined {
  const file = openSync(walPath, 'r');
  try {
    const salts = readAt(file, 0, WAL_HEADER_BYTES).subarray(16, 24);
    const frameBytes = WAL_FRAME_HEADER_BYTES + pageSize;
    let pending: SqliteHeader | undefined;
    let committed: SqliteHeader | undefined;
    for (let offset = WAL_HEADER_BYTES; ; offset += frameBytes) {
      const frame = readAt(file, offset, WAL_FRAME_HEADER_BYTES);
      // Frames of an earlier round of the log carry other salts: the valid part ends there.
      if (frame.length < WAL_FRAME_HEADER_BYTES || !frame.subarray(8, 16).equals(salts)) return committed;
      const isFirstPage = frame.readUInt32BE(0) === 1;
      if (isFirstPage) pending = parseHeader(readAt(file, offset + WAL_FRAME_HEADER_BYTES, HEADER_BYTES));
      const endsTransaction = frame.readUInt32BE(4) !== 0;
      if (endsTransaction) committed = pending;
    }
  } finally {
    closeSync(file);
  }
}

function parseHeader(bytes: Buffer): SqliteHeader | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const rawPageSize = bytes.readUInt16BE(16);
  const pageSize = rawPageSize === 1 ? 65_536 : rawPageSize;
  if (pageSize < 512 || (pageSize & (pageSize - 1)) !== 0) return undefined;
  const pageCountIsValid = bytes.readUInt32BE(24) === bytes.readUInt32BE(92);
  return {
    pageSize,
    pageCount: pageCountIsValid ? bytes.readUInt32BE(28) : undefined,
    applicationId: bytes.readInt32BE(68),
    userVersion: bytes.readInt32BE(60),
  };
}

/** Up to `length` bytes at an offset; fewer where the file ends. */
function readAt(file: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const read = readSync(file, bytes, filled, length - filled, offset + filled);
    if (read === 0) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}
