import { expect } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { ManualClock } from '../../src/platform/clock.js';
import { NO_TELEMETRY_SEEN } from '../../src/workers/domain/telemetry.js';
import { HttpCmlApi } from '../../src/workers/gateways/cml-api.http.js';
import type { HttpCmlApiOptions } from '../../src/workers/gateways/cml-api.http.js';
import { TelemetryUnavailable } from '../../src/workers/gateways/cml-api.port.js';
import type { CmlTelemetry, TelemetryQuestion } from '../../src/workers/gateways/cml-api.port.js';

export const NOW = Date.UTC(2025, 10, 19, 12);
export const PASSWORD = 'correct horse battery';
export const SERVICE_ID = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
export const EVENTS = [
  { category: 'start_lab', timestamp: '2025-11-19T11:00:00', data: { lab_id: 'a' } },
  { category: 'user_activity', timestamp: '2025-11-19T11:30:00', data: { user_id: SERVICE_ID } },
  { category: 'system_stats', timestamp: '2025-11-19T11:59:00', data: {} },
];
export const QUESTION: TelemetryQuestion = {
  now: NOW,
  memory: NO_TELEMETRY_SEEN,
  rule: { categories: ['start_lab', 'user_activity'], excludedUserPattern: '^00000000-0000-.*' },
  keep: 10,
};

/** What a test opened; to be closed after it, last first. */
export const opened: (() => Promise<void> | void)[] = [];

export async function closeOpened(): Promise<void> {
  for (const close of opened.splice(0).reverse()) await close();
}

export type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A CML of the test's own. Paths are below the API's base; what a test does not say is CML's usual behaviour. */
export class TestCml {
  readonly logins: string[] = [];
  readonly requests: string[] = [];
  constructor(
    readonly address: string,
    readonly handlers: Record<string, Handler>,
  ) {}

  static async start(handlers: Record<string, Handler> = {}, tls?: { key: string; cert: string }): Promise<TestCml> {
    const listener: RequestListener = (request, response) => void cml.serve(request, response);
    const server: Server = tls ? createTlsServer(tls, listener) : createServer(listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const cml = new TestCml(`${tls ? 'https' : 'http'}://127.0.0.1:${port}`, handlers);
    opened.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return cml;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const path = (request.url ?? '').replace(/^.*\/api\/v0/, '');
    this.requests.push(request.url ?? '');
    if (request.method === 'POST') this.logins.push(body);
    const handler = this.handlers[path];
    if (handler) handler(request, response, body);
    else if (path === '/authenticate') answer(response, 200, `token-${this.logins.length}`);
    else if (path === '/telemetry/events') answer(response, 200, EVENTS);
    else answer(response, 404, { code: 404, description: 'no such path' });
  }
}

export function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export function client(options: Partial<HttpCmlApiOptions> = {}, log: string[] = []): HttpCmlApi {
  const logger = pino({ level: 'warn' }, { write: (line: string) => void log.push(line) });
  const defaults = { username: 'dormouse', password: PASSWORD, verifyTls: true, requestTimeoutMs: 5_000 };
  const api = new HttpCmlApi({ ...defaults, excludeOwnActivity: false, ...options }, logger, new ManualClock(NOW));
  opened.push(() => api.close());
  return api;
}

/** The failure of a reading, which has to fail, and never says a secret. */
export async function failureOf(reading: Promise<CmlTelemetry>): Promise<TelemetryUnavailable> {
  const failure: unknown = await reading.then(
    () => new Error('It did not fail.'),
    (error: unknown) => error,
  );
  if (!(failure instanceof TelemetryUnavailable)) throw failure;
  expect(failure.message).not.toMatch(new RegExp(`${PASSWORD}|token-\\d`));
  return failure;
}
