import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { SystemClock } from '../../clock.js';
import type { Clock } from '../../clock.js';
import { DormouseError } from '../../errors.js';
import { isUuid, serialiseAppend } from '../event-serialisation.js';
import type { SerialisedAppend } from '../event-serialisation.js';
import {
  AppendOutcomeUnknown,
  EventNotStorable,
  EventStoreUnavailable,
  StreamDeleted,
  SubscriptionDropped,
  WrongExpectedRevision,
} from '../event-store.errors.js';
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
import type { Accepted } from './append-protocol.js';
import type { Appends } from './appends.js';
import { Connection } from './connection.js';
import { parseConnectionString } from './connection-string.js';
import { Feed } from './feed.js';
import { HeadWatch } from './head-watch.js';
import { findIdentity } from './identity.js';
import { Pages } from './pages.js';
import { Reads } from './reads.js';
import { failureType, storeUnavailable } from './store-failures.js';
import { exactNumber, IDENTITY_STREAM } from './stored-events.js';

export interface EventStoreDbOptions {
  readonly log: Logger;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** An append that is not answered by then has an unknown outcome. Default: 5 s, or the string's `defaultDeadline`. */
  readonly appendTimeoutMs?: number;
  /** A read that delivers nothing for so long has failed. Default: 5 s. */
  readonly readTimeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 5_000;

/** A ping is for a health check, which should not keep anybody waiting. */
const PING_TIMEOUT_MS = 3_000;

/** How long closing waits for appends in flight. */
const CLOSE_PATIENCE_MS = 5_000;

const DEFAULT_BATCH_SIZE = 500;

/**
 * The event store in EventStoreDB, 21.10 or newer (23.10 or newer tells when a subscription has caught up). Opens without
 * the server; while that is away everything fails as unavailable, and works again with the first call once it is back.
 *
 * An append is settled by repeating it with its ids and its original expectation. That holds without a limit for a
 * revision and for `no_stream`; for `any` and `exists` the server remembers the ids of some hundred thousand events, and
 * none across its own restart.
 */
export class EventStoreDbEventStore extends EventStore {
  readonly kind = 'eventstoredb';
  private readonly reads: Reads;
  private readonly pages: Pages;
  private readonly feeds = new Set<Feed>();
  private readonly watch: HeadWatch;
  private foundIdentity: Promise<string> | undefined;
  private closing: Promise<void> | undefined;

  /**
   * Does not connect yet, so the server need not be there.
   * @throws {SettingsError} the connection string is not one; the message does not show what is secret in it
   */
  static async open(connectionString: string, options: EventStoreDbOptions): Promise<EventStoreDbEventStore> {
    const settings = parseConnectionString(connectionString);
    // Loaded here and not above: a service on the embedded store never loads gRPC.
    const [{ DormouseClient }, { Appends }] = await Promise.all([
      import('./eventstoredb-client.js'),
      import('./appends.js'),
    ]);
    const { log, clock = new SystemClock(), readTimeoutMs = DEFAULT_TIMEOUT_MS } = options;
    const appendTimeoutMs = options.appendTimeoutMs ?? settings.defaultDeadline ?? DEFAULT_TIMEOUT_MS;
    const connection = new Connection(DormouseClient.for(settings), log);
    const appends = new Appends(connection, clock, appendTimeoutMs);
    return new EventStoreDbEventStore(connection, appends, clock, readTimeoutMs);
  }

  private constructor(
    private readonly connection: Connection,
    private readonly appends: Appends,
    private readonly clock: Clock,
    private readonly readTimeoutMs: number,
  ) {
    super();
    this.reads = new Reads(connection, readTimeoutMs);
    this.pages = new Pages(
      this.reads,
      () => connection.known,
      () => this.findHead(readTimeoutMs),
    );
    this.watch = new HeadWatch(
      (timeoutMs) => this.findHead(timeoutMs),
      () => this.dropFeeds('EventStoreDB does not answer.'),
    );
  }

  identity(): Promise<string> {
    this.foundIdentity ??= this.findIdentity().catch((error: unknown) => {
      this.foundIdentity = undefined;
      throw error;
    });
    return this.foundIdentity;
  }

  async append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<AppendResult> {
    const append = serialiseAppend(stream, events, expected);
    this.assertOpen();
    let accepted: Accepted;
    try {
      accepted = await this.appends.send(append);
    } catch (error) {
      throw refusalOf(append, error);
    }
    const revision = exactNumber(accepted.revision, 'the revision');
    const position =
      accepted.position === undefined
        ? await this.positionOfRepeat(append, accepted.revision)
        : exactNumber(accepted.position, 'the position');
    this.connection.answered();
    this.notice(position, false);
    return { revision, position };
  }

  readStream(stream: string, options: ReadStreamOptions = {}): AsyncIterable<RecordedEvent> {
    if (options.limit !== undefined) assertCount('limit', options.limit);
    return options.direction === 'backwards' ? this.readBackwards(stream, options) : this.readForwards(stream, options);
  }

  /**
   * The first event with this id in the stream. EventStoreDB has no index by id: this reads the stream from its first
   * event to the one that is found, to its end when there is none.
   */
  async findEvent(stream: string, eventId: string): Promise<RecordedEvent | undefined> {
    this.assertOpen();
    if (!isUuid(eventId)) return undefined;
    const id = eventId.toLowerCase();
    for await (const event of this.reads.stream(stream)) if (event.id === id) return event;
    return undefined;
  }

  async readAll(options: ReadAllOptions): Promise<EventBatch> {
    assertCount('limit', options.limit);
    this.assertOpen();
    return await this.pages.read(options);
  }

  async *subscribe(options: SubscribeOptions): AsyncGenerator<EventBatch, void> {
    const { signal, batchSize = DEFAULT_BATCH_SIZE } = options;
    assertCount('batchSize', batchSize);
    if (signal.aborted) return;
    if (this.closing) throw new SubscriptionDropped(CLOSED);
    const { connection, reads, readTimeoutMs: timeoutMs } = this;
    const feed = new Feed({ connection, reads, timeoutMs }, { ...options, batchSize });
    this.feeds.add(feed);
    this.watch.start();
    try {
      for (let batch = await feed.next(); batch; batch = await feed.next()) yield batch;
    } catch (error) {
      if (!signal.aborted) throw feed.failureOf(error);
    } finally {
      feed.close();
      this.feeds.delete(feed);
      if (this.feeds.size === 0) this.watch.stop();
    }
  }

  async head(): Promise<Position | null> {
    this.assertOpen();
    return await this.findHead(this.readTimeoutMs);
  }

  async ping(): Promise<void> {
    this.assertOpen();
    await this.reads.head(PING_TIMEOUT_MS);
  }

  close(): Promise<void> {
    this.closing ??= this.shut();
    return this.closing;
  }

  private async shut(): Promise<void> {
    this.watch.stop();
    this.dropFeeds(CLOSED);
    await Promise.race([this.appends.settled(), delay(CLOSE_PATIENCE_MS, undefined, { ref: false })]);
    this.reads.close();
    this.appends.retire();
    await this.connection.client.shutDown();
  }

  private async *readForwards(
    stream: string,
    { from = 0, limit }: ReadStreamOptions,
  ): AsyncGenerator<RecordedEvent, void> {
    this.assertOpen();
    yield* this.reads.stream(stream, { fromRevision: BigInt(from), ...(limit !== undefined && { maxCount: limit }) });
  }

  private async *readBackwards(
    stream: string,
    { from, limit }: ReadStreamOptions,
  ): AsyncGenerator<RecordedEvent, void> {
    this.assertOpen();
    const options = { direction: 'backwards', ...(limit !== undefined && { maxCount: limit }) } as const;
    if (from === undefined) return yield* this.reads.stream(stream, { ...options, fromRevision: 'end' });
    // A start beyond the end means the end, which has to be known: the server's own answer to it is not settled.
    const last = (await this.reads.one(stream, 'last'))?.revision;
    if (last === undefined) return;
    const fromRevision = BigInt(from) < last ? BigInt(from) : last;
    yield* this.reads.stream(stream, { ...options, fromRevision });
  }

  /** The server recognised a repeat and did not say where it is. */
  private async positionOfRepeat({ stream }: SerialisedAppend, revision: bigint): Promise<Position> {
    try {
      const event = await this.reads.one(stream, revision);
      const position = event?.revision === revision ? event.position : undefined;
      // Scavenged since: then everything up to now is a place that it is not beyond.
      return position ? exactNumber(position.commit, 'the position') : ((await this.reads.head()) ?? 0);
    } catch (error) {
      throw new AppendOutcomeUnknown(stream, { cause: error });
    }
  }

  private async findHead(timeoutMs: number): Promise<Position | null> {
    const head = await this.reads.head(timeoutMs);
    if (head !== null) this.notice(head, true);
    return head;
  }

  private async findIdentity(): Promise<string> {
    this.assertOpen();
    return await findIdentity(
      {
        read: async () => {
          const event = await this.reads.one(IDENTITY_STREAM, 'first');
          return event && (event.data as { readonly identity?: unknown } | undefined)?.identity;
        },
        begin: async (event) => {
          await this.append(IDENTITY_STREAM, [event], 'no_stream');
        },
      },
      this.clock,
    );
  }

  private notice(position: Position, isWanted: boolean): void {
    this.connection.learn(position);
    for (const feed of this.feeds) feed.notice(position, isWanted);
  }

  private dropFeeds(reason: string): void {
    for (const feed of this.feeds) feed.drop(reason);
  }

  private assertOpen(): void {
    if (this.closing) throw new EventStoreUnavailable('The event store is closed.');
  }
}

const CLOSED = 'the event store was closed.';

/** What an append that was not accepted comes to. Where the error does not say that nothing was written, nobody knows. */
function refusalOf(append: SerialisedAppend, error: unknown): Error {
  if (error instanceof DormouseError) return error;
  const { stream, expected } = append;
  switch (failureType(error)) {
    case 'wrong-expected-version':
      return new WrongExpectedRevision(stream, expected, actualRevisionOf(error));
    case 'stream-deleted':
      return new StreamDeleted(stream);
    case 'maximum-append-size-exceeded':
      return new EventNotStorable(`An append to stream '${stream}' is larger than EventStoreDB accepts.`, {
        cause: error,
      });
    case 'access-denied':
      return storeUnavailable('append', error);
    default:
      return new AppendOutcomeUnknown(stream, { cause: storeUnavailable('append', error) });
  }
}

function actualRevisionOf(error: unknown): number | 'no_stream' {
  const { actualVersion } = error as { readonly actualVersion: bigint | 'no_stream' };
  return typeof actualVersion === 'bigint' ? exactNumber(actualVersion, 'the revision') : 'no_stream';
}

/** @throws {RangeError} a defect of the caller */
function assertCount(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} must be a whole number from 1.`);
}
