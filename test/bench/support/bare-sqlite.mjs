import { randomUUID } from 'node:crypto';
import { eventLogFormat } from '../../../dist/platform/event-store/embedded/event-log-format.js';
import { openSqliteFile } from '../../../dist/platform/sqlite/sqlite-file.js';

/**
 * What the event store is compared with: one prepared INSERT into the store's own table with its index, each its own
 * transaction, write-ahead log, synchronous FULL. Nothing is checked, nothing is made of the row.
 */
export class BareLog {
  /** @param {string} path */
  constructor(path) {
    this.database = openSqliteFile(path, eventLogFormat(randomUUID()));
    this.insert = this.database.prepare(
      'INSERT INTO events (position, stream, revision, type, recorded_at, id, data, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.position = 0;
  }

  /** @param {{ stream: string, revision: number, type: string, id: Buffer, data: string, metadata: string }} row */
  append({ stream, revision, type, id, data, metadata }) {
    this.insert.run(++this.position, stream, revision, type, 0, id, data, metadata);
  }

  close() {
    this.database.close();
  }
}
