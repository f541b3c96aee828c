import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { messageOf } from '../errors.js';

/** With less room than this a store of SQLite's cannot be relied on to take the next commit. Bytes. */
const NEEDED_BYTES = 1_048_576;

/**
 * What keeps the embedded stores from writing to their directory; null when nothing does. A store that is only read would
 * not notice. Asks the file system, and writes nothing itself.
 */
export async function diskTrouble(directory: string): Promise<string | null> {
  try {
    await access(directory, constants.W_OK);
    const { bavail, bsize } = await statfs(directory);
    if (bavail * bsize >= NEEDED_BYTES) return null;
    return `the disk is full (${Math.floor((bavail * bsize) / 1024)} KB left); free some space, the service then goes on by itself`;
  } catch (error) {
    return `${messageOf(error)}; check that it exists, its permissions, and that the file system is not read-only`;
  }
}
