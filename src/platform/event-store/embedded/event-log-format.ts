import type { SqliteFormat } from '../../sqlite/sqlite-file.js';

/**
 * The file of the embedded event store. Events are rows that are only ever added.
 *
 * - `position` is the rowid: the table itself is the global order, and reading on from a position is one descent.
 * - `stream_events` and `event_ids` are written behind, see EventIndex: they hold what is not after `indexed_to`. An id is
 *   not unique: a repeat at a fresh revision writes twice, as EventStoreDB does (see the port).
 * - Short columns come first, so that a filter that leaves a row out need not read past them.
 *
 * @param identity UUID of the history, kept when the file is made
 */
export function eventLogFormat(identity: string): SqliteFormat {
  return {
    what: 'event store',
    applicationId: 0x446d4573, // 'DmEs'
    version: 1,
    // A commit is on the disk when it returns: what was acknowledged survives the machine's power cut.
    synchronous: 'FULL',
    schema: `
      CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
      CREATE TABLE events (
        position    INTEGER PRIMARY KEY,
        stream      TEXT    NOT NULL,
        revision    INTEGER NOT NULL,
        type        TEXT    NOT NULL,
        recorded_at INTEGER NOT NULL,
        id          BLOB    NOT NULL,
        data        TEXT    NOT NULL,
        metadata    TEXT    NOT NULL
      ) STRICT;
      CREATE TABLE stream_events (
        of_stream   TEXT    NOT NULL,
        at_revision INTEGER NOT NULL,
        place       INTEGER NOT NULL,
        PRIMARY KEY (of_stream, at_revision)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE event_ids (
        id       BLOB    NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (id, position)
      ) STRICT, WITHOUT ROWID;
      INSERT INTO meta (key, value) VALUES ('identity', '${identity}'), ('indexed_to', '0');`,
  };
}
