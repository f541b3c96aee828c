import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { InvalidInput } from '../../platform/errors.js';

/** Levels of lists and objects that a field may have. */
export const DEEPEST = 50;

/**
 * Names that input validation leaves out wherever they stand, without a word, because they could reach into an object's
 * prototype.
 */
const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Looks at nested JSON before input validation does, which would drop some names silently and overflow the stack on what
 * is nested too deep: both are refused instead, by the name of the field.
 */
@Injectable()
export class NestedJsonGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { body } = context.switchToHttp().getRequest<FastifyRequest>();
    if (typeof body !== 'object' || body === null) return true;
    const errors = Object.entries(body).flatMap(([field, value]) => {
      const message = problemOf(value, 0);
      return message === undefined ? [] : [{ field, message }];
    });
    if (errors.length > 0) throw new InvalidInput(errors);
    return true;
  }
}

function problemOf(value: unknown, depth: number): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth === DEEPEST) return `at most ${DEEPEST} levels of lists and objects are accepted`;
  for (const [name, member] of Object.entries(value)) {
    if (RESERVED.has(name)) return `no field named ${[...RESERVED].join(', ')} is accepted at any level`;
    const problem = problemOf(member, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
