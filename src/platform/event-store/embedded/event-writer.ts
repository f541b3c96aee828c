import { LRUCache } from 'lru-cache';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Clock } from '../../clock.js';
import type { SerialisedAppend } from '../event-serialisation.js';
import { WrongExpectedRevision } from '../event-store.errors.js';
import type { AppendResult, Position } from '../event-store.port.js';
import type { EventIndex } from './event-index.js';
import { uuidHex } from './recorded-row.js';

/** Where an event already lies. */
type Place = AppendResult;

/** Streams whose last revision is kept in memory; asking SQLite takes as long as writing the event. */
const MAX_KNOWN_STREAMS = 10_000;

/** Thrown when the answer to a COMMIT does not say whether it took effect. */
export class CommitFailed extends Error {}

/**
 * The only one who adds to the log. Several appends share one transaction, hence one wait for the disk; each is judged
 * by itself, against what those before it in the same transaction have written.
 */
export class EventWriter {
  private readonly begin: StatementSync;
  private readonly commit: StatementSync;
  private readonly insert: StatementSync;
  private readonly byPosition: StatementSync;
  private readonly knownRevisions = new LRUCache<string, number>({ max: MAX_KNOWN_STREAMS });
  private visibleHead: Position;

  constructor(
    private readonly database: DatabaseSync,
    private readonly index: EventIndex,
    private readonly clock: Clock,
  ) {
    this.begin = database.prepare('BEGIN IMMEDIATE');
    this.commit = database.prepare('COMMIT');
    this.insert = database.prepare(
      'INSERT INTO events (position, stream, revision, type, recorded_at, id, data, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.byPosition = database.prepare('SELECT revision, stream, lower(hex(id)) AS id FROM events WHERE position = ?');
    const { head } = database.prepare('SELECT max(position) AS head FROM events').get() as { head: number | null };
    this.visibleHead = head ?? 0;
  }

  /** Position of the last committed event; 0 while there is none. */
  get head(): Position {
    return this.visibleHead;
  }

  /**
   * Writes a group of appends in one transaction. When it returns, what it wrote is on the disk.
   *
   * @returns for each append its result, or why it was turned away
   * @throws {CommitFailed} whether the group is on the disk is unknown until it is written again
   * @throws what SQLite reports; nothing of the group was written
   */
  write(group: readonly SerialisedAppend[]): (AppendResult | WrongExpectedRevision)[] {
    const before = this.visibleHead;
    this.begin.run();
    try {
      const recordedAt = this.clock.now();
      let end = before;
      const outcomes = group.map((append) => {
        const outcome = this.attempt(append, end, recordedAt);
        if (!(outcome instanceof WrongExpectedRevision)) end = Math.max(end, outcome.position);
        return outcome;
      });
      // Nothing to write means nothing to wait for: what a repeat found was committed before.
      if (end === before) this.database.exec('ROLLBACK');
      else this.finish(end);
      return outcomes;
    } catch (error) {
      // SQLite may have rolled back by itself, on a full disk for one.
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      this.index.forgetAfter(before);
      this.knownRevisions.clear();
      throw error;
    }
  }

  /** Makes everything up to `end` durable, then visible. */
  private finish(end: Position): void {
    const afterCommit = this.index.mergeWhenDue(end);
    try {
      this.commit.run();
    } catch (error) {
      throw new CommitFailed('COMMIT failed', { cause: error });
    }
    afterCommit?.();
    this.visibleHead = end;
  }

  /** One append at the end of the log, by EventStoreDB's rules. */
  private attempt(append: SerialisedAppend, end: Position, recordedAt: number): AppendResult | WrongExpectedRevision {
    const { stream, expected } = append;
    const actual = this.revisionOf(stream);
    const wrong = () => new WrongExpectedRevision(stream, expected, actual === -1 ? 'no_stream' : actual);
    if (typeof expected === 'number' || expected === 'no_stream') {
      const wanted = expected === 'no_stream' ? -1 : expected;
      if (wanted === actual) return this.add(append, actual, end, recordedAt);
      return this.findRepeatAt(append, wanted) ?? wrong();
    }
    if (expected === 'exists' && actual === -1) return wrong();
    const repeat = this.findRepeatAnywhere(append);
    if (repeat === 'none') return this.add(append, actual, end, recordedAt);
    return repeat === 'in part' ? wrong() : repeat;
  }

  private add(append: SerialisedAppend, revision: number, end: Position, recordedAt: number): AppendResult {
    const { stream } = append;
    let [at, position] = [revision, end];
    for (const { id, type, data, metadata } of append.events) {
      const idHex = uuidHex(id);
      this.insert.run(++position, stream, ++at, type, recordedAt, Buffer.from(idHex, 'hex'), data, metadata);
      this.index.note({ stream, revision: at, idHex, position });
    }
    this.knownRevisions.set(stream, at);
    return { revision: at, position };
  }

  /** Revision of the last event of a stream, -1 when it does not exist. */
  private revisionOf(stream: string): number {
    const known = this.knownRevisions.get(stream);
    if (known !== undefined) return known;
    const revision = this.index.headOf(stream);
    if (revision !== -1) this.knownRevisions.set(stream, revision);
    return revision;
  }

  /** Where these very events already follow that revision, if they do. */
  private findRepeatAt({ stream, events }: SerialisedAppend, after: number): Place | undefined {
    let place: Place | undefined;
    for (const [index, { id }] of events.entries()) {
      const revision = after + 1 + index;
      const position = this.index.positionAt(stream, revision);
      if (position === undefined || this.eventAt(position)?.id !== uuidHex(id)) return undefined;
      place = { revision, position };
    }
    return place;
  }

  /** Without a revision to go by, an append whose first id is new is new; one known in part is no repeat either. */
  private findRepeatAnywhere({ stream, events }: SerialisedAppend): Place | 'none' | 'in part' {
    let place: Place | undefined;
    for (const { id } of events) {
      const found = this.placeOf(stream, id);
      if (!found) return place ? 'in part' : 'none';
      place = found;
    }
    return place ?? 'none';
  }

  /** Where the first event with this id is in this stream. */
  private placeOf(stream: string, id: string): Place | undefined {
    for (const position of this.index.positionsOf(id)) {
      const found = this.eventAt(position);
      if (found?.stream === stream) return { revision: found.revision, position };
    }
    return undefined;
  }

  private eventAt(position: Position): { revision: number; stream: string; id: string } | undefined {
    return this.byPosition.get(position) as { revision: number; stream: string; id: string } | undefined;
  }
}
