import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { PlatformSettings } from '../config/platform-settings.js';
import { DormouseError, messageOf } from '../errors.js';
import type { IdleMemory } from '../observability/idle-memory.js';
import { correlated } from '../observability/logger.js';
import type { Metrics } from '../observability/metrics.js';
import { refuseReservedNames, refuseUnsafeShape } from './json-shape.js';
import { refuseCrossSite } from './origin-guard.js';
import { ProblemFilter, problemOf } from './problem.filter.js';
import { SurplusInputGuard } from './surplus-input.guard.js';
import { inputValidation } from './validation.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Polled by machines, or parts of the page; logged only when they fail. */
const QUIET = /^\/(health|metrics|assets)(\/|$)/;

/** The Fastify adapter that the application is created with. */
export function fastifyAdapter(settings: PlatformSettings): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: settings.HTTP_BODY_LIMIT,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    routerOptions: { maxParamLength: 300 },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error: Error, _request: FastifyRequest, reply: FastifyReply) => {
      const problem = problemOf(error);
      void reply.code(problem.status).header('content-type', 'application/problem+json; charset=utf-8').send(problem);
    },
  });
}

/** Everything that holds for each request: correlation, cross-site guard, JSON bodies, validation, problems, one log line. */
export function prepareHttp(
  app: NestFastifyApplication,
  settings: PlatformSettings,
  metrics: Metrics,
  memory: IdleMemory,
  log: Logger,
): void {
  const problems = new ProblemFilter(log);
  app.useGlobalPipes(inputValidation());
  app.useGlobalFilters(problems);
  app.useGlobalGuards(new SurplusInputGuard());
  const fastify = app.getHttpAdapter().getInstance();

  fastify.addHook('onRequest', (request, reply, done) => {
    const given = request.headers['x-correlation-id'];
    const id = typeof given === 'string' && UUID.test(given) ? given.toLowerCase() : randomUUID();
    void reply.header('x-correlation-id', id);
    correlated(id, () => {
      try {
        refuseCrossSite(request, settings.HOST);
        refuseEncodedBody(request);
        refuseReservedNames(request.query);
        done();
      } catch (error) {
        problems.answer(error, request, reply);
      }
    });
  });

  fastify.addHook('onResponse', (request, reply, done) => {
    // A stream says itself how it went, and it took as long as its client stayed.
    if (isEventStream(reply)) return done();
    const { method } = request;
    const route = request.routeOptions.url ?? 'none';
    const status = reply.statusCode;
    metrics.httpRequests.observe({ method, route, status: String(status) }, reply.elapsedTime / 1000);
    const line = {
      correlation_id: reply.getHeader('x-correlation-id'),
      method,
      url: request.url,
      status,
      ms: Math.round(reply.elapsedTime),
    };
    if (status >= 500) log.warn(line, 'request.failed');
    else if (!QUIET.test(request.url)) log.info(line, 'request.answered');
    if (!QUIET.test(request.url)) memory.touch();
    done();
  });

  // JSON only: whatever else comes with a body is 415. Fastify would take text as it is.
  fastify.removeContentTypeParser('text/plain');
  fastify.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: settings.HTTP_BODY_LIMIT },
    parseJson,
  );
}

function isEventStream({ raw }: FastifyReply): boolean {
  return String(raw.getHeader('content-type') ?? '').startsWith('text/event-stream');
}

/** What is not HTTP as it should be never becomes a request; it gets its problem document all the same. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const document = problemOf(
    new DormouseError('malformed_request', status, `This is not acceptable HTTP: ${messageOf(error)}.`),
  );
  const body = JSON.stringify(document);
  const head = [
    `HTTP/1.1 ${status} ${document.title}`,
    'content-type: application/problem+json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Bodies are read as they come; a compressed one would be taken for broken JSON. */
function refuseEncodedBody({ headers }: Pick<FastifyRequest, 'headers'>): void {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return;
  throw new DormouseError('unsupported_content_encoding', 415, 'A body without Content-Encoding is accepted.');
}

/** An empty body is no body: clients send the header with bodiless posts as well. */
function parseJson(
  _: FastifyRequest,
  body: string | Buffer,
  done: (error: Error | null, body?: unknown) => void,
): void {
  const text = body.toString();
  if (text.trim() === '') return done(null, undefined);
  try {
    const parsed: unknown = JSON.parse(text);
    refuseUnsafeShape(parsed);
    done(null, parsed);
  } catch (error) {
    if (error instanceof DormouseError) return done(error);
    const why = error instanceof Error ? error.message : 'not JSON';
    done(new DormouseError('malformed_json', 400, `The body is not JSON: ${why}`));
  }
}
