import { randomUUID } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../../src/platform/clock.js';
import { openSqliteFile } from '../../../src/platform/sqlite/sqlite-file.js';
import { CommitSignal } from '../../../src/platform/event-store/embedded/commit-signal.js';
import { EventIndex } from '../../../src/platform/event-store/embedded/event-index.js';
import { eventLogFormat } from '../../../src/platform/event-store/embedded/event-log-format.js';
import { EventReader } from '../../../src/platform/event-store/embedded/event-reader.js';
import { EventWriter } from '../../../src/platform/event-store/embedded/event-writer.js';
import { GroupCommit } from '../../../src/platform/event-store/embedded/group-commit.js';
import type { SerialisedEvent } from '../../../src/platform/event-store/event-serialisation.js';
import type { ExpectedRevision, RecordedEvent } from '../../../src/platform/event-store/event-store.port.js';
import { BINARY_CONTENT, DELETED_STREAM, JSON_CONTENT, sizeOf, STREAM_DELETED } from './records.js';
import type { Direction, ProposedEvent, StoredEvent } from './records.js';

/** Positions between two events that were written: room for the links that the server makes up, see SystemStreams. */
const POSITIONS_PER_EVENT = 8;

/** Place of the event that a position, its own or one in the gap after it, belongs to. */
export function placeOf(position: number): number {
  return Math.floor(position / POSITIONS_PER_EVENT);
}

/** Position of the event at a place. */
export function positionOf(place: number): number {
  return place * POSITIONS_PER_EVENT;
}

/** An event that was written, and its correlation id, which system streams need of every event. */
export interface WrittenEvent extends StoredEvent {
  readonly correlationId: string | undefined;
}

/** A page of the log; everything between its start and `end` (inclusive, a place) is in it or was left out. */
export interface LogPage {
  readonly events: readonly WrittenEvent[];
  readonly end: number;
}

/**
 * What was written, in order, on the disk: the parts of the embedded event store, put together without the rules of
 * Dormouse's own events (JSON objects, its metadata, its size limit), which EventStoreDB does not have.
 *
 * A *place* is the embedded store's dense position, from 1; clients see {@link positionOf} it.
 */
export class EventLog {
  /** Tells those who wait that there is more to read. */
  readonly commits = new CommitSignal();
  private readonly index: EventIndex;
  private readonly reader: EventReader;
  private readonly writer: EventWriter;
  private readonly group: GroupCommit;

  static open(path: string, clock: Clock): EventLog {
    // What is committed outlives the process, killed or not, which is all that tests inflict; not to wait for the disk
    // makes the server as fast as the real one on better disks.
    return new EventLog(openSqliteFile(path, { ...eventLogFormat(randomUUID()), synchronous: 'NORMAL' }), clock);
  }

  private constructor(
    private readonly database: DatabaseSync,
    clock: Clock,
  ) {
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    this.index = new EventIndex(database);
    this.reader = new EventReader(database, this.index);
    this.writer = new EventWriter(database, this.index, clock);
    this.group = new GroupCommit((group) => {
      try {
        return this.writer.write(group);
      } catch (error) {
        return group.map(() => (error instanceof Error ? error : new Error(String(error))));
      } finally {
        this.commits.notify();
      }
    });
  }

  get isOpen(): boolean {
    return this.database.isOpen;
  }

  /** Place of the last event that readers see; 0 while there is none. */
  get head(): number {
    return this.writer.head;
  }

  /** Revision of the last event of a stream; -1 when nothing was ever written to it. */
  revisionOf(stream: string): number {
    return this.index.headOf(stream);
  }

  /**
   * Appends by EventStoreDB's rules for revisions and repeated ids. Resolves once the events are durable.
   *
   * @throws {WrongExpectedRevision} the embedded store's
   */
  append(
    stream: string,
    events: readonly ProposedEvent[],
    expected: ExpectedRevision,
  ): Promise<{ revision: number; place: number }> {
    const bytes = events.reduce((sum, event) => sum + sizeOf(event), 0);
    return this.group
      .submit({ stream, events: events.map(toRow), expected, bytes })
      .then(({ revision, position }) => ({ revision, place: position }));
  }

  /** Up to `limit` events of a stream from a revision on, inclusive. */
  streamPage(stream: string, from: number, direction: Direction, limit: number): WrittenEvent[] {
    return this.reader.streamPage(stream, from, direction, limit).map(fromRow);
  }

  /** Up to `limit` events from a place on, inclusive; optionally only those of some types. */
  page(from: number, direction: Direction, limit: number, types?: readonly string[]): LogPage {
    const last = direction === 'forwards' ? this.head : 1;
    if (direction === 'forwards' ? from > last : from < last) return { events: [], end: from };
    const { events, end } = this.reader.readLog(from, last, direction, limit, types && { types });
    return { events: events.map(fromRow), end };
  }

  /** Writes what waits to be written, then closes. */
  close(): void {
    if (!this.database.isOpen) return;
    this.group.drain();
    this.database.close();
    this.commits.notify();
  }

  /** Closes without writing what waits, as a process does that is killed. */
  abandon(): void {
    if (!this.database.isOpen) return;
    this.database.close();
    this.commits.notify();
  }
}

/** How the parts of an event lie in the data column; the store's own metadata column is not used. */
interface Envelope {
  readonly d: string;
  readonly m: string;
  /** Which of the two, `d`, `m` or both, are base64, because they are not text. */
  readonly b?: string;
  /** Content type, unless it is JSON. */
  readonly c?: string;
  /** Correlation id. */
  readonly r?: string;
}

function toRow(event: ProposedEvent): SerialisedEvent {
  const binary = `${isUtf8(event.data) ? '' : 'd'}${isUtf8(event.metadata) ? '' : 'm'}`;
  const metadata = textOf(event.metadata, binary.includes('m'));
  const correlationId = binary.includes('m') ? undefined : correlationIdIn(metadata);
  const envelope: Envelope = {
    d: textOf(event.data, binary.includes('d')),
    m: metadata,
    ...(binary !== '' && { b: binary }),
    ...(event.contentType !== JSON_CONTENT && { c: event.contentType }),
    ...(correlationId !== undefined && { r: correlationId }),
  };
  return { id: event.id, type: event.type, data: JSON.stringify(envelope), metadata: '{}' };
}

function fromRow(row: RecordedEvent): WrittenEvent {
  // Only toRow writes here.
  const { d, m, b = '', c = JSON_CONTENT, r } = row.data as unknown as Envelope;
  return {
    id: row.id,
    type: row.type,
    contentType: c,
    data: bytesOf(d, b.includes('d')),
    metadata: bytesOf(m, b.includes('m')),
    stream: row.stream,
    revision: row.type === STREAM_DELETED ? DELETED_STREAM : BigInt(row.revision),
    position: positionOf(row.position),
    created: row.recordedAt,
    correlationId: r,
  };
}

function textOf(bytes: Uint8Array, isBinary: boolean): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(isBinary ? 'base64' : 'utf8');
}

function bytesOf(text: string, isBinary: boolean): Uint8Array {
  return Buffer.from(text, isBinary ? 'base64' : 'utf8');
}

/** `$correlationId` of metadata that is a JSON object. */
function correlationIdIn(metadata: string): string | undefined {
  if (!metadata.includes('"$correlationId"')) return undefined;
  try {
    const { $correlationId: id } = JSON.parse(metadata) as { $correlationId?: unknown };
    return typeof id === 'string' && id !== '' ? id : undefined;
  } catch {
    // Metadata may be any text; then there is no correlation id in it.
    return undefined;
  }
}

/** An event that the server itself writes. */
export function serverEvent(type: string, data: string, contentType: string = JSON_CONTENT): ProposedEvent {
  return { id: randomUUID(), type, contentType, data: Buffer.from(data), metadata: Buffer.alloc(0) };
}

/** Content types that clients may send; what else they send counts as binary, as in EventStoreDB. */
export function knownContentType(contentType: string | undefined): string {
  return contentType === JSON_CONTENT ? JSON_CONTENT : BINARY_CONTENT;
}
