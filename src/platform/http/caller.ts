import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { CommandContext } from '../commands/command-context.js';
import { keyedCommandContext, newCommandContext } from '../commands/command-context.js';
import { InvalidInput } from '../errors.js';
import { currentCorrelationId } from '../observability/logger.js';

/** Who is written down when the request does not say. */
export const ANONYMOUS = 'anonymous';

/** Headers that say who calls, until the service authenticates callers itself. */
export const USER_HEADER = 'X-User-Id';
export const TENANT_HEADER = 'X-Tenant-Id';

/** What names a user or a tenant. */
export const CALLER_NAME = /^[\x21-\x7e]{1,200}$/;
export const CALLER_NAME_ACCEPTED = '1 to 200 visible ASCII characters are accepted';

type CallersRequest = Pick<FastifyRequest, 'headers'> & Partial<Pick<FastifyRequest, 'raw'>>;

/**
 * The command that a request stands for: caller from `X-User-Id`, identity from `Idempotency-Key`. The same key with the
 * same caller, method, path and body is the same command; keys are chosen by clients that do not know of each other, so
 * another caller's is another command.
 */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): CommandContext => {
  return commandContextOf(context.switchToHttp().getRequest<FastifyRequest>());
});

/** @throws {InvalidInput} a header that is not acceptable */
export function commandContextOf(
  request: CallersRequest & Pick<FastifyRequest, 'method' | 'url'> & Partial<Pick<FastifyRequest, 'body'>>,
): CommandContext {
  const user = header(request, USER_HEADER, CALLER_NAME, CALLER_NAME_ACCEPTED);
  const tenant = header(request, TENANT_HEADER, CALLER_NAME, CALLER_NAME_ACCEPTED);
  const key = header(
    request,
    'Idempotency-Key',
    /^[\x20-\x7e]{1,255}$/,
    '1 to 255 printable ASCII characters are accepted',
  );
  const actor = user ?? ANONYMOUS;
  const correlationId = currentCorrelationId();
  if (key === undefined) return newCommandContext(actor, correlationId);
  const path = request.url.split('?', 1)[0] ?? '';
  const caller = JSON.stringify([tenant ?? null, user ?? null]);
  const scope = `${caller} ${request.method} ${path} ${JSON.stringify(request.body ?? null)}`;
  return keyedCommandContext(scope, key, actor, correlationId);
}

function header(request: CallersRequest, name: string, accepted: RegExp, message: string): string | undefined {
  const value = request.headers[name.toLowerCase()];
  if (value === undefined) return undefined;
  if (timesSent(request, name) > 1) {
    throw new InvalidInput([{ field: name, message: 'the header is accepted once in a request' }]);
  }
  if (typeof value !== 'string' || !accepted.test(value)) throw new InvalidInput([{ field: name, message }]);
  return value;
}

/** Node joins headers of one name with commas, which would make one key of two; as they came they are in `rawHeaders`. */
function timesSent({ raw }: Partial<Pick<FastifyRequest, 'raw'>>, name: string): number {
  const wanted = name.toLowerCase();
  return raw?.rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === wanted).length ?? 1;
}
