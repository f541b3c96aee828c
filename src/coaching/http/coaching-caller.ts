import type { ExecutionContext } from '@nestjs/common';
import { applyDecorators, createParamDecorator } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { FieldError } from '../../platform/errors.js';
import { InvalidInput } from '../../platform/errors.js';
import { CALLER_NAME, CALLER_NAME_ACCEPTED, TENANT_HEADER, USER_HEADER } from '../../platform/http/caller.js';
import type { SessionOwner } from '../domain/session-owner.js';

/**
 * Whose sessions are meant: `X-Tenant-Id` and `X-User-Id`, until the service authenticates callers itself. Without them
 * there is nobody whose sessions could be. That is 422 as for any other field that is missing; 401 would promise a way to
 * authenticate (RFC 9110), and there is none yet.
 */
export const Owner = createParamDecorator((_: unknown, context: ExecutionContext): SessionOwner => {
  return ownerOf(context.switchToHttp().getRequest<FastifyRequest>());
});

/** @throws {InvalidInput} naming each header that is missing or not acceptable */
export function ownerOf(request: Pick<FastifyRequest, 'headers'>): SessionOwner {
  const errors: FieldError[] = [];
  const [tenantId = '', userId = ''] = [TENANT_HEADER, USER_HEADER].map((field) => {
    const value = request.headers[field.toLowerCase()];
    if (typeof value === 'string' && CALLER_NAME.test(value)) return value;
    errors.push({ field, message: CALLER_NAME_ACCEPTED });
    return '';
  });
  if (errors.length > 0) throw new InvalidInput(errors);
  return { tenantId, userId };
}

/** Documents the headers that say who calls. */
export function ApiOwner(): ClassDecorator & MethodDecorator {
  const schema = { type: 'string', pattern: CALLER_NAME.source, minLength: 1, maxLength: 200 } as const;
  return applyDecorators(
    ApiHeader({ name: TENANT_HEADER, required: true, schema, description: 'The tenant whose sessions are meant.' }),
    ApiHeader({ name: USER_HEADER, required: true, schema, description: 'The user whose sessions are meant.' }),
  );
}
