import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Position } from '../event-store.port.js';

/** So many new ids are gathered before they go into the index: some 2 MB of memory, and 20 ms when they do. */
const MERGE_AFTER = 8_192;

/**
 * Where the events with an id are.
 *
 * Ids are random, so each new one belongs to another page of their index, and writing those pages would take as long as
 * all the rest of a commit. Hence the index is written behind: new ids are kept in memory and merged into it in bulk,
 * in its own order, when there are many. `indexed_to` says, in the same transaction, how far the index goes; the ids
 * after it are read from the events themselves when the store is opened, so that nothing can be lost.
 */
export class EventIds {
  private recent = new Map<string, Position[]>();
  private recentCount = 0;
  private readonly inIndex: StatementSync;
  private readonly addToIndex: StatementSync;
  private readonly setIndexedTo: StatementSync;

  constructor(
    database: DatabaseSync,
    private readonly mergeAfter = MERGE_AFTER,
  ) {
    this.inIndex = database.prepare('SELECT position FROM event_ids WHERE id = ? ORDER BY position');
    this.addToIndex = database.prepare('INSERT INTO event_ids (id, position) VALUES (?, ?)');
    this.setIndexedTo = database.prepare("UPDATE meta SET value = ? WHERE key = 'indexed_to'");
    const notIndexed = database.prepare(
      `SELECT position, lower(hex(id)) AS id FROM events
       WHERE position > (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'indexed_to') ORDER BY position`,
    );
    for (const row of notIndexed.iterate()) this.note(String(row['id']), Number(row['position']));
  }

  /**
   * Positions of the events with this id, ascending; several when an append was repeated at a fresh revision, or when
   * streams share an id.
   *
   * @param hex the id's 32 digits, lower case
   */
  positionsOf(hex: string): Position[] {
    const indexed = this.inIndex.all(Buffer.from(hex, 'hex')).map((row) => Number(row['position']));
    return [...indexed, ...(this.recent.get(hex) ?? [])];
  }

  /** Takes note of an event just written; its transaction may still fail, see {@link forgetAfter}. */
  note(hex: string, position: Position): void {
    const positions = this.recent.get(hex);
    if (positions) positions.push(position);
    else this.recent.set(hex, [position]);
    this.recentCount++;
  }

  /** The transaction that wrote the events after `head` failed. */
  forgetAfter(head: Position): void {
    for (const [hex, positions] of this.recent) {
      const kept = positions.filter((position) => position <= head);
      this.recentCount -= positions.length - kept.length;
      if (kept.length === 0) this.recent.delete(hex);
      else this.recent.set(hex, kept);
    }
  }

  /**
   * Merges what was gathered into the index when it is time, as part of the transaction that writes up to `head`.
   *
   * @returns what to do once that transaction is committed
   */
  mergeWhenDue(head: Position): (() => void) | undefined {
    if (this.recentCount < this.mergeAfter) return undefined;
    // In the order of the index, neighbours share a page.
    for (const hex of [...this.recent.keys()].sort()) {
      const id = Buffer.from(hex, 'hex');
      for (const position of this.recent.get(hex) ?? []) this.addToIndex.run(id, position);
    }
    this.setIndexedTo.run(String(head));
    return () => {
      this.recent = new Map();
      this.recentCount = 0;
    };
  }
}
