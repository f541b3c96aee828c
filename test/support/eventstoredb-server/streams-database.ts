import { join } from 'node:path';
import type { Clock } from '../../../src/platform/clock.js';
import { WrongExpectedRevision } from '../../../src/platform/event-store/event-store.errors.js';
import type { ExpectedRevision } from '../../../src/platform/event-store/event-store.port.js';
import { EventLog, positionOf, serverEvent } from './event-log.js';
import { DELETED_STREAM, LINK, MAX_APPEND_SIZE, METADATA, metastreamOf, sizeOf, STREAM_DELETED } from './records.js';
import type { Direction, ExpectedState, ProposedEvent, StoredEvent } from './records.js';
import { AppendTooLarge, BadRequest, StreamIsDeleted, WrongExpectedVersion } from './server-errors.js';
import { StreamStates } from './stream-states.js';
import { isProjected, SystemStreams } from './system-streams.js';

/** What an append came to. `revision` is undefined for an empty append to a stream that does not exist. */
export interface Appended {
  readonly revision: bigint | undefined;
  /** Of the last event; undefined when the append was empty. */
  readonly position: number | undefined;
}

/** An event as a read hands it over: `link` is what stands in the stream that was read, `event` what it points to. */
export interface ResolvedEvent {
  readonly event: StoredEvent | undefined;
  readonly link: StoredEvent | undefined;
}

/** The first and the last revision of a stream that are to be seen; first > last when there are none. */
interface VisibleRange {
  readonly first: number;
  readonly last: number;
  /** Milliseconds since the epoch; what is older is not to be seen. */
  readonly notBefore: number;
}

/** So many events are read at a time. */
const PAGE_EVENTS = 256;

/** What a new store already holds, before the first event of a user. */
const SYSTEM_PROJECTIONS = ['$streams', '$stream_by_category', '$by_category', '$by_event_type', '$by_correlation_id'];

/**
 * EventStoreDB's rules for streams, on top of a log that has only events: metadata, soft deletes and tombstones, streams
 * of links, sizes, and what an append may expect.
 */
export class StreamsDatabase {
  private readonly states: StreamStates;
  readonly system: SystemStreams;

  /** Opens the store in a directory, or makes it. */
  static async open(directory: string, clock: Clock): Promise<StreamsDatabase> {
    const log = EventLog.open(join(directory, 'events.db'), clock);
    if (log.head === 0) {
      const created = SYSTEM_PROJECTIONS.map((name) => serverEvent('$ProjectionCreated', name, 'text'));
      await log.append('$projections-$all', [serverEvent('$ProjectionsInitialized', '{}'), ...created], 'no_stream');
    }
    return new StreamsDatabase(log, clock);
  }

  private constructor(
    readonly log: EventLog,
    private readonly clock: Clock,
  ) {
    this.states = new StreamStates(log);
    this.system = new SystemStreams(log);
  }

  /**
   * @throws {BadRequest} {@link AppendTooLarge} {@link StreamIsDeleted} {@link WrongExpectedVersion}; nothing was written
   */
  async append(stream: string, events: readonly ProposedEvent[], expected: ExpectedState): Promise<Appended> {
    this.assertWritable(stream);
    const size = events.reduce((sum, event) => sum + sizeOf(event), 0);
    if (size > MAX_APPEND_SIZE) throw new AppendTooLarge(MAX_APPEND_SIZE);
    if (events.length === 0) return this.appendNothing(stream, expected);
    const { isSoftDeleted } = this.states.metadataOf(stream);
    if (isSoftDeleted && expected === 'stream_exists') throw new StreamIsDeleted(stream);
    const before = this.log.revisionOf(stream);
    // A stream deleted for now may be begun again as if it were new; its numbers go on.
    const really = isSoftDeleted && expected === 'no_stream' ? BigInt(before) : expected;
    const written = await this.write(stream, events, really, expected);
    if (isSoftDeleted && written.revision > before) await this.undelete(stream, before + 1);
    return { revision: BigInt(written.revision), position: positionOf(written.place) };
  }

  /** Deletes for now: all that is there is no longer to be seen. */
  async delete(stream: string, expected: ExpectedState): Promise<number> {
    this.assertWritable(stream);
    this.assertExpected(stream, expected);
    const json = JSON.stringify({ ...this.states.metadataOf(stream).json, $tb: 0 });
    // 2^63 - 1 is not a number that JSON.stringify could write.
    const deleted = json.replace('"$tb":0', `"$tb":${DELETED_STREAM}`);
    const { place } = await this.write(metastreamOf(stream), [serverEvent(METADATA, deleted)], 'any');
    return positionOf(place);
  }

  /** Deletes for ever. */
  async tombstone(stream: string, expected: ExpectedState): Promise<number> {
    this.assertWritable(stream);
    this.assertExpected(stream, expected);
    const { place } = await this.write(stream, [serverEvent(STREAM_DELETED, '')], expected);
    return positionOf(place);
  }

  /** True when the stream has, or had, an event and is not deleted for now. @throws {StreamIsDeleted} */
  exists(stream: string): boolean {
    if (this.states.isTombstoned(stream)) throw new StreamIsDeleted(stream);
    if (isProjected(stream)) return this.system.lengthOf(stream) > 0;
    return this.log.revisionOf(stream) >= 0 && !this.states.metadataOf(stream).isSoftDeleted;
  }

  /** Revision that the next event of a stream will have. */
  lengthOf(stream: string): number {
    return isProjected(stream) ? this.system.lengthOf(stream) : this.log.revisionOf(stream) + 1;
  }

  /** The events of a stream that are to be seen, page by page, from a revision on, inclusive; Infinity is the end. */
  *read(stream: string, from: number, direction: Direction): Generator<StoredEvent[], void> {
    const range = this.visibleRange(stream);
    const step = direction === 'forwards' ? 1 : -1;
    let next = direction === 'forwards' ? Math.max(from, range.first) : Math.min(from, range.last);
    while (next >= range.first && next <= range.last) {
      const page = this.pageOf(stream, next, direction, PAGE_EVENTS);
      const last = page.at(-1);
      if (!last) return;
      yield page.filter((event) => event.created >= range.notBefore && inRange(event, range));
      next = revisionIn(last) + step;
    }
  }

  /** Follows a link if that is wanted and it is one; a link to what is not there gives no event. */
  resolve(event: StoredEvent, resolveLinks: boolean): ResolvedEvent {
    if (!resolveLinks || event.type !== LINK) return { event, link: undefined };
    const [revision = '', ...name] = Buffer.from(event.data).toString('utf8').split('@');
    const stream = name.join('@');
    return { event: this.find(stream, Number(revision)), link: event };
  }

  private find(stream: string, revision: number): StoredEvent | undefined {
    if (!Number.isSafeInteger(revision) || this.states.isTombstoned(stream)) return undefined;
    const range = this.visibleRange(stream);
    const [event] = this.pageOf(stream, revision, 'forwards', 1);
    return event && revisionIn(event) === revision && inRange(event, range) ? event : undefined;
  }

  private pageOf(stream: string, from: number, direction: Direction, limit: number): StoredEvent[] {
    if (!isProjected(stream)) return this.log.streamPage(stream, from, direction, limit);
    const step = direction === 'forwards' ? 1 : -1;
    const events: StoredEvent[] = [];
    for (let revision = from; events.length < limit; revision += step) {
      const event = this.system.at(stream, revision);
      if (!event) break;
      events.push(event);
    }
    return events;
  }

  private visibleRange(stream: string): VisibleRange {
    const { maxCount, maxAge, truncateBefore, isSoftDeleted } = this.states.metadataOf(stream);
    const last = this.lengthOf(stream) - 1;
    const kept = maxCount === undefined ? 0 : last + 1 - maxCount;
    return {
      first: isSoftDeleted ? last + 1 : Math.max(0, truncateBefore, kept),
      last,
      notBefore: maxAge === undefined ? -Infinity : this.clock.now() - maxAge * 1_000,
    };
  }

  private assertWritable(stream: string): void {
    if (stream === '') throw new BadRequest('Stream name is empty.');
    if (isProjected(stream)) throw new BadRequest(`Stream '${stream}' belongs to a system projection.`);
    if (this.states.isTombstoned(stream)) throw new StreamIsDeleted(stream);
  }

  /** An append without events is only a question. */
  private appendNothing(stream: string, expected: ExpectedState): Appended {
    this.assertExpected(stream, expected);
    const revision = this.log.revisionOf(stream);
    return { revision: revision < 0 ? undefined : BigInt(revision), position: undefined };
  }

  /** @throws {WrongExpectedVersion} */
  private assertExpected(stream: string, expected: ExpectedState): void {
    const revision = this.log.revisionOf(stream);
    const exists = revision >= 0 && !this.states.metadataOf(stream).isSoftDeleted;
    const holds =
      expected === 'any' ||
      (expected === 'no_stream' && !exists) ||
      (expected === 'stream_exists' && exists) ||
      expected === BigInt(revision);
    if (!holds) throw wrongVersion(stream, expected, revision);
  }

  private async write(
    stream: string,
    events: readonly ProposedEvent[],
    expected: ExpectedState,
    asked: ExpectedState = expected,
  ): Promise<{ revision: number; place: number }> {
    try {
      const written = await this.log.append(stream, events, toExpected(expected));
      // The newest, not what was written: a repeat of an old append writes nothing.
      if (stream.startsWith('$$') || events.some(({ type }) => type === STREAM_DELETED)) {
        this.states.note(this.log.streamPage(stream, Number.MAX_SAFE_INTEGER, 'backwards', 1));
      }
      return written;
    } catch (error) {
      if (!(error instanceof WrongExpectedRevision)) throw error;
      throw wrongVersion(stream, asked, error.actual === 'no_stream' ? -1 : error.actual);
    }
  }

  /** After the first append to a stream that was deleted for now: what was there before stays hidden. */
  private async undelete(stream: string, truncateBefore: number): Promise<void> {
    const json = { ...this.states.metadataOf(stream).json, $tb: truncateBefore };
    await this.write(metastreamOf(stream), [serverEvent(METADATA, JSON.stringify(json))], 'any');
  }
}

function wrongVersion(stream: string, expected: ExpectedState, revision: number): WrongExpectedVersion {
  return new WrongExpectedVersion(stream, expected, revision < 0 ? undefined : BigInt(revision));
}

function toExpected(expected: ExpectedState): ExpectedRevision {
  if (typeof expected === 'bigint') return Number(expected);
  return expected === 'stream_exists' ? 'exists' : expected;
}

function inRange(event: StoredEvent, { first, last }: VisibleRange): boolean {
  return event.revision >= BigInt(first) && event.revision <= BigInt(last);
}

function revisionIn(event: StoredEvent): number {
  return Number(event.revision);
}
