import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import { SystemClock } from '../../src/platform/clock.js';
import { PlatformSettings } from '../../src/platform/config/platform-settings.js';
import { PublicEvents } from '../../src/platform/contracts/public-events.js';
import type { CloudEvent, EventSelection } from '../../src/platform/contracts/public-events.js';
import { EventCodec } from '../../src/platform/event-store/event-codec.js';
import type { EventCategory, EventTypeDefinition } from '../../src/platform/event-store/event-codec.js';
import type { NewEvent } from '../../src/platform/event-store/event-store.port.js';
import { PositionTokens } from '../../src/platform/event-store/position-tokens.js';
import { FeedHub } from '../../src/platform/feed/feed-hub.js';
import { FeedMetrics } from '../../src/platform/feed/feed-metrics.js';
import { DEFAULT_FEED_OPTIONS } from '../../src/platform/feed/feed-options.js';
import type { FeedOptions } from '../../src/platform/feed/feed-options.js';
import { FeedPages } from '../../src/platform/feed/feed-pages.js';
import { FeedPositions } from '../../src/platform/feed/feed-positions.js';
import { FeedReader } from '../../src/platform/feed/feed-reader.js';
import type { Sink } from '../../src/platform/feed/stream-client.js';
import { Metrics } from '../../src/platform/observability/metrics.js';
import { MemoryEventStore } from './memory-event-store.js';

const published = (type: string): EventTypeDefinition => ({
  version: 1,
  published: { type, schema: { type: 'object' }, map: (data, kettle_id) => ({ kettle_id, ...data }) },
});

/** Kettles: two published types and one that stays inside. */
export const KETTLES: EventCategory = {
  category: 'kettle',
  kind: 'kettle',
  idField: 'kettle_id',
  summary: 'a kettle',
  types: {
    KettleBoiled: published('dormouse.kettle.boiled.v1'),
    KettleEmptied: published('dormouse.kettle.emptied.v1'),
    KettleTouched: { version: 1 },
  },
};

const LAMPS: EventCategory = {
  category: 'lamp',
  kind: 'lamp',
  idField: 'lamp_id',
  summary: 'a lamp',
  types: { LampLit: published('dormouse.lamp.lit.v1') },
};

/** Everything small and quick, so that a test meets every edge. */
export const SMALL: FeedOptions = {
  ...DEFAULT_FEED_OPTIONS,
  mostClients: 100,
  slowAfterMs: 60,
  mostUnsent: 2_000,
  ring: { entries: 5, bytes: 20_000 },
  flushBytes: 1_500,
  heartbeatMs: 20,
  tickMs: 5,
  lingerMs: 25,
  farewellMs: 20,
  farewellAtEndMs: 20,
  readers: 2,
  pageSize: 3,
  readAgainMs: 2,
  aheadMs: 60,
  aheadEveryMs: 2,
  tail: { batchSize: 3, stallAfterMs: 25, backoffMinMs: 1, backoffMaxMs: 4 },
};

/** The other end of a stream: takes what is written, or lets it wait. What waits when the connection ends is lost. */
export class FakeSink extends EventEmitter implements Sink {
  /** What has arrived. */
  text = '';
  writes = 0;
  closed = false;
  private waiting: string[] = [];
  private ended = false;
  private needsDrain = false;
  private takes = true;

  get writableLength(): number {
    return this.waiting.reduce((sum, text) => sum + text.length, 0);
  }

  get writableNeedDrain(): boolean {
    return this.needsDrain;
  }

  write(chunk: string | Uint8Array): boolean {
    if (this.ended) throw new Error('Written after the end.');
    this.writes++;
    // As with a socket: what is written before the loss is noticed goes nowhere.
    if (this.closed) return false;
    this.add(chunk);
    this.needsDrain ||= this.writableLength > 500;
    return !this.needsDrain;
  }

  end(chunk?: string): this {
    this.add(chunk);
    this.ended = true;
    if (this.takes) this.close();
    return this;
  }

  destroy(): this {
    this.close();
    return this;
  }

  /** The client takes nothing for now. */
  stall(): void {
    this.takes = false;
  }

  /** The client takes everything again. */
  take(): void {
    this.takes = true;
    this.text += this.waiting.join('');
    this.waiting = [];
    if (this.ended) return this.close();
    if (!this.needsDrain) return;
    this.needsDrain = false;
    setImmediate(() => this.emit('drain'));
  }

  /** The connection is lost. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    setImmediate(() => this.emit('close'));
  }

  private add(chunk: string | Uint8Array | undefined): void {
    if (chunk === undefined) return;
    const text = Buffer.from(chunk).toString();
    if (this.takes) this.text += text;
    else this.waiting.push(text);
  }
}

/** One server-sent event, as a client reads it. */
export interface ReadFrame {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string | undefined;
  readonly retry: string | undefined;
  readonly comments: readonly string[];
}

/** Reads whole frames, as the standard says. */
export function readFrames(text: string): ReadFrame[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .map((frame) => {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1];
      const comments = frame.split('\n').filter((line) => line.startsWith(':'));
      return { id: field('id'), event: field('event'), data: field('data'), retry: field('retry'), comments };
    });
}

/** A client that remembers what it has seen, however often its connection is lost. */
export class Follower {
  /** Ids of the events that it got. */
  readonly events: CloudEvent[] = [];
  readonly cutOffs: string[] = [];
  sink = new FakeSink();
  private lastEventId: string;

  constructor(
    private readonly feed: FeedFixture,
    readonly selection: EventSelection,
    after = 'beginning',
  ) {
    this.lastEventId = after;
  }

  async connect(): Promise<void> {
    this.read();
    const sink = new FakeSink();
    await this.feed.open(sink, this.selection, this.lastEventId);
    this.sink = sink;
  }

  /** Reads what has arrived. */
  read(): void {
    const end = this.sink.text.lastIndexOf('\n\n') + 2;
    const frames = readFrames(this.sink.text.slice(0, end));
    this.sink.text = this.sink.text.slice(end);
    for (const { id, event, data } of frames) {
      if (id !== undefined) this.lastEventId = id;
      if (event === 'dormouse.cut_off') this.cutOffs.push((JSON.parse(data ?? '') as { code: string }).code);
      else if (data !== undefined) this.events.push(JSON.parse(data) as CloudEvent);
    }
  }

  ids(): string[] {
    this.read();
    return this.events.map(({ id }) => id);
  }

  resumesFrom(): string {
    this.read();
    return this.lastEventId;
  }
}

/** The feed of one instance over a store in memory. */
export class FeedFixture {
  readonly codec = new EventCodec();
  readonly published: PublicEvents;
  readonly reader: FeedReader;
  readonly tokens: PositionTokens;
  readonly positions: FeedPositions;
  readonly metrics = new Metrics();
  readonly hub: FeedHub;
  readonly pages: FeedPages;
  readonly logged: Record<string, unknown>[] = [];

  constructor(
    readonly store = new MemoryEventStore(),
    options: Partial<FeedOptions> = {},
  ) {
    const all = { ...SMALL, ...options };
    this.codec.registerCategory(KETTLES);
    this.codec.registerCategory(LAMPS);
    this.published = new PublicEvents(this.codec, new PlatformSettings());
    this.tokens = new PositionTokens(store);
    this.reader = new FeedReader(store, this.published, this.tokens);
    this.positions = new FeedPositions(store, this.tokens, all);
    const metrics = new FeedMetrics(this.metrics);
    const write = (line: string) => void this.logged.push(JSON.parse(line) as Record<string, unknown>);
    const log = pino({ level: 'info', formatters: { level: (level) => ({ level }) } }, { write });
    this.hub = new FeedHub({
      events: store,
      published: this.published,
      reader: this.reader,
      metrics,
      clock: new SystemClock(),
      log,
      options: all,
    });
    this.pages = new FeedPages(this.reader, this.hub, this.tokens, metrics);
  }

  /** As the route does it. */
  async open(sink: FakeSink, selection: EventSelection, after: string): Promise<void> {
    const from = await this.positions.resolve(after, 'after');
    const [head, tokenOf] = await Promise.all([this.positions.head(), this.tokens.encoder()]);
    this.hub.open({ sink, selection, after: from, head, tokenOf, correlationId: 'test' });
  }

  async follower(selection: EventSelection = {}, after = 'beginning'): Promise<Follower> {
    const follower = new Follower(this, selection, after);
    await follower.connect();
    return follower;
  }

  /** @returns the events' ids */
  async append(stream: string, ...events: readonly (string | Partial<NewEvent>)[]): Promise<string[]> {
    const news = events.map((event) => newEvent(typeof event === 'string' ? { type: event } : event));
    await this.store.append(stream, news, 'any');
    return news.map(({ id }) => id);
  }

  /** Ids of what is stored and published, in order. */
  expected(wants: (event: { readonly type: string; readonly stream: string }) => boolean = () => true): string[] {
    return this.store
      .all()
      .filter((event) => event.type !== 'KettleTouched' && wants(event))
      .map(({ id }) => id);
  }
}

export function newEvent(event: Partial<NewEvent>): NewEvent {
  const id = event.id ?? randomUUID();
  return {
    id,
    type: 'KettleBoiled',
    data: { note: 'x'.repeat(40) },
    metadata: {
      $correlationId: id,
      $causationId: id,
      schema_version: 1,
      time: '2026-03-04T12:00:00.000Z',
      actor: 'test',
      command_id: id,
    },
    ...event,
  };
}
