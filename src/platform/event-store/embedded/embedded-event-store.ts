import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../clock.js';
import { openSqliteFile } from '../../sqlite/sqlite-file.js';
import { describeSqliteFailure, wroteNothing } from '../../sqlite/sqlite-problem.js';
import { isUuid, serialiseAppend } from '../event-serialisation.js';
import type { SerialisedAppend } from '../event-serialisation.js';
import { AppendOutcomeUnknown, EventStoreUnavailable, SubscriptionDropped } from '../event-store.errors.js';
import { EventStore } from '../event-store.port.js';
import type {
  AppendResult,
  EventBatch,
  ExpectedRevision,
  NewEvent,
  Position,
  ReadAllOptions,
  ReadStreamOptions,
  RecordedEvent,
  SubscribeOptions,
} from '../event-store.port.js';
import { CommitSignal } from './commit-signal.js';
import { EventIndex } from './event-index.js';
import { eventLogFormat } from './event-log-format.js';
import { EventReader, PAGE_EVENTS } from './event-reader.js';
import { CommitFailed, EventWriter } from './event-writer.js';
import { GroupCommit } from './group-commit.js';
import type { AppendOutcome } from './group-commit.js';
import { PagedEvents } from './paged-events.js';

const DEFAULT_BATCH_SIZE = 500;

/** Pages kept in memory, KiB: the inner pages of the indexes of some million events. */
const CACHE_KIB = 16 * 1024;

export interface EmbeddedEventStoreOptions {
  readonly clock: Clock;
  /** New events are gathered in memory before their index is written (default 4,096 of them). */
  readonly indexAfter?: number;
}

/**
 * The event store in a SQLite file of this process: the default, which needs no server.
 *
 * Everything runs on the main thread. Waiting for the disk blocks it for a fraction of a millisecond per commit; handing
 * each append to a worker thread and back would cost about as much, and its order with reads would have to be argued.
 * The process is the only writer (see DataDirectory), so what it has committed is all there is.
 */
export class EmbeddedEventStore extends EventStore {
  readonly kind = 'embedded';
  private readonly reader: EventReader;
  private readonly writer: EventWriter;
  private readonly appends: GroupCommit;
  private readonly commits = new CommitSignal();
  private readonly storeIdentity: string;

  /**
   * Opens the store, or makes it where there is none.
   *
   * @throws {StoreFileRefused} the file is not one that this program may open; it was left as it was
   */
  static open(path: string, options: EmbeddedEventStoreOptions): EmbeddedEventStore {
    const database = openSqliteFile(path, eventLogFormat(randomUUID()));
    try {
      return new EmbeddedEventStore(path, database, options);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  private constructor(
    private readonly path: string,
    private readonly database: DatabaseSync,
    { clock, indexAfter }: EmbeddedEventStoreOptions,
  ) {
    super();
    // Nobody else has business in this file. Keeping its locks spares each commit to take and give them back, a
    // twentieth of its time, and turns a second process away even where nobody claimed the directory.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    const index = new EventIndex(database, indexAfter);
    this.reader = new EventReader(database, index);
    this.writer = new EventWriter(database, index, clock);
    this.appends = new GroupCommit((group) => this.write(group));
    const row = database.prepare("SELECT value FROM meta WHERE key = 'identity'").get();
    this.storeIdentity = String(row?.['value']);
  }

  identity(): Promise<string> {
    return Promise.resolve(this.storeIdentity);
  }

  async append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<AppendResult> {
    const append = serialiseAppend(stream, events, expected);
    this.assertOpen();
    return this.appends.submit(append);
  }

  readStream(stream: string, options: ReadStreamOptions = {}): AsyncIterable<RecordedEvent> {
    const { direction = 'forwards', limit = Number.MAX_SAFE_INTEGER } = options;
    assertCount('limit', limit);
    const step = direction === 'forwards' ? 1 : -1;
    const start = options.from ?? (direction === 'forwards' ? 0 : Number.MAX_SAFE_INTEGER);
    return new PagedEvents(() => {
      let from = start;
      let left = limit;
      return () => {
        const asked = Math.min(left, PAGE_EVENTS);
        const events = this.guard('read', () => this.reader.streamPage(stream, from, direction, asked));
        from = (events.at(-1)?.revision ?? from) + step;
        left -= events.length;
        return { events, isLast: left === 0 || events.length < asked };
      };
    });
  }

  findEvent(stream: string, eventId: string): Promise<RecordedEvent | undefined> {
    return this.answer('read', () => (isUuid(eventId) ? this.reader.find(stream, eventId) : undefined));
  }

  async readAll(options: ReadAllOptions): Promise<EventBatch> {
    assertCount('limit', options.limit);
    // A caller that pages through everything would otherwise never let the event loop have its turn.
    await nextTurn();
    return options.direction === 'backwards' ? this.batchBefore(options) : this.batchAfter(options);
  }

  async *subscribe(options: SubscribeOptions): AsyncGenerator<EventBatch, void> {
    const { filter, signal, batchSize: limit = DEFAULT_BATCH_SIZE } = options;
    assertCount('batchSize', limit);
    let { after } = options;
    let saidLive = false;
    while (!signal.aborted) {
      if (!this.database.isOpen) throw new SubscriptionDropped('the event store was closed.');
      const batch = this.batchAfter(filter ? { after, limit, filter } : { after, limit });
      const isNews = batch.position !== after || (batch.live && !saidLive);
      after = batch.position;
      saidLive ||= batch.live;
      if (isNews) yield batch;
      // While the batch was away others may have committed; then there is nothing to wait for.
      if (this.writer.head > (after ?? 0)) await nextTurn();
      else if (this.database.isOpen) await this.commits.next(signal);
    }
  }

  head(): Promise<Position | null> {
    return this.answer('read', () => this.writer.head || null);
  }

  ping(): Promise<void> {
    return this.answer('answer', () => this.database.exec('SELECT max(position) FROM events'));
  }

  close(): Promise<void> {
    if (this.database.isOpen) {
      this.appends.drain();
      this.database.close();
      this.commits.notify();
    }
    return Promise.resolve();
  }

  /** What follows a position, up to the head. */
  private batchAfter({ after, limit, filter }: Omit<ReadAllOptions, 'direction'>): EventBatch {
    const { head } = this.writer;
    return this.guard('read', () => {
      if ((after ?? 0) >= head) return { events: [], position: after, live: true };
      const { events, end } = this.reader.readLog((after ?? 0) + 1, head, 'forwards', limit, filter);
      return { events, position: end, live: end >= head };
    });
  }

  /** What precedes a position, down to the first event. */
  private batchBefore({ after, limit, filter }: Omit<ReadAllOptions, 'direction'>): EventBatch {
    const from = after === null ? this.writer.head : Math.min(after - 1, this.writer.head);
    return this.guard('read', () => {
      if (from < 1) return { events: [], position: after, live: true };
      const { events, end } = this.reader.readLog(from, 1, 'backwards', limit, filter);
      return { events, position: end, live: end <= 1 };
    });
  }

  /** Writes a group; a failure of the whole group is the outcome of each append in it. */
  private write(group: readonly SerialisedAppend[]): AppendOutcome[] {
    const before = this.writer.head;
    try {
      return this.writer.write(group);
    } catch (error) {
      return group.map(({ stream }) => this.failureOf(stream, error));
    } finally {
      if (this.writer.head > before) this.commits.notify();
    }
  }

  private failureOf(stream: string, error: unknown): Error {
    const cause = error instanceof CommitFailed ? error.cause : error;
    const unavailable = this.unavailable('write', cause);
    // When flushing the log failed, its end may or may not be on the disk: no reader here sees it, but a process that
    // starts after a power cut might. Repeating the append settles it either way.
    if (error instanceof CommitFailed && !wroteNothing(cause)) {
      return new AppendOutcomeUnknown(stream, { cause: unavailable });
    }
    return unavailable;
  }

  private answer<T>(verb: string, work: () => T): Promise<T> {
    return new Promise((resolve) => resolve(this.guard(verb, work)));
  }

  private guard<T>(verb: string, work: () => T): T {
    this.assertOpen();
    try {
      return work();
    } catch (error) {
      throw this.unavailable(verb, error);
    }
  }

  private assertOpen(): void {
    if (!this.database.isOpen) throw new EventStoreUnavailable('The event store is closed.');
  }

  private unavailable(verb: string, error: unknown): EventStoreUnavailable {
    const message = describeSqliteFailure(`The event store could not ${verb}`, this.path, error);
    return new EventStoreUnavailable(message, { cause: error });
  }
}

/** @throws {RangeError} a defect of the caller */
function assertCount(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} must be a whole number from 1.`);
}
