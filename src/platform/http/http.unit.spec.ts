import { describe, expect, it, jest } from '@jest/globals';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { HttpException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { PlatformSettings } from '../config/platform-settings.js';
import { PositionTokens } from '../event-store/position-tokens.js';
import { DormouseError, InvalidInput } from '../errors.js';
import type { EventStore } from '../event-store/event-store.port.js';
import { correlated } from '../observability/logger.js';
import type { ProjectionEngine } from '../projections/projection-engine.js';
import { commandContextOf } from './caller.js';
import { Consistency, ViewIsLate } from './consistency.js';
import { isLoopback } from './loopback.js';
import { refuseCrossSite } from './origin-guard.js';
import { problemOf } from './problem.filter.js';

describe('The command that a request stands for', () => {
  const request = (headers: Record<string, string | string[]>, url = '/workers/1/pause') => ({
    method: 'POST',
    url,
    headers,
  });

  it('is the same for the same key on the same method and path, whatever the query', () => {
    const one = commandContextOf(request({ 'idempotency-key': 'k' }));
    const two = commandContextOf(request({ 'idempotency-key': 'k' }, '/workers/1/pause?x=1'));
    expect(one).toMatchObject({ repeatable: true, actor: 'anonymous' });
    expect(two.commandId).toBe(one.commandId);
    expect(commandContextOf(request({ 'idempotency-key': 'k' }, '/workers/2/pause')).commandId).not.toBe(one.commandId);
    const put = commandContextOf({ ...request({ 'idempotency-key': 'k' }), method: 'PATCH' });
    expect(put.commandId).not.toBe(one.commandId);
  });

  it('is another one for another user or tenant, although they have chosen the same key', () => {
    const callers = [
      {},
      { 'x-user-id': 'ada' },
      { 'x-user-id': 'ada', 'x-tenant-id': 'acme' },
      { 'x-tenant-id': 'ada' },
    ];
    const ids = () =>
      callers.map((headers) => commandContextOf(request({ ...headers, 'idempotency-key': 'k' })).commandId);
    expect(new Set(ids()).size).toBe(callers.length);
    expect(ids()).toEqual(ids());
  });

  it('is a new one without a key, on behalf of the caller, with the request’s correlation id', () => {
    const id = '11111111-2222-4333-8444-555555555555';
    const context = correlated(id, () => commandContextOf(request({ 'x-user-id': 'ada' })));
    expect(context).toMatchObject({ repeatable: false, actor: 'ada', correlationId: id });
    expect(commandContextOf(request({})).commandId).not.toBe(context.commandId);
  });

  it.each([
    ['Idempotency-Key', ''],
    ['Idempotency-Key', 'x'.repeat(256)],
    ['Idempotency-Key', 'tschüss'],
    ['X-User-Id', 'a b'],
    ['X-User-Id', 'x'.repeat(201)],
    ['X-Tenant-Id', ''],
  ])('is refused when %s is %j', (name, value) => {
    expect(() => commandContextOf(request({ [name.toLowerCase()]: value }))).toThrow(InvalidInput);
    expect(() => commandContextOf(request({ [name.toLowerCase()]: value }))).toThrow(name);
  });

  it('is refused when a header comes twice', () => {
    expect(() => commandContextOf(request({ 'idempotency-key': ['a', 'b'] }))).toThrow(InvalidInput);
  });

  it('is refused when two headers come joined, as Node hands them over', async () => {
    const sent = (...lines: string[]): Promise<FastifyRequest> =>
      new Promise((resolve, reject) => {
        const server = createServer((raw, response) => {
          response.end();
          server.close();
          // Of a request only what the command is made of is looked at.
          resolve({ headers: raw.headers, method: 'POST', url: '/workers/1/pause', raw } as FastifyRequest);
        });
        server.listen(0, '127.0.0.1', () => {
          const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
          socket.on('error', reject);
          socket.end(`${['POST /workers/1/pause HTTP/1.1', 'Host: x', ...lines].join('\r\n')}\r\n\r\n`);
        });
      });
    const twice = await sent('Idempotency-Key: a', 'idempotency-key: b');
    expect(() => commandContextOf(twice)).toThrow('Idempotency-Key: the header is accepted once in a request');
    expect(commandContextOf(await sent('Idempotency-Key: a, b')).repeatable).toBe(true);
  });
});

describe('A consistency token', () => {
  function consistency(options: { identity?: string; head?: number | null; reached?: boolean } = {}) {
    const { identity = 'ABCDEF01-2345-4789-8abc-def012345678', head = 100, reached = true } = options;
    const waitFor = jest.fn((_position: number, _ms: number) => Promise.resolve(reached));
    const events = { identity: () => Promise.resolve(identity), head: () => Promise.resolve(head) };
    const projections = { view: () => ({ waitFor, position: () => head }) };
    // Only what tokens ask of the two; to build the rest would be to test it.
    const made = new Consistency(
      events as unknown as EventStore,
      new PositionTokens(events),
      projections as unknown as ProjectionEngine,
      new PlatformSettings(),
    );
    return { made, waitFor };
  }

  it('is a position in one history, and waits for exactly that position', async () => {
    const { made, waitFor } = consistency();
    const token = (await made.token(77)) ?? '';
    expect(token).toMatch(/^abcdef01\.[0-9a-z]+$/);
    await made.reach('workers', token);
    expect(waitFor).toHaveBeenCalledWith(77, 5_000);
  });

  it('is null as long as nothing was ever written', async () => {
    expect(await consistency().made.token(null)).toBeNull();
  });

  it('of another history is not accepted', async () => {
    const foreign = (await consistency({ identity: '99999999-2345-4789-8abc-def012345678' }).made.token(5)) ?? '';
    await expect(consistency().made.reach('workers', foreign)).rejects.toThrow(InvalidInput);
  });

  it.each(['', 'abcdef01', 'abcdef01.', 'abcdef01.-1', 'abcdef01.zzzzzzzzzzz', 'abcdef01.1.1'])(
    'is not %j',
    async (token) => {
      await expect(consistency().made.reach('workers', token)).rejects.toThrow(InvalidInput);
    },
  );

  it('beyond the end of the history is not accepted', async () => {
    const token = (await consistency().made.token(101)) ?? '';
    await expect(consistency().made.reach('workers', token)).rejects.toThrow(/does not reach so far/);
    await expect(consistency({ head: null }).made.reach('workers', token)).rejects.toThrow(InvalidInput);
  });

  it('that the view does not reach in time says that the command is done', async () => {
    const { made } = consistency({ reached: false });
    const token = (await made.token(7)) ?? '';
    await expect(made.reach('workers', token)).rejects.toThrow(ViewIsLate);
    await expect(made.reach('workers', token)).rejects.toMatchObject({ status: 503, code: 'view_is_late' });
  });
});

describe('A problem document', () => {
  it('carries code, status, text and details of what went wrong on purpose', () => {
    const error = new DormouseError('broom_missing', 409, 'There is no broom.', { cupboard: 3 });
    const problem = correlated('an-id', () => problemOf(error));
    expect(problem).toEqual({
      type: 'about:blank',
      title: 'Conflict',
      status: 409,
      code: 'broom_missing',
      detail: 'There is no broom.',
      cupboard: 3,
      correlation_id: 'an-id',
    });
  });

  it('tells nothing of what went wrong unexpectedly', () => {
    for (const thrown of [new Error('password is hunter2'), 'hunter2', null, undefined]) {
      const problem = problemOf(thrown);
      expect(problem).toMatchObject({ status: 500, code: 'internal_error' });
      expect(JSON.stringify(problem)).not.toContain('hunter2');
    }
  });

  it.each([
    [404, 'route_not_found'],
    [413, 'content_too_large'],
    [415, 'unsupported_media_type'],
    [418, 'http_418'],
  ])('gives the status %i of the framework the code %s', (status, code) => {
    expect(problemOf(new HttpException('x', status))).toMatchObject({ status, code });
  });

  it('takes the status of an error of the HTTP server, but only a client’s', () => {
    expect(problemOf(Object.assign(new Error('x'), { statusCode: 413 }))).toMatchObject({ code: 'content_too_large' });
    expect(problemOf(Object.assign(new Error('x'), { statusCode: 503 }))).toMatchObject({ code: 'internal_error' });
  });
});

describe('A request from another site', () => {
  const local = '127.0.0.1';
  const request = { method: 'GET', url: '/workers' };
  /** What a browser sends when somebody follows a link in a wiki. */
  const link = {
    host: 'localhost:3000',
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  };

  it.each([
    ['that a browser says is one', { host: 'localhost:3000', 'sec-fetch-site': 'cross-site' }],
    ['with a foreign origin', { host: 'localhost:3000', origin: 'https://evil.example' }],
    ['with an origin that is none', { host: 'localhost:3000', origin: 'null' }],
    ['under a name that was bent to this machine', { host: 'evil.example:3000' }],
  ])('%s is refused', (_, headers) => {
    expect(() => refuseCrossSite({ ...request, headers }, local)).toThrow(expect.objectContaining({ status: 403 }));
  });

  it.each([
    ['without an origin', { host: 'localhost:3000' }],
    [
      'from its own pages',
      { host: '127.0.0.1:3000', origin: 'http://127.0.0.1:3000', 'sec-fetch-site': 'same-origin' },
    ],
    ['over IPv6', { host: '[::1]:3000' }],
  ])('is not one %s', (_, headers) => {
    expect(() => refuseCrossSite({ ...request, headers }, local)).not.toThrow();
  });

  it.each(['/', '/?from=wiki', '/assets/', '/assets/index-4f.js', '/assets/index-4f.js?x'])(
    'may be a link to %s, which is of the page',
    (url) => {
      expect(() => refuseCrossSite({ method: 'GET', url, headers: link }, local)).not.toThrow();
    },
  );

  it.each([
    ['to a query', { url: '/workers' }, {}],
    ['to what only begins like the page', { url: '/assetsx' }, {}],
    ['to the browsable interface', { url: '/docs' }, {}],
    ['that is a form', { method: 'POST' }, {}],
    ['in a frame', {}, { 'sec-fetch-dest': 'iframe' }],
    ['in an image', {}, { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    ['that a script asks for', {}, { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
    ['with the origin of the other site', {}, { origin: 'https://evil.example' }],
    ['under a name that was bent to this machine', {}, { host: 'evil.example:3000' }],
  ])('is refused also as a link %s', (_, changed, headers) => {
    const sent = { method: 'GET', url: '/', ...changed, headers: { ...link, ...headers } };
    expect(() => refuseCrossSite(sent, local)).toThrow(expect.objectContaining({ code: 'cross_site_request' }));
  });

  it('may use any name when the service listens beyond this machine', () => {
    expect(() => refuseCrossSite({ ...request, headers: { host: 'dormouse.example' } }, '0.0.0.0')).not.toThrow();
  });
});

describe('Loopback', () => {
  it.each(['127.0.0.1', '127.255.0.3', '::1', '[::1]', 'localhost', 'LOCALHOST', 'a.localhost'])('is %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', 'localhost.example', '127.0.0.1.example', ''])('is not %j', (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});
