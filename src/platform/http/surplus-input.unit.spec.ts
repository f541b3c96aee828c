import { Body, Controller, Post, Query } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { InvalidInput } from '../errors.js';
import { SurplusInputGuard } from './surplus-input.guard.js';

@Controller()
class Kettle {
  @Post()
  boil(): void {}

  @Post()
  fill(@Body() _body: object, @Query() _query: object): void {}
}

function allow(handler: () => void, request: { body?: unknown; query?: object }): boolean {
  const context = {
    getClass: () => Kettle,
    getHandler: () => handler,
    switchToHttp: () => ({ getRequest: () => ({ query: {}, ...request }) }),
  };
  return new SurplusInputGuard().canActivate(context as unknown as ExecutionContext);
}

describe('a route that takes no input', () => {
  const { boil, fill } = Kettle.prototype as { boil: () => void; fill: () => void };

  it('answers without any, and with an empty body', () => {
    expect(allow(boil, {})).toBe(true);
    expect(allow(boil, { body: {} })).toBe(true);
    expect(allow(boil, { body: null })).toBe(true);
  });

  it('refuses fields of the query and of the body, naming each', () => {
    const refused = () => allow(boil, { query: { dry_run: 'true' }, body: { x: 1 } });

    expect(refused).toThrow(InvalidInput);
    expect(refused).toThrow(/dry_run.*; x: /);
  });

  it('refuses a body that is no object', () => {
    expect(() => allow(boil, { body: [1] })).toThrow(/no body is accepted/);
  });

  it('is none that takes both: those look at their fields themselves', () => {
    expect(allow(fill, { query: { a: '1' }, body: { b: 1 } })).toBe(true);
  });
});
