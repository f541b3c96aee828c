import { Controller, Get, Header, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PublicEvents } from '../contracts/public-events.js';
import type { EventSelection } from '../contracts/public-events.js';
import { PositionTokens } from '../event-store/position-tokens.js';
import { ApiProblems, COMMON_PROBLEMS } from '../http/openapi.js';
import { FeedHub } from './feed-hub.js';
import { FeedPages } from './feed-pages.js';
import { FeedPageDto, FeedPageParameters, FeedParameters, selectionOf } from './feed-parameters.js';
import { FeedPositions } from './feed-positions.js';
import { FROM_BEGINNING, FROM_NOW } from './reached.js';

const FEED_PROBLEMS = {
  409: 'position_of_another_history, position_beyond_the_end',
  503: 'event_store_unavailable, too_many_clients, event_not_readable, shutting_down',
} as const;

/** What happens, for services outside: CloudEvents, page by page or as they come. */
@ApiTags('events')
@ApiProblems({ ...COMMON_PROBLEMS, ...FEED_PROBLEMS })
@Controller('events')
export class FeedHttpController {
  constructor(
    private readonly pages: FeedPages,
    private readonly hub: FeedHub,
    private readonly positions: FeedPositions,
    private readonly published: PublicEvents,
    private readonly tokens: PositionTokens,
  ) {}

  @Get()
  @Header('content-type', 'application/json; charset=utf-8')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'A page of the event feed: what happened after a position, by default from the beginning' })
  @ApiOkResponse({ type: FeedPageDto })
  async page(
    @Query() parameters: FeedPageParameters,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const selection = this.selection(parameters);
    const after = await this.positions.resolve(parameters.after ?? FROM_BEGINNING, 'after');
    const { limit, wait } = parameters;
    const gone = new AbortController();
    if (wait > 0) reply.raw.once('close', () => gone.abort());
    return await this.pages.pull({ after, selection, limit, waitMs: wait * 1000, signal: gone.signal });
  }

  @Get('stream')
  @ApiOperation({
    summary: 'The event feed as server-sent events: what happens from now on, or from a position on',
    description:
      'Each event is a `message` whose id is its position and whose data is a CloudEvent. An EventSource that comes back ' +
      'goes on after the last one it got. A comment comes every 15 seconds. When the service ends a stream, it sends a ' +
      'last event `dormouse.cut_off` with `code` and `detail`: slow_client, shutting_down, event_not_readable.',
  })
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'Goes before `after`: the id of the last event that the client got',
  })
  @ApiOkResponse({ content: { 'text/event-stream': { schema: { type: 'string' } } } })
  async stream(
    @Query() parameters: FeedParameters,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const selection = this.selection(parameters);
    const lastEventId = request.headers['last-event-id'];
    const after =
      typeof lastEventId === 'string' && lastEventId !== ''
        ? await this.positions.resolve(lastEventId, 'Last-Event-ID')
        : await this.positions.resolve(parameters.after ?? FROM_NOW, 'after');
    const [head, tokenOf] = await Promise.all([this.positions.head(), this.tokens.encoder()]);
    this.hub.assertRoom();
    const sink = beginStream(reply);
    if (request.method === 'HEAD') return void sink.end();
    const correlationId = String(reply.getHeader('x-correlation-id'));
    this.hub.open({ sink, selection, after, head, tokenOf, correlationId });
  }

  /** @throws {InvalidInput} */
  private selection(parameters: FeedParameters): EventSelection {
    const selection = selectionOf(parameters, this.published.kinds());
    this.published.filterOf(selection);
    return selection;
  }
}

/** From here on the response is the feed's: Fastify and NestJS see nothing of what is written. */
function beginStream(reply: FastifyReply): FastifyReply['raw'] {
  reply.hijack();
  const { raw } = reply;
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
  raw.setHeader('content-type', 'text/event-stream; charset=utf-8');
  raw.setHeader('cache-control', 'no-store');
  // nginx would gather the events; others know that a stream is none to gather.
  raw.setHeader('x-accel-buffering', 'no');
  // Ends with the connection, and so needs no framing of each write; it is the last answer of this connection anyway.
  raw.setHeader('connection', 'close');
  raw.removeHeader('transfer-encoding');
  // What is written while a connection is being lost fails; its end is told by `close`.
  raw.on('error', () => raw.destroy());
  raw.writeHead(200);
  raw.flushHeaders();
  return raw;
}
