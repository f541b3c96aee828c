import { setTimeout as sleep } from 'node:timers/promises';
import { SystemClock } from '../platform/clock.js';
import { CmlSessions } from './cml-sessions.js';
import { FaultQueue } from './faults.js';
import type { FaultScope } from './faults.js';
import { Hooks } from './hooks.js';
import type { Hook } from './hooks.js';
import { HttpListener, jsonAnswer } from './http-listener.js';
import type { HttpAnswer, HttpReply, HttpRequest, TlsIdentity } from './http-listener.js';

const BASE = '/api/v0';
const TELEMETRY = '/telemetry/events';

export interface CmlServerOptions {
  readonly username: string;
  readonly password: string;
  /** The account's own id in CML. UUID. */
  readonly userId: string;
  /** Serve HTTPS. */
  readonly tls?: TlsIdentity;
  /** The whole history, asked anew for each read; a string is sent as the raw body, an answer as it is. */
  readonly telemetry: () => readonly unknown[] | string | HttpAnswer;
  /** Ids of the labs. */
  readonly labs?: () => readonly string[];
  /** Epoch ms; for the `Date` header and the tokens. Default: the system's. */
  readonly clock?: () => number;
}

/**
 * What may go wrong with a request.
 * - `answer`: this status and raw body instead of the real ones.
 * - `delay`: the right answer, `ms` later.
 * - `never_answer`, `drop`: no answer; the connection stays open, or closes.
 * - `cut`: the right answer, its connection lost after so many bytes.
 */
export type CmlFault =
  | { readonly kind: 'answer'; readonly status: number; readonly body: string; readonly contentType?: string }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'never_answer' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'cut'; readonly afterBytes: number };

/** A request to CML; `path` is below `/api/v0`, e.g. `/telemetry/events`. */
export interface CmlRequest {
  readonly method: string;
  readonly path: string;
}

type Endpoint = (request: HttpRequest) => HttpAnswer;

/** A Cisco Modeling Labs server, as far as the service sees one (CML 2.9, `/api/v0`). */
export class CmlServer {
  /** Successful logins. */
  logins = 0;
  /** Requests for the telemetry that arrived, refused ones included. */
  telemetryReads = 0;

  private readonly listener: HttpListener;
  private readonly sessions: CmlSessions;
  private readonly faults = new FaultQueue<CmlFault>();
  private readonly hooks = new Hooks<CmlRequest>();
  private readonly clock: () => number;

  private readonly endpoints: Readonly<Record<string, Endpoint>> = {
    'POST /authenticate': (request) => this.logIn(request, (token) => token),
    'POST /auth_extended': (request) =>
      this.logIn(request, (token) => {
        const { username, userId } = this.options;
        return { username, id: userId, token, admin: true, error: null };
      }),
    'GET /authok': (request) => this.withSession(request, () => jsonAnswer(200, 'OK')),
    'DELETE /logout': (request) => this.withSession(request, () => this.logOut(request)),
    [`GET ${TELEMETRY}`]: (request) => this.withSession(request, () => this.telemetry()),
    'GET /system_information': () =>
      jsonAnswer(200, { version: '2.9.0 (simulated)', ready: true, allow_ssh_pubkey_auth: false, oui: '52:54:00' }),
    'GET /labs': (request) => this.withSession(request, () => jsonAnswer(200, this.options.labs?.() ?? [])),
  };

  constructor(private readonly options: CmlServerOptions) {
    const system = new SystemClock();
    this.clock = options.clock ?? (() => system.now());
    this.sessions = new CmlSessions(options.userId, this.clock);
    this.listener = new HttpListener((request) => this.reply(request), options.tls);
  }

  /** The service's `cml_endpoint`; the same after a restart. */
  get url(): string {
    return this.listener.url;
  }

  get running(): boolean {
    return this.listener.listening;
  }

  /** Listens; after the first time, on the port it had before. @param name the host in {@link url}, if another one */
  start(port?: number, host?: string, name?: string): Promise<string> {
    return this.listener.start(port, host, name);
  }

  /** Cuts all connections and refuses new ones, like an EC2 instance that stops. Sessions are forgotten. */
  async stop(): Promise<void> {
    this.sessions.endAll();
    await this.listener.stop();
  }

  /** Every token handed out so far is refused from now on. */
  expireTokens(): void {
    this.sessions.endAll();
  }

  /** The next requests (for one path below `/api/v0`, when `target` says so) go wrong. */
  faultNext(fault: CmlFault, scope?: FaultScope): void {
    this.faults.add(fault, scope);
  }

  clearFaults(): void {
    this.faults.clear();
  }

  /** Called when a request has arrived and is not answered yet. @returns takes the hook away again */
  onRequest(hook: Hook<CmlRequest>): () => void {
    return this.hooks.add(hook);
  }

  private async reply(http: HttpRequest): Promise<HttpReply> {
    if (!http.path.startsWith(`${BASE}/`)) return failure(404, 'Not Found');
    const request = { method: http.method, path: http.path.slice(BASE.length) };
    if (request.path === TELEMETRY) this.telemetryReads++;
    await this.hooks.call(request);
    const reply = await this.spoiled(this.faults.take(request.path), http, request);
    if (typeof reply === 'string') return reply;
    return { ...reply, headers: { ...reply.headers, date: new Date(this.clock()).toUTCString() } };
  }

  private async spoiled(fault: CmlFault | undefined, http: HttpRequest, request: CmlRequest): Promise<HttpReply> {
    switch (fault?.kind) {
      case undefined:
        return this.answer(http, request);
      case 'answer':
        return { status: fault.status, contentType: fault.contentType ?? 'application/json', body: fault.body };
      case 'delay':
        await sleep(fault.ms, undefined, { ref: false });
        return this.answer(http, request);
      case 'never_answer':
        return 'never';
      case 'drop':
        return 'drop';
      case 'cut':
        return { ...this.answer(http, request), cutAfterBytes: fault.afterBytes };
    }
  }

  private answer(http: HttpRequest, request: CmlRequest): HttpAnswer {
    const endpoint = this.endpoints[`${request.method} ${request.path}`];
    if (endpoint) return endpoint(http);
    const known = Object.keys(this.endpoints).some((route) => route.endsWith(` ${request.path}`));
    return known ? failure(405, 'Method Not Allowed') : failure(404, 'Not Found');
  }

  private logIn(request: HttpRequest, answer: (token: string) => unknown): HttpAnswer {
    const given = credentialsIn(request.body);
    if (!given) return failure(400, 'username (1 to 32 characters) and password are required.');
    if (given.username !== this.options.username || given.password !== this.options.password) {
      return failure(403, 'Authentication failed!');
    }
    this.logins++;
    return jsonAnswer(200, answer(this.sessions.issue()));
  }

  private logOut(request: HttpRequest): HttpAnswer {
    if (request.query.get('clear_all_sessions') === 'true') this.sessions.endAll();
    else this.sessions.end(request.headers.authorization);
    return jsonAnswer(200, true);
  }

  private withSession(request: HttpRequest, answer: () => HttpAnswer): HttpAnswer {
    return this.sessions.accepts(request.headers.authorization) ? answer() : failure(401, 'Unauthorized');
  }

  private telemetry(): HttpAnswer {
    const telemetry = this.options.telemetry();
    if (typeof telemetry === 'string') return { status: 200, contentType: 'application/json', body: telemetry };
    return isAnswer(telemetry) ? telemetry : jsonAnswer(200, telemetry);
  }
}

function isAnswer(telemetry: readonly unknown[] | HttpAnswer): telemetry is HttpAnswer {
  return !Array.isArray(telemetry);
}

/** CML's error body. */
function failure(status: number, description: string): HttpAnswer {
  return jsonAnswer(status, { code: status, description });
}

function credentialsIn(body: string): { username: string; password: string } | undefined {
  const given = parsed(body);
  if (typeof given !== 'object' || given === null || !('username' in given) || !('password' in given)) return undefined;
  const { username, password } = given;
  if (typeof username !== 'string' || typeof password !== 'string') return undefined;
  return username.length >= 1 && username.length <= 32 ? { username, password } : undefined;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
