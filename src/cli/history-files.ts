import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdtemp, open, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../platform/errors.js';
import type { HistoryFile } from '../platform/event-transfer/history-reading.js';
import { CliError } from './service-api.js';

/** The name that stands for standard input or output. */
export const STANDARD_STREAM = '-';

const READ_AT_ONCE = 1 << 20;

/** Where an export is written to. */
export interface HistoryOutput {
  write(text: string): Promise<void>;
  /** The export is whole: now, and only now, the file has its name. */
  finish(): Promise<void>;
  /** Leaves nothing behind. Harmless after `finish`. */
  discard(): Promise<void>;
}

/**
 * A new file, readable for its owner only. It is written under another name, so that one which was cut off never looks
 * like a whole one.
 *
 * @throws {CliError} file_exists, file_not_writable
 */
export async function outputFile(name: string): Promise<HistoryOutput> {
  const path = resolve(name);
  if (existsSync(path)) throw new CliError('file_exists', `${path} exists already: name another file.`);
  const unfinished = `${path}.unfinished`;
  const asFileError = (error: unknown): never => {
    throw new CliError('file_not_writable', `${path} cannot be written: ${messageOf(error)}`, [], { cause: error });
  };
  const file = await open(unfinished, 'w', 0o600).catch(asFileError);
  return {
    write: async (text) => void (await file.appendFile(text).catch(asFileError)),
    finish: async () => {
      await file.sync().catch(asFileError);
      await file.close();
      await rename(unfinished, path).catch(asFileError);
    },
    discard: async () => {
      await file.close();
      await rm(unfinished, { force: true });
    },
  };
}

/** A stream that stays open, such as standard output. Slow readers are waited for. */
export function outputStream(stream: Writable, signal: AbortSignal): HistoryOutput {
  return {
    write: async (text) => {
      const done = Promise.withResolvers<void>();
      const gone = (): void => done.reject(signal.reason as Error);
      signal.addEventListener('abort', gone, { once: true });
      stream.write(text, (error) => (error ? done.reject(error) : done.resolve()));
      await done.promise.finally(() => signal.removeEventListener('abort', gone));
    },
    finish: () => Promise.resolve(),
    discard: () => Promise.resolve(),
  };
}

/** A file to import; it can be read again and again. */
export interface HistoryInput {
  readonly file: HistoryFile;
  close(): Promise<void>;
}

/** @throws {CliError} file_not_readable */
export async function inputFile(name: string): Promise<HistoryInput> {
  const path = resolve(name);
  try {
    // Opened now, so that what is wrong with it is said before anything else happens.
    const opened = await open(path, 'r');
    const isFile = (await opened.stat()).isFile();
    await opened.close();
    if (!isFile) throw new Error('it is not a file');
  } catch (error) {
    throw new CliError('file_not_readable', `${path} cannot be read: ${messageOf(error)}`, [], { cause: error });
  }
  return { file: () => createReadStream(path, { highWaterMark: READ_AT_ONCE }), close: () => Promise.resolve() };
}

/**
 * Standard input, kept in a temporary file: a history is checked whole before anything of it is imported.
 *
 * @throws {CliError} file_not_writable @throws the signal's reason
 */
export async function inputStream(stream: Readable, signal: AbortSignal): Promise<HistoryInput> {
  const directory = await mkdtemp(join(tmpdir(), 'dormouse-import-'));
  const path = join(directory, 'history.ndjson');
  const close = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    await pipeline(stream, createWriteStream(path, { mode: 0o600 }), { signal });
    return { ...(await inputFile(path)), close };
  } catch (error) {
    await close();
    signal.throwIfAborted();
    if (error instanceof CliError) throw error;
    const message = `Standard input cannot be kept in ${directory}: ${messageOf(error)}`;
    throw new CliError('file_not_writable', message, ['TMPDIR names another place.'], { cause: error });
  }
}
