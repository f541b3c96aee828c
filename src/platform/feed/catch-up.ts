import type { LimitFunction } from 'p-limit';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import { EventStoreUnavailable } from '../event-store/event-store.errors.js';
import { pause } from '../projections/pause.js';
import { notReadable } from './cut-offs.js';
import type { CutOff } from './cut-offs.js';
import type { FeedMetrics } from './feed-metrics.js';
import type { FeedOptions } from './feed-options.js';
import type { FeedPage, FeedReader } from './feed-reader.js';
import type { FrameRing, RingEntry } from './frame-ring.js';
import { eventFrame } from './frames.js';
import type { LiveClients } from './live-clients.js';
import { positionOf, reachedOf } from './reached.js';
import type { StreamClient } from './stream-client.js';

export interface CatchUpContext {
  readonly reader: FeedReader;
  readonly metrics: FeedMetrics;
  readonly log: Logger;
  readonly options: FeedOptions;
}

/** `settled`: it is live, waits for what it is ahead of, or is gone. `choked`: it has to take what was written first. */
export type CaughtUp = 'settled' | 'choked' | CutOff;

/**
 * Brings clients to the live end, each at its own pace: from the store while the ring begins after where the client is,
 * then from the ring. Between the last look into the ring and being live nothing else has a turn, so there is no gap.
 */
export class CatchUp {
  /** After a restart all clients come back at once; the store and the rest of the service are not to suffer. */
  private readonly readers: LimitFunction;

  constructor(
    private readonly context: CatchUpContext,
    private readonly live: LiveClients,
    private readonly ahead: Set<StreamClient>,
    /** Bytes that may wait for one client. */
    private readonly mostUnsent: () => number,
  ) {
    this.readers = pLimit(context.options.readers);
  }

  /** @param signal ends waiting for a store that is away */
  async bring(client: StreamClient, ring: FrameRing, signal: AbortSignal): Promise<CaughtUp> {
    while (client.state === 'behind') {
      const end = client.reached < ring.start ? await this.readOn(client, signal) : this.joinRing(client, ring);
      if (end) return end;
    }
    return 'settled';
  }

  private joinRing(client: StreamClient, ring: FrameRing): CaughtUp {
    if (client.reached > ring.handedOn) {
      client.state = 'ahead';
      this.ahead.add(client);
      return 'settled';
    }
    const wanted = ring.handedOnAfter(client.reached).filter(client.wants.selects);
    const end = this.write(client, wanted);
    if (end) return end;
    client.reached = ring.handedOn;
    this.live.add(client);
    return 'settled';
  }

  /** A page from the store. @returns undefined to go on */
  private async readOn(client: StreamClient, signal: AbortSignal): Promise<CaughtUp | undefined> {
    const page = await this.readPage(client, signal);
    if (!page || client.state !== 'behind') return undefined;
    const end = this.write(client, framesOf(page));
    if (end) return end;
    client.reached = Math.max(client.reached, reachedOf(page.position));
    if (page.blockedBy) return notReadable(page.blockedBy);
    // The next page when it has taken this one.
    return client.sink.writableNeedDrain ? 'choked' : undefined;
  }

  /** @returns undefined when the store is away: a moment later it is worth another try */
  private async readPage(client: StreamClient, signal: AbortSignal): Promise<FeedPage | undefined> {
    const { reader, options, log } = this.context;
    const { selection } = client.wants;
    try {
      return await this.readers(async () => {
        if (client.state !== 'behind') return undefined;
        return await reader.read({ after: positionOf(client.reached), selection, limit: options.pageSize });
      });
    } catch (error) {
      if (!(error instanceof EventStoreUnavailable)) throw error;
      log.debug({ error: messageOf(error), correlation_id: client.correlationId }, 'feed.page_not_read');
      await pause(options.readAgainMs, signal);
      return undefined;
    }
  }

  private write(client: StreamClient, entries: Iterable<Pick<RingEntry, 'position' | 'frame'>>): CaughtUp | undefined {
    const before = client.sent;
    const written = client.writeWhileRoom(entries, this.mostUnsent());
    this.context.metrics.sent.inc({ way: 'stream' }, client.sent - before);
    if (written === 'all') return undefined;
    return written === 'full' ? 'choked' : notReadable(written);
  }
}

/** Made as they are written: of a page that does not find room, the rest is not. */
function* framesOf({ events }: FeedPage): Generator<Pick<RingEntry, 'position' | 'frame'>, void> {
  for (const { position, event } of events) yield { position, frame: Buffer.from(eventFrame(event)) };
}
