import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { EventFilter, Position, RecordedEvent } from '../event-store.port.js';
import type { EventIndex } from './event-index.js';
import { conditionOf } from './event-filter.js';
import { charactersOf, COLUMNS, rowsOf, toRecordedEvent } from './recorded-row.js';
import type { RecordedRow } from './recorded-row.js';

/** So many events are read at a time: enough to be quick, few enough that the largest ones (1 MB each) fit in memory. */
export const PAGE_EVENTS = 64;

/** A batch that has so much text (characters) is handed over although more events were asked for. */
const BATCH_CHARACTERS = 4 * 1024 * 1024;

/** So many rows a filter looks at in one go: some milliseconds, after which others have a turn. */
const WINDOW_ROWS = 5_000;

/** Kept statements for filters; there are as many as there are shapes of filters, so more would be a leak. */
const MAX_KEPT_STATEMENTS = 100;

export type Direction = 'forwards' | 'backwards';

/** A part of the global order. */
export interface LogPage {
  readonly events: readonly RecordedEvent[];
  /** Everything from the start of the page to here, inclusive, is in it or was filtered out. */
  readonly end: Position;
}

type LogRow = readonly [...RecordedRow, stream: string];

/** What can be asked of the log. Every call runs its statement to the end: none is open while others have a turn. */
export class EventReader {
  private readonly streamForwards: StatementSync;
  private readonly streamBackwards: StatementSync;
  private readonly byPosition: StatementSync;
  private readonly filtered = new Map<string, StatementSync>();

  constructor(
    private readonly database: DatabaseSync,
    private readonly index: EventIndex,
  ) {
    // CROSS JOIN: the index first, in its own order, then each event by its position.
    const ofStream = `SELECT ${COLUMNS} FROM stream_events CROSS JOIN events ON position = place WHERE of_stream = ?`;
    this.streamForwards = this.prepare(`${ofStream} AND at_revision >= ? ORDER BY at_revision LIMIT ?`);
    this.streamBackwards = this.prepare(`${ofStream} AND at_revision <= ? ORDER BY at_revision DESC LIMIT ?`);
    this.byPosition = this.prepare(`SELECT ${COLUMNS}, stream FROM events WHERE position = ?`);
  }

  /** Up to `limit` events of a stream from a revision on, inclusive. */
  streamPage(stream: string, from: number, direction: Direction, limit: number): RecordedEvent[] {
    const rows = direction === 'forwards' ? this.forwards(stream, from, limit) : this.backwards(stream, from, limit);
    return rows.map((row) => toRecordedEvent(row, stream));
  }

  /** First what is in the index, then what is not there yet. */
  private forwards(stream: string, from: number, limit: number): RecordedRow[] {
    const recent = this.index.recentOf(stream);
    const rows = recent && from >= recent.first ? [] : rowsOf(this.streamForwards, stream, from, limit);
    if (!recent || rows.length === limit) return rows;
    const start = Math.max(from, recent.first) - recent.first;
    return rows.concat(this.rowsAt(recent.positions.slice(start, start + limit - rows.length)));
  }

  /** The other way round. */
  private backwards(stream: string, from: number, limit: number): RecordedRow[] {
    const recent = this.index.recentOf(stream);
    if (!recent || from < recent.first) return rowsOf(this.streamBackwards, stream, from, limit);
    const end = Math.min(from - recent.first + 1, recent.positions.length);
    const rows = this.rowsAt(recent.positions.slice(Math.max(0, end - limit), end).reverse());
    const rest = limit - rows.length;
    return rest === 0 ? rows : rows.concat(rowsOf(this.streamBackwards, stream, recent.first - 1, rest));
  }

  private rowsAt(positions: readonly Position[]): RecordedRow[] {
    return positions.flatMap((position) => rowsOf(this.byPosition, position));
  }

  /** The first event with this id in this stream. */
  find(stream: string, uuid: string): RecordedEvent | undefined {
    for (const position of this.index.positionsOf(uuid)) {
      const [row] = rowsOf<LogRow>(this.byPosition, position);
      if (row?.[7] === stream) return toRecordedEvent(row, stream);
    }
    return undefined;
  }

  /**
   * Up to `limit` of the events that pass the filter, beginning at position `from` (inclusive) and not going beyond
   * `last` (inclusive), in the given direction. Looks at a bounded number of rows and hands over a bounded amount of
   * text, so there may be more although `limit` was not reached: go on after `end`.
   */
  readLog(from: Position, last: Position, direction: Direction, limit: number, filter?: EventFilter): LogPage {
    const step = direction === 'forwards' ? 1 : -1;
    const window = (WINDOW_ROWS - 1) * step;
    const end = step > 0 ? Math.min(last, from + window) : Math.max(last, from + window);
    const events: RecordedEvent[] = [];
    let next = from;
    let characters = 0;
    while (events.length < limit && characters < BATCH_CHARACTERS) {
      const asked = Math.min(limit - events.length, PAGE_EVENTS);
      const rows = this.logRows(next, end, direction, asked, filter);
      for (const row of rows) {
        events.push(toRecordedEvent(row, row[7]));
        characters += charactersOf(row);
      }
      // Fewer than asked for: the window has no more.
      if (rows.length < asked) return { events, end };
      next = (events.at(-1)?.position ?? next) + step;
    }
    return { events, end: next - step };
  }

  private logRows(from: Position, end: Position, direction: Direction, limit: number, filter?: EventFilter): LogRow[] {
    const condition = conditionOf(filter);
    // NOT INDEXED: in the order of positions, whatever the planner thinks of the condition.
    const statement = this.keep(
      `SELECT ${COLUMNS}, stream FROM events NOT INDEXED WHERE position BETWEEN ? AND ?${condition.sql}
       ORDER BY position ${direction === 'forwards' ? 'ASC' : 'DESC'} LIMIT ?`,
    );
    const [low, high] = direction === 'forwards' ? [from, end] : [end, from];
    return rowsOf<LogRow>(statement, low, high, ...condition.parameters, limit);
  }

  private keep(sql: string): StatementSync {
    const kept = this.filtered.get(sql);
    if (kept) return kept;
    if (this.filtered.size >= MAX_KEPT_STATEMENTS) this.filtered.clear();
    const statement = this.prepare(sql);
    this.filtered.set(sql, statement);
    return statement;
  }

  private prepare(sql: string): StatementSync {
    const statement = this.database.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  }
}
