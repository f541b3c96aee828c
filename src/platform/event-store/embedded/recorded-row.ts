import type { StatementSync } from 'node:sqlite';
import type { JsonObject } from '../../json.js';
import type { EventMetadata, RecordedEvent } from '../event-store.port.js';

/** The columns of {@link RecordedRow}, for a SELECT. SQLite makes hexadecimal faster than JavaScript reads bytes. */
export const COLUMNS = 'position, revision, type, recorded_at, lower(hex(id)), data, metadata';

/** One event as SQLite answers it: an array, because making objects of rows would cost half as much as parsing them. */
export type RecordedRow = readonly [
  position: number,
  revision: number,
  type: string,
  recordedAt: number,
  idHex: string,
  data: string,
  metadata: string,
];

/**
 * Runs a statement over {@link COLUMNS} to its end and gives its rows.
 *
 * @param statement one with `setReturnArrays(true)`
 */
export function rowsOf<R extends readonly unknown[] = RecordedRow>(
  statement: StatementSync,
  ...parameters: (string | number)[]
): R[] {
  // The types of node:sqlite do not know that setReturnArrays turns rows into arrays.
  return statement.all(...parameters) as unknown as R[];
}

/** The event of a row of that stream. */
export function toRecordedEvent(row: Pick<RecordedRow, 0 | 1 | 2 | 3 | 4 | 5 | 6>, stream: string): RecordedEvent {
  return {
    stream,
    revision: row[1],
    position: row[0],
    id: toUuid(row[4]),
    type: row[2],
    data: JSON.parse(row[5]) as JsonObject,
    metadata: JSON.parse(row[6]) as EventMetadata,
    recordedAt: row[3],
  };
}

/** Length of an event's JSON. */
export function charactersOf(row: Pick<RecordedRow, 5 | 6>): number {
  return row[5].length + row[6].length;
}

/** The 32 digits of a UUID, lower case. */
export function uuidHex(uuid: string): string {
  return uuid.replaceAll('-', '').toLowerCase();
}

function toUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
