/**
 * Claims a data directory and holds it until it is killed. Writes `claimed`, or why it was refused.
 *
 * Arguments: path of the directory.
 */
import { StoreFileRefused } from '../../../src/platform/event-store/event-store.errors.js';
import { DataDirectory } from '../../../src/platform/data-directory/data-directory.js';

const [, , path = ''] = process.argv;
try {
  DataDirectory.claim(path).publish('http://127.0.0.1:4000');
  console.log('claimed');
  // Keeps the process alive.
  setInterval(() => undefined, 60_000);
} catch (error) {
  if (!(error instanceof StoreFileRefused)) throw error;
  console.log(`${error.problem}: ${error.message}`);
}
