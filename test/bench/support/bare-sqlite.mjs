import { DatabaseSync } from 'node:sqlite';

/**
 * What the event store is compared with: one prepared INSERT into a table with the same columns and an index on (stream,
 * revision), without which no stream could be read; each its own transaction, write-ahead log, synchronous FULL. Nothing
 * is checked, nothing is made of the row.
 */
export class BareLog {
  /** @param {string} path */
  constructor(path) {
    this.database = new DatabaseSync(path);
    this.database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      CREATE TABLE events (
        position INTEGER PRIMARY KEY, stream TEXT NOT NULL, revision INTEGER NOT NULL, type TEXT NOT NULL,
        recorded_at INTEGER NOT NULL, id BLOB NOT NULL, data TEXT NOT NULL, metadata TEXT NOT NULL
      ) STRICT;
      CREATE UNIQUE INDEX events_by_stream ON events (stream, revision);
    `);
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
