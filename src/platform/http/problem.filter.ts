import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { Catch, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { DormouseError, messageOf } from '../errors.js';
import { currentCorrelationId } from '../observability/logger.js';

/** RFC 9457 problem document with a stable `code`; extension members differ by code. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly [extension: string]: unknown;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

/** Turns whatever was thrown into a problem document. Unexpected errors are logged whole and answered without details. */
export function problemOf(error: unknown): Problem {
  if (error instanceof DormouseError) return problem(error.status, error.code, error.message, error.details);
  if (error instanceof HttpException) return ofStatus(error.getStatus(), error.message);
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return problem(statusCode, codeOf(statusCode), messageOf(error));
  }
  return problem(
    500,
    'internal_error',
    'Something unexpected went wrong. The log tells what, under the correlation id.',
  );
}

function ofStatus(status: number, message: string): Problem {
  return problem(status, status === 404 ? 'route_not_found' : codeOf(status), message);
}

function codeOf(status: number): string {
  return (TITLES[status] ?? `HTTP ${status}`).toLowerCase().replaceAll(' ', '_');
}

function problem(
  status: number,
  code: string,
  detail: string,
  details: Readonly<Record<string, unknown>> = {},
): Problem {
  const correlationId = currentCorrelationId();
  return {
    type: 'about:blank',
    title: TITLES[status] ?? `HTTP ${status}`,
    status,
    code,
    detail,
    ...details,
    ...(correlationId === undefined ? {} : { correlation_id: correlationId }),
  };
}

@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly log: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    this.answer(error, request, http.getResponse<FastifyReply>());
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const document = problemOf(error);
    if (document.status === 500) {
      this.log.error({ err: error, method: request.method, url: request.url }, 'request.failed_unexpectedly');
    }
    if (document.status === 503) void reply.header('retry-after', '1');
    void reply.code(document.status).header('content-type', 'application/problem+json; charset=utf-8').send(document);
  }
}
