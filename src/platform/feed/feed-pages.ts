import { Injectable } from '@nestjs/common';
import type { EventSelection } from '../contracts/public-events.js';
import { PositionTokens } from '../event-store/position-tokens.js';
import { FeedHub } from './feed-hub.js';
import { FeedMetrics } from './feed-metrics.js';
import { FeedReader } from './feed-reader.js';
import type { FeedPage } from './feed-reader.js';
import { FeedBlocked } from './feed.errors.js';
import { positionOf, reachedOf, wordOf } from './reached.js';
import type { Reached } from './reached.js';

export interface FeedPull {
  readonly after: Reached;
  readonly selection: EventSelection;
  readonly limit: number;
  /** How long an empty page may wait for an event. */
  readonly waitMs: number;
  /** The client has left. */
  readonly signal: AbortSignal;
}

/**
 * So many events are read and made text at a time: few enough that what was read of them is forgotten young. A page of a
 * thousand events as objects outlives several collections, which takes a third of the time of paging through a history.
 */
const PART_EVENTS = 64;

/** A page that has so many characters is handed over although more events were asked for. */
const PAGE_CHARACTERS = 4 * 1024 * 1024;

/** The feed for those who ask for it page by page. */
@Injectable()
export class FeedPages {
  constructor(
    private readonly reader: FeedReader,
    private readonly hub: FeedHub,
    private readonly tokens: PositionTokens,
    private readonly metrics: FeedMetrics,
  ) {}

  /**
   * A page as JSON: `events`, `position`, `live`. If there is nothing, the first page within the time that has something.
   *
   * @throws {FeedBlocked} the first event of it cannot be read
   * @throws {TooManyClients} @throws {FeedIsEnding} @throws {InvalidInput} @throws {EventStoreUnavailable}
   */
  async pull(pull: FeedPull): Promise<string> {
    const { selection, limit } = pull;
    const tokenOf = await this.tokens.encoder();
    const texts: string[] = [];
    let characters = 0;
    let page = await this.firstPart(pull);
    for (;;) {
      for (const { event } of page.events) {
        const text = JSON.stringify(event);
        texts.push(text);
        characters += text.length;
      }
      const left = limit - texts.length;
      const isEnd = page.live || page.blockedBy !== undefined || page.events.length === 0;
      if (isEnd || left <= 0 || characters >= PAGE_CHARACTERS) break;
      page = await this.reader.read({ after: page.position, selection, limit: Math.min(left, PART_EVENTS) });
    }
    if (texts.length === 0 && page.blockedBy) throw new FeedBlocked(page.blockedBy);
    this.metrics.sent.inc({ way: 'page' }, texts.length);
    const position = wordOf(reachedOf(page.position), tokenOf);
    return `{"events":[${texts.join(',')}],"position":"${position}","live":${page.live}}`;
  }

  private async firstPart({ after, selection, limit, waitMs, signal }: FeedPull): Promise<FeedPage> {
    const until = performance.now() + waitMs;
    const read = { selection, limit: Math.min(limit, PART_EVENTS) };
    const tokenOf = await this.tokens.encoder();
    let page = await this.reader.read({ ...read, after: positionOf(after) });
    while (page.events.length === 0 && !page.blockedBy) {
      const ms = until - performance.now();
      if (ms <= 0) break;
      const reached = reachedOf(page.position);
      if (page.live && !(await this.hub.waitFor({ selection, after: reached, tokenOf, ms, signal }))) break;
      page = await this.reader.read({ ...read, after: page.position });
    }
    return page;
  }
}
