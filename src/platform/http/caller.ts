import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { CommandContext } from '../commands/command-context.js';
import { keyedCommandContext, newCommandContext } from '../commands/command-context.js';
import { InvalidInput } from '../errors.js';
import { currentCorrelationId } from '../observability/logger.js';

/** Who is written down when the request does not say. */
export const ANONYMOUS = 'anonymous';

/**
 * The command that a request stands for: caller from `X-User-Id` (until the service authenticates callers itself),
 * identity from `Idempotency-Key`. The same key with the same method, path and body is the same command.
 */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): CommandContext => {
  return commandContextOf(context.switchToHttp().getRequest<FastifyRequest>());
});

/** @throws {InvalidInput} a header that is not acceptable */
export function commandContextOf(
  request: Pick<FastifyRequest, 'headers' | 'method' | 'url'> & Partial<Pick<FastifyRequest, 'body' | 'raw'>>,
): CommandContext {
  const actor = header(request, 'X-User-Id', /^[\x21-\x7e]{1,200}$/, '1 to 200 visible ASCII characters are accepted');
  const key = header(
    request,
    'Idempotency-Key',
    /^[\x20-\x7e]{1,255}$/,
    '1 to 255 printable ASCII characters are accepted',
  );
  const correlationId = currentCorrelationId();
  const path = request.url.split('?', 1)[0] ?? '';
  return key === undefined
    ? newCommandContext(actor ?? ANONYMOUS, correlationId)
    : keyedCommandContext(
        `${request.method} ${path} ${JSON.stringify(request.body ?? null)}`,
        key,
        actor ?? ANONYMOUS,
        correlationId,
      );
}

function header(
  request: Pick<FastifyRequest, 'headers'> & Partial<Pick<FastifyRequest, 'raw'>>,
  name: string,
  accepted: RegExp,
  message: string,
): string | undefined {
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
