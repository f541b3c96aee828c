import type { EventMetadata, Position } from '../event-store/event-store.port.js';
import { DormouseError } from '../errors.js';
import type { JsonObject } from '../json.js';

/**
 * A history as a file: NDJSON, UTF-8, one JSON object a line.
 *
 * - the first line is a {@link HistoryHeader}: what this is, and whose history;
 * - each further line is a {@link HistoryEvent}, in the global order of the source;
 * - the last line is a {@link HistoryTrailer}: how many events there are, and the SHA-256 of every byte before it.
 *
 * So a file that was cut off, or changed anywhere, is noticed before anything of it is used.
 */
export const FORMAT = 'dormouse-events';

/** Raised when a reader of the present version could misread a file of the next. */
export const FORMAT_VERSION = 1;

/** First line. */
export interface HistoryHeader {
  readonly format: typeof FORMAT;
  readonly version: number;
  /** Identity of the history that the events come from. */
  readonly history: string;
  /** ISO 8601, UTC. */
  readonly exported_at: string;
}

/** An event as a line says it. Its position is left out: every store has its own. */
export interface HistoryEvent {
  readonly stream: string;
  /** Index in its stream, dense from 0. */
  readonly revision: number;
  /** UUID, lower case. */
  readonly id: string;
  readonly type: string;
  readonly data: JsonObject;
  readonly metadata: EventMetadata;
  /** When the source took it; ISO 8601, UTC. For people: a target gives its own. */
  readonly recorded_at: string;
}

/** Last line. */
export interface HistoryTrailer {
  readonly end: typeof FORMAT;
  readonly events: number;
  /** Of every byte before this line, line feeds included; hexadecimal. */
  readonly sha256: string;
}

/** A history that was written to a file, or read from one, to its end. */
export interface HistorySummary {
  /** Identity of the source. */
  readonly history: string;
  readonly events: number;
  readonly streams: number;
  readonly sha256: string;
}

/** An event on its way out of a store. */
export interface StoredHistoryEvent extends HistoryEvent {
  readonly position: Position;
}

/** What is wrong with a file that should hold a history. */
export type HistoryFileProblem = 'empty' | 'foreign' | 'newer' | 'truncated' | 'altered' | 'changed';

/** The file is not a whole, unaltered history that this program knows. */
export class HistoryFileRefused extends DormouseError {
  constructor(
    readonly problem: HistoryFileProblem,
    message: string,
    options?: ErrorOptions,
  ) {
    super(`history_file_${problem}`, 422, message, {}, options);
  }
}

/** A stream of the source does not begin at revision 0, or has a gap: the history cannot be moved whole. */
export class HistoryIncomplete extends DormouseError {
  constructor(
    readonly stream: string,
    expected: number,
    found: number,
  ) {
    super(
      'history_incomplete',
      409,
      `Stream '${stream}' goes on with revision ${found} where ${expected} was expected: events of it were removed from ` +
        'the source (truncated by $maxCount, $maxAge or $tb, or deleted, and scavenged). Export from a backup that still ' +
        "has them, or leave the stream out by naming the categories to export ('--category').",
    );
  }
}

/** The target holds something that is not the beginning of the history to import; nothing was written. */
export class TargetHoldsOthers extends DormouseError {
  constructor(
    readonly stream: string,
    why: string,
  ) {
    super(
      'target_holds_other_events',
      409,
      `Stream '${stream}' of the target ${why}. Nothing was written. Import into a store that holds nothing of these ` +
        'streams, or only what an interrupted import of this very file has left.',
    );
  }
}

/** The import ended in the middle. What is written stays; the same import again goes on from there. */
export class ImportInterrupted extends DormouseError {
  constructor(
    readonly done: number,
    total: number,
    why: string,
    options?: ErrorOptions,
  ) {
    super('import_interrupted', 503, `${done} of ${total} events are in the target, then: ${why}`, {}, options);
  }
}
