import { AsyncLocalStorage } from 'node:async_hooks';
import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import type { EventSelection, PublicEvents } from '../contracts/public-events.js';
import type { EventStore, RecordedEvent } from '../event-store/event-store.port.js';
import { pause } from '../projections/pause.js';
import { CatchUp } from './catch-up.js';
import { notReadable, RETRY_MS, SHUTTING_DOWN, slowClient, UNEXPECTED } from './cut-offs.js';
import type { CutOff, CutOffCode } from './cut-offs.js';
import type { FeedMetrics } from './feed-metrics.js';
import type { FeedOptions } from './feed-options.js';
import type { FeedReader } from './feed-reader.js';
import { followTail } from './feed-tail.js';
import { FeedIsEnding, TooManyClients } from './feed.errors.js';
import { FrameRing } from './frame-ring.js';
import type { RingEntry } from './frame-ring.js';
import { cutOffFrame, HEARTBEAT, positionFrame, retryLine, STORE_AWAY } from './frames.js';
import { LiveClients } from './live-clients.js';
import { wordOf } from './reached.js';
import type { Reached, TokenOf } from './reached.js';
import { StreamClient } from './stream-client.js';
import type { PreparedSelection, Sink } from './stream-client.js';

export interface FeedHubContext {
  readonly events: EventStore;
  readonly published: PublicEvents;
  readonly reader: FeedReader;
  readonly metrics: FeedMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly options: FeedOptions;
}

/** A stream that begins. */
export interface FeedStream {
  readonly sink: Sink;
  readonly selection: EventSelection;
  /** Where the client is; everything after it is what it gets. */
  readonly after: Reached;
  /** Where the history ends now. */
  readonly head: Reached;
  readonly tokenOf: TokenOf;
  readonly correlationId: string;
}

/** Somebody who waits for an event, to read a page then. */
export interface FeedWait {
  readonly selection: EventSelection;
  readonly after: Reached;
  readonly tokenOf: TokenOf;
  /** At most so long. */
  readonly ms: number;
  readonly signal: AbortSignal;
}

interface Waiter {
  readonly wants: PreparedSelection;
  readonly wake: () => void;
}

/** What runs while there is anybody to follow for. */
interface Session {
  readonly ring: FrameRing;
  readonly tokenOf: TokenOf;
  readonly stop: AbortController;
  readonly ticks: NodeJS.Timeout;
  /** When the last client left, by performance.now(); undefined while there is one. */
  idleSince: number | undefined;
}

/**
 * Everybody who follows the feed of this instance. There is one subscription for all of them; each event is mapped and
 * written as text once, and clients that want the same share what is sent. A client that is not at the live end, because
 * it has just come or takes slowly, reads from the store at its own pace until the ring has what it needs next.
 */
export class FeedHub {
  private readonly clients = new Set<StreamClient>();
  private readonly live: LiveClients;
  private readonly ahead = new Set<StreamClient>();
  private readonly waiters = new Set<Waiter>();
  /** Streams that were ended, and until when (performance.now()) they may take what was written. */
  private readonly leaving = new Map<Sink, number>();
  private readonly catchUp: CatchUp;
  private readonly ticksBetweenHeartbeats: number;
  /** Runs what serves all clients outside of the request that set it off. */
  private readonly outsideOfRequests = AsyncLocalStorage.snapshot();
  private session: Session | undefined;
  private flushTimer: NodeJS.Timeout | undefined;
  private nextFlushAt = -Infinity;
  private tickCount = 0;
  private opened = 0;
  private ending = false;

  constructor(private readonly context: FeedHubContext) {
    const { options, metrics, published } = context;
    this.live = new LiveClients(published);
    this.catchUp = new CatchUp(context, this.live, this.ahead, () => this.mostUnsent);
    this.ticksBetweenHeartbeats = Math.max(1, Math.round(options.heartbeatMs / options.tickMs));
    metrics.countClientsBy(() => ({ stream: this.clients.size, poll: this.waiters.size }));
  }

  /** @throws {TooManyClients} @throws {FeedIsEnding} */
  assertRoom(): void {
    const { mostClients } = this.context.options;
    if (this.ending) throw new FeedIsEnding();
    if (this.clients.size + this.waiters.size >= mostClients) throw new TooManyClients(mostClients);
  }

  /** Serves a stream until its client leaves or it is cut off. @throws as {@link assertRoom}, and for a bad selection */
  open({ sink, selection, after, head, tokenOf, correlationId }: FeedStream): void {
    this.assertRoom();
    const wants = this.live.prepare(selection);
    this.begin(head, tokenOf);
    const phase = this.opened++ % this.ticksBetweenHeartbeats;
    const client = new StreamClient(sink, wants, after, correlationId, performance.now(), phase);
    this.clients.add(client);
    sink.once('close', () => this.left(client, 'client_left'));
    // Told where it is at once, a client that loses the connection before the first event goes on from here.
    sink.write(retryLine(RETRY_MS) + positionFrame(wordOf(after, tokenOf)));
    this.serve(client);
  }

  /**
   * Waits until there may be a selected event after a position.
   *
   * @returns whether it is worth reading on; not when the time is over, `signal` has aborted, or the service stops
   * @throws as {@link open}
   */
  async waitFor({ selection, after, tokenOf, ms, signal }: FeedWait): Promise<boolean> {
    if (this.ending || signal.aborted) return false;
    this.assertRoom();
    const wants = this.live.prepare(selection);
    const { ring } = this.begin(after, tokenOf);
    const woken = Promise.withResolvers<boolean>();
    const waiter: Waiter = { wants, wake: () => woken.resolve(true) };
    this.waiters.add(waiter);
    // What is before the ring may have been missed. Reading on tells; a moment later, so that it is no busy loop.
    const isBefore = after < ring.start;
    if (!isBefore && ring.handedOnAfter(after).some(wants.selects)) waiter.wake();
    const wait = isBefore ? Math.min(ms, this.context.options.aheadEveryMs) : ms;
    const own = new AbortController();
    const over = pause(wait, AbortSignal.any([signal, own.signal])).then(() => wait < ms);
    try {
      return (await Promise.race([woken.promise, over])) && !this.isEnding() && !signal.aborted;
    } finally {
      own.abort();
      this.waiters.delete(waiter);
      this.noteIdle();
    }
  }

  /** Ends all streams, with a reason that tells clients to come back, and lets long polls answer. */
  end(): void {
    this.ending = true;
    for (const { wake } of this.waiters) wake();
    for (const client of [...this.clients]) this.cutOff(client, SHUTTING_DOWN);
    this.session?.stop.abort(new FeedIsEnding());
    if (this.leaving.size === 0) this.stop();
  }

  /** Bytes that may wait for one client: the more there are, the less. */
  private get mostUnsent(): number {
    const { mostUnsent, mostUnsentOfAll } = this.context.options;
    return Math.min(mostUnsent, mostUnsentOfAll / this.clients.size);
  }

  private isEnding(): boolean {
    return this.ending;
  }

  /** The subscription and the ring, begun for the first who needs them. */
  private begin(at: Reached, tokenOf: TokenOf): Session {
    this.session ??= this.outsideOfRequests(() => this.newSession(at, tokenOf));
    this.session.idleSince = undefined;
    return this.session;
  }

  private newSession(at: Reached, tokenOf: TokenOf): Session {
    const { options } = this.context;
    const ring = new FrameRing(at, options.ring);
    const stop = new AbortController();
    const ticks = setInterval(() => this.tick(), options.tickMs).unref();
    const session: Session = { ring, tokenOf, stop, ticks, idleSince: undefined };
    const target = {
      reached: () => ring.end,
      take: (entries: readonly RingEntry[], end: Reached, newest: RecordedEvent | undefined) =>
        this.take(session, entries, end, newest),
      away: () => this.tellAway(),
    };
    void followTail({ ...this.context, options: options.tail }, target, tokenOf, stop.signal);
    return session;
  }

  private stop(): void {
    this.session?.stop.abort(new FeedIsEnding());
    clearInterval(this.session?.ticks);
    clearTimeout(this.flushTimer);
    this.flushTimer = undefined;
    this.session = undefined;
  }

  private take(session: Session, entries: readonly RingEntry[], end: Reached, newest: RecordedEvent | undefined): void {
    if (this.session !== session || this.ending) return;
    const { clock, metrics, options } = this.context;
    session.ring.push(entries, end);
    if (newest) metrics.lag.set(Math.max(0, clock.now() - newest.recordedAt) / 1000);
    if (session.ring.pendingBytes >= options.flushBytes) return this.handOn(session);
    this.flushTimer ??= setTimeout(() => this.handOn(session), Math.max(0, this.nextFlushAt - performance.now()));
  }

  /** Gives what is new to everybody who waits for it. */
  private handOn(session: Session): void {
    clearTimeout(this.flushTimer);
    this.flushTimer = undefined;
    const { metrics, options } = this.context;
    const { ring } = session;
    const begun = performance.now();
    const pending = ring.pending();
    const { sent, choked, blocked } = this.live.handOn(pending, ring.handedOn, this.mostUnsent);
    ring.markHandedOn();
    metrics.sent.inc({ way: 'stream' }, sent);
    for (const client of choked) this.choke(client);
    for (const { client, by } of blocked) this.cutOff(client, notReadable(by));
    for (const { wants, wake } of this.waiters) if (pending.some(wants.selects)) wake();
    for (const client of this.ahead) if (client.reached <= ring.handedOn) this.serve(client);
    const ended = performance.now();
    this.nextFlushAt = ended + Math.min(options.restMostMs, options.restFactor * (ended - begun));
  }

  /** Brings a client to the live end, from wherever it is. */
  private serve(client: StreamClient): void {
    if (!this.session) return;
    this.ahead.delete(client);
    client.state = 'behind';
    this.catchUp.bring(client, this.session.ring, this.session.stop.signal).then(
      (end) => {
        if (client.state !== 'behind') return;
        if (end === 'choked') this.choke(client);
        else if (end !== 'settled') this.cutOff(client, end);
      },
      (error: unknown) => {
        this.context.log.error({ err: error, correlation_id: client.correlationId }, 'feed.failed_unexpectedly');
        this.cutOff(client, UNEXPECTED);
      },
    );
  }

  /** Gives a client nothing more until it has taken what was written. */
  private choke(client: StreamClient): void {
    if (!client.sink.writableNeedDrain) return this.serve(client);
    client.state = 'choked';
    client.chokedAt = performance.now();
    client.sink.once('drain', () => {
      if (client.state === 'choked') this.serve(client);
    });
  }

  private tick(): void {
    const now = performance.now();
    const { slowAfterMs, lingerMs } = this.context.options;
    this.tickCount++;
    const phase = this.tickCount % this.ticksBetweenHeartbeats;
    for (const client of this.clients) {
      if (client.state === 'choked') {
        if (now - client.chokedAt >= slowAfterMs) this.cutOff(client, slowClient(slowAfterMs));
      } else if (client.phase === phase) this.beat(client);
    }
    for (const [sink, until] of this.leaving) if (now >= until) sink.destroy();
    const idleSince = this.session?.idleSince ?? Infinity;
    if (this.leaving.size === 0 && (this.ending || now - idleSince >= lingerMs)) this.stop();
  }

  /** The heartbeat; it moves on what the client would resume from when only others' events have passed. */
  private beat(client: StreamClient): void {
    const { session } = this;
    if (!session) return;
    if (client.state === 'live') client.reached = session.ring.handedOn;
    const isNews = client.reached !== client.idSent;
    client.idSent = client.reached;
    client.sink.write(isNews ? HEARTBEAT + positionFrame(wordOf(client.reached, session.tokenOf)) : HEARTBEAT);
  }

  private tellAway(): void {
    for (const client of this.clients) if (client.state !== 'choked') client.sink.write(STORE_AWAY);
  }

  /** Ends a stream with a reason. What was written before is taken within a time, or lost: the client resumes anyway. */
  private cutOff(client: StreamClient, cutOff: CutOff): void {
    const { state, sink } = client;
    if (state === 'gone') return;
    const { options, metrics } = this.context;
    metrics.cutOffs.inc({ code: cutOff.code });
    this.leaving.set(sink, performance.now() + (this.ending ? options.farewellAtEndMs : options.farewellMs));
    sink.once('close', () => this.leaving.delete(sink));
    this.left(client, cutOff.code);
    if (this.ending && state === 'choked') sink.destroy();
    else sink.end(cutOffFrame(cutOff));
  }

  private left(client: StreamClient, reason: 'client_left' | CutOffCode): void {
    if (client.state === 'gone') return;
    this.live.remove(client);
    this.ahead.delete(client);
    this.clients.delete(client);
    client.state = 'gone';
    const line = {
      correlation_id: client.correlationId,
      reason,
      seconds: Math.round(performance.now() - client.openedAt) / 1000,
      events: client.sent,
    };
    const isExpected = reason === 'client_left' || reason === 'shutting_down';
    this.context.log[isExpected ? 'info' : 'warn'](line, 'feed.stream_ended');
    this.noteIdle();
  }

  private noteIdle(): void {
    if (this.session && this.clients.size === 0 && this.waiters.size === 0) this.session.idleSince = performance.now();
  }
}
