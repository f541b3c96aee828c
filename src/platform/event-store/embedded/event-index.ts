import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Position } from '../event-store.port.js';
import { uuidHex } from './recorded-row.js';

/** So many new events are gathered before they go into the indexes: some 2 MB of memory, and some 20 ms when they do. */
const MERGE_AFTER = 4_096;

/** What the index keeps of an event. */
export interface IndexedEvent {
  readonly stream: string;
  readonly revision: number;
  /** The id's 32 digits, lower case. */
  readonly idHex: string;
  readonly position: Position;
}

/** The newest events of a stream, which are not in the index yet: their positions, from revision `first` on. */
interface RecentStream {
  readonly first: number;
  readonly positions: Position[];
}

/**
 * Where the events of a stream are, and those with an id.
 *
 * The log is written at its end only, but an index entry belongs wherever its key says: with ids, which are random, and
 * with many streams, nearly every entry of a commit lies on another page, and writing those pages would take longer than
 * all the rest. Hence both indexes are written behind: new entries are kept in memory and merged in bulk, in the order
 * of the index, when there are many. `indexed_to` says, in the same transaction, how far the indexes go; what is after it
 * is read from the events themselves when the store is opened, so that nothing can be lost.
 */
export class EventIndex {
  private recentIds = new Map<string, Position[]>();
  private recentStreams = new Map<string, RecentStream>();
  private recentEvents: IndexedEvent[] = [];
  private readonly idInIndex: StatementSync;
  private readonly headInIndex: StatementSync;
  private readonly revisionInIndex: StatementSync;
  private readonly mergeIds: StatementSync;
  private readonly mergeStreams: StatementSync;
  private readonly setIndexedTo: StatementSync;

  constructor(
    database: DatabaseSync,
    private readonly mergeAfter: number = MERGE_AFTER,
  ) {
    this.idInIndex = database.prepare('SELECT position FROM event_ids WHERE id = ? ORDER BY position');
    this.headInIndex = database.prepare('SELECT max(at_revision) AS revision FROM stream_events WHERE of_stream = ?');
    this.revisionInIndex = database.prepare('SELECT place FROM stream_events WHERE of_stream = ? AND at_revision = ?');
    // In the order of the index, neighbours share a page.
    this.mergeIds = database.prepare(
      'INSERT INTO event_ids (id, position) SELECT id, position FROM events WHERE position >= ? ORDER BY id, position',
    );
    this.mergeStreams = database.prepare(
      `INSERT INTO stream_events (of_stream, at_revision, place)
       SELECT stream, revision, position FROM events WHERE position >= ? ORDER BY stream, revision`,
    );
    this.setIndexedTo = database.prepare("UPDATE meta SET value = ? WHERE key = 'indexed_to'");
    const notIndexed = database.prepare(
      `SELECT position, stream, revision, lower(hex(id)) AS idHex FROM events
       WHERE position > (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'indexed_to') ORDER BY position`,
    );
    for (const { position, stream, revision, idHex } of notIndexed.iterate()) {
      this.note({
        position: Number(position),
        stream: String(stream),
        revision: Number(revision),
        idHex: String(idHex),
      });
    }
  }

  /**
   * Positions of the events with this id, ascending; several when an append was repeated at a fresh revision, or when
   * streams share an id.
   */
  positionsOf(uuid: string): Position[] {
    const hex = uuidHex(uuid);
    const indexed = this.idInIndex.all(Buffer.from(hex, 'hex')).map((row) => Number(row['position']));
    return [...indexed, ...(this.recentIds.get(hex) ?? [])];
  }

  /** Revision of the last event of a stream; -1 when it does not exist. */
  headOf(stream: string): number {
    const recent = this.recentStreams.get(stream);
    if (recent) return recent.first + recent.positions.length - 1;
    const { revision } = this.headInIndex.get(stream) as { revision: number | null };
    return revision ?? -1;
  }

  /** Where an event of a stream is. */
  positionAt(stream: string, revision: number): Position | undefined {
    const recent = this.recentStreams.get(stream);
    if (recent && revision >= recent.first) return recent.positions[revision - recent.first];
    const row = this.revisionInIndex.get(stream, revision);
    return row ? Number(row['place']) : undefined;
  }

  /** The newest events of a stream that only this index knows; those before `first` are in `stream_events`. */
  recentOf(stream: string): Readonly<RecentStream> | undefined {
    return this.recentStreams.get(stream);
  }

  /** Takes note of an event just written; its transaction may still fail, see {@link forgetAfter}. */
  note(event: IndexedEvent): void {
    const { stream, revision, idHex, position } = event;
    const sameId = this.recentIds.get(idHex);
    if (sameId) sameId.push(position);
    else this.recentIds.set(idHex, [position]);
    const sameStream = this.recentStreams.get(stream);
    if (sameStream) sameStream.positions.push(position);
    else this.recentStreams.set(stream, { first: revision, positions: [position] });
    this.recentEvents.push(event);
  }

  /** The transaction that wrote the events after `head` failed. */
  forgetAfter(head: Position): void {
    const kept = this.recentEvents.filter(({ position }) => position <= head);
    this.clear();
    for (const event of kept) this.note(event);
  }

  /**
   * Merges what was gathered into the indexes when it is time, as part of the transaction that writes up to `head`.
   *
   * @returns what to do once that transaction is committed
   */
  mergeWhenDue(head: Position): (() => void) | undefined {
    const [first] = this.recentEvents;
    if (!first || this.recentEvents.length < this.mergeAfter) return undefined;
    this.mergeIds.run(first.position);
    this.mergeStreams.run(first.position);
    this.setIndexedTo.run(String(head));
    return () => this.clear();
  }

  private clear(): void {
    this.recentIds = new Map();
    this.recentStreams = new Map();
    this.recentEvents = [];
  }
}
