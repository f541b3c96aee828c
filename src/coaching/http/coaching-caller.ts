import type { ExecutionContext } from '@nestjs/common';
import { applyDecorators, createParamDecorator } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { v5 as uuidv5 } from 'uuid';
import type { CommandContext } from '../../platform/commands/command-context.js';
import type { FieldError } from '../../platform/errors.js';
import { InvalidInput } from '../../platform/errors.js';
import { commandContextOf } from '../../platform/http/caller.js';
import type { SessionOwner } from '../domain/session-owner.js';

const NAME = /^[\x21-\x7e]{1,200}$/;
const ACCEPTED = '1 to 200 visible ASCII characters are accepted';
const TENANT = 'X-Tenant-Id';
const USER = 'X-User-Id';

/**
 * Who calls: `X-Tenant-Id` and `X-User-Id`, until the service authenticates callers itself. Without them there is nobody
 * whose sessions could be meant. That is 422 as for any other field that is missing; 401 would promise a way to
 * authenticate (RFC 9110), and there is none yet.
 */
export const Owner = createParamDecorator((_: unknown, context: ExecutionContext): SessionOwner => {
  return ownerOf(context.switchToHttp().getRequest<FastifyRequest>());
});

/**
 * The command that the request stands for. The same Idempotency-Key from another tenant or user is another command: keys
 * are chosen by clients that do not know of each other.
 */
export const OwnersCommand = createParamDecorator((_: unknown, context: ExecutionContext): CommandContext => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  const { tenantId, userId } = ownerOf(request);
  const command = commandContextOf(request);
  return { ...command, commandId: uuidv5(JSON.stringify([tenantId, userId]), command.commandId) };
});

/** @throws {InvalidInput} naming each header that is missing or not acceptable */
export function ownerOf(request: Pick<FastifyRequest, 'headers'>): SessionOwner {
  const errors: FieldError[] = [];
  const [tenantId = '', userId = ''] = [TENANT, USER].map((field) => {
    const value = request.headers[field.toLowerCase()];
    if (typeof value === 'string' && NAME.test(value)) return value;
    errors.push({ field, message: ACCEPTED });
    return '';
  });
  if (errors.length > 0) throw new InvalidInput(errors);
  return { tenantId, userId };
}

/** Documents the headers that say who calls. */
export function ApiOwner(): ClassDecorator & MethodDecorator {
  const schema = { type: 'string', pattern: NAME.source, minLength: 1, maxLength: 200 } as const;
  return applyDecorators(
    ApiHeader({ name: TENANT, required: true, schema, description: 'The tenant whose sessions are meant.' }),
    ApiHeader({ name: USER, required: true, schema, description: 'The user whose sessions are meant.' }),
  );
}
