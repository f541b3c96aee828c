import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { FieldError } from '../errors.js';
import { InvalidInput } from '../errors.js';

/** Where NestJS keeps what a handler takes from the request: keys `<kind>:<index>`, 3 is the body and 4 the query. */
const ROUTE_ARGUMENTS = '__routeArguments__';
const BODY = '3:';
const QUERY = '4:';

/**
 * Refuses input that a route does not take at all: `POST .../resume?dry_run=true` must not start anything. What a route
 * does take is validated field by field where it is taken.
 */
@Injectable()
export class SurplusInputGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const taken = Object.keys(
      (Reflect.getMetadata(ROUTE_ARGUMENTS, context.getClass(), context.getHandler().name) as object | undefined) ?? {},
    );
    const { body, query } = context.switchToHttp().getRequest<FastifyRequest>();
    const errors = [
      ...(taken.some((key) => key.startsWith(QUERY)) ? [] : surplus(query)),
      ...(taken.some((key) => key.startsWith(BODY)) ? [] : surplus(body)),
    ];
    if (errors.length > 0) throw new InvalidInput(errors);
    return true;
  }
}

function surplus(input: unknown): FieldError[] {
  if (input === undefined || input === null) return [];
  if (typeof input !== 'object' || Array.isArray(input)) return [{ field: 'body', message: 'no body is accepted' }];
  return Object.keys(input).map((field) => ({ field, message: 'is not a field of this request' }));
}
