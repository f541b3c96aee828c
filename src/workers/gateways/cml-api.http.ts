import { readFileSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Dispatcher } from 'undici';
import type { Clock } from '../../platform/clock.js';
import type { TelemetryReading } from '../domain/telemetry.js';
import { CmlApi, TelemetryUnavailable } from './cml-api.port.js';
import type { CmlTelemetry, TelemetryFailure, TelemetryQuestion } from './cml-api.port.js';
import { clockSkew, describeRefusal } from './cml-answer.js';
import { parseCmlEndpoint } from './cml-endpoint.js';
import type { CmlEndpoint } from './cml-endpoint.js';
import { CmlExchange } from './cml-exchange.js';
import { logIn } from './cml-login.js';
import type { CmlSession } from './cml-login.js';
import { NotAnArray } from './json-array-reader.js';
import { ParserCrashed } from './parsing-thread.js';
import { TelemetryParser } from './telemetry-parser.js';

export interface HttpCmlApiOptions {
  readonly username: string | null;
  readonly password: string | null;
  readonly verifyTls: boolean;
  /** Certificates that CML's own is checked against (PEM); absent or null: the well-known authorities. */
  readonly caFile?: string | null;
  /** For one request and its whole answer. */
  readonly requestTimeoutMs: number;
  /** Leave out the `user_activity` of the service's own account, by its exact id. */
  readonly excludeOwnActivity: boolean;
  /** A longer answer is refused without reading on. */
  readonly maxAnswerBytes?: number;
  readonly parser?: TelemetryParser;
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Tokens of so many servers are kept. */
const MAX_SESSIONS = 1_000;

/** CML over HTTP. One login per server, shared by all who need it, renewed when CML no longer takes its token. */
export class HttpCmlApi extends CmlApi {
  private readonly exchange: CmlExchange;
  private readonly parser: TelemetryParser;
  private readonly maxAnswerBytes: number;
  /** By endpoint name. A login under way is shared; one that failed is forgotten. */
  private readonly sessions = new LRUCache<string, Promise<CmlSession>>({ max: MAX_SESSIONS });

  /** @throws when the file of certificates cannot be read */
  constructor(
    private readonly options: HttpCmlApiOptions,
    private readonly logger: Logger,
    private readonly clock: Clock,
  ) {
    super();
    const { verifyTls, caFile, requestTimeoutMs } = options;
    this.exchange = new CmlExchange({ verifyTls, requestTimeoutMs, ca: caFile ? readFileSync(caFile, 'utf8') : null });
    this.parser = options.parser ?? new TelemetryParser();
    this.maxAnswerBytes = options.maxAnswerBytes ?? MAX_ANSWER_BYTES;
  }

  async readTelemetry(endpointText: string, question: TelemetryQuestion): Promise<CmlTelemetry> {
    const endpoint = parseCmlEndpoint(endpointText);
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const login = this.session(endpoint);
      const telemetry = await this.ask(endpoint, await login, question);
      if (telemetry !== 'unauthorized') return telemetry;
      // Only if nobody else has logged in anew meanwhile.
      if (this.sessions.peek(endpoint.name) === login) this.sessions.delete(endpoint.name);
    }
    const advice = 'it refused a token that it had just given; check the account and the clock of the server';
    throw new TelemetryUnavailable('unauthorized', `CML at ${endpoint.name} answered 401 twice: ${advice}.`);
  }

  async close(): Promise<void> {
    await Promise.all([this.exchange.close(), this.parser.close()]);
  }

  private session(endpoint: CmlEndpoint): Promise<CmlSession> {
    const known = this.sessions.get(endpoint.name);
    if (known !== undefined) return known;
    const login = this.logIn(endpoint);
    this.sessions.set(endpoint.name, login);
    login.catch(() => {
      if (this.sessions.peek(endpoint.name) === login) this.sessions.delete(endpoint.name);
    });
    return login;
  }

  private async logIn(endpoint: CmlEndpoint): Promise<CmlSession> {
    const { username, password, excludeOwnActivity } = this.options;
    if (!username || !password) {
      throw new TelemetryUnavailable('no_credentials', 'CML needs a login: set CML_USERNAME and CML_PASSWORD.');
    }
    const session = await logIn(this.exchange, endpoint, { username, password }, excludeOwnActivity);
    if (excludeOwnActivity && session.ownUserId === null) {
      this.logger.warn({ cml_endpoint: endpoint.name }, 'CML does not tell our own user id: our activity counts there');
    }
    return session;
  }

  private ask(
    endpoint: CmlEndpoint,
    session: CmlSession,
    question: TelemetryQuestion,
  ): Promise<CmlTelemetry | 'unauthorized'> {
    const request = {
      method: 'GET',
      path: '/telemetry/events',
      headers: { authorization: `Bearer ${session.token}` },
    } as const;
    const sentAt = this.clock.now();
    return this.exchange.run(endpoint, request, async (response) => {
      const answeredAt = this.clock.now();
      if (response.statusCode === 401) return 'unauthorized';
      if (response.statusCode !== 200) {
        const said = await describeRefusal(response, [session.token, this.options.password ?? '']);
        throw this.unusable(endpoint, 'http_status', `answered the request for telemetry with ${said}`);
      }
      const reading = await this.read(endpoint, response, withoutOwn(question, session));
      return { ...reading, clockSkewMs: clockSkew(response.headers.date, sentAt, answeredAt) };
    });
  }

  private async read(
    endpoint: CmlEndpoint,
    response: Dispatcher.ResponseData,
    question: TelemetryQuestion,
  ): Promise<TelemetryReading> {
    const tooLarge = `'s telemetry is larger than ${this.maxAnswerBytes} bytes`;
    if (Number(response.headers['content-length']) > this.maxAnswerBytes) {
      throw this.unusable(endpoint, 'too_large', tooLarge);
    }
    const answer = this.parser.begin(question);
    try {
      let bytes = 0;
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        bytes += chunk.length;
        if (bytes > this.maxAnswerBytes) throw this.unusable(endpoint, 'too_large', tooLarge);
        await answer.push(chunk);
      }
      return await answer.end();
    } catch (error) {
      answer.cancel();
      throw this.explain(endpoint, error);
    }
  }

  private explain(endpoint: CmlEndpoint, error: unknown): unknown {
    if (error instanceof NotAnArray) {
      const what = error.failure === 'not_json' ? 'JSON' : 'a JSON array';
      return this.unusable(endpoint, error.failure, `'s telemetry is not ${what}: ${error.message}`);
    }
    if (error instanceof ParserCrashed) {
      this.logger.error({ err: error, cml_endpoint: endpoint.name }, 'telemetry could not be parsed');
      return this.unusable(endpoint, 'parser_failed', `'s telemetry could not be parsed: ${error.message}`, error);
    }
    return error;
  }

  private unusable(
    endpoint: CmlEndpoint,
    failure: TelemetryFailure,
    what: string,
    cause?: Error,
  ): TelemetryUnavailable {
    const joined = what.startsWith("'") ? what : ` ${what}`;
    return new TelemetryUnavailable(failure, `CML at ${endpoint.name}${joined}.`, cause ? { cause } : undefined);
  }
}

/** The question with the service's own account left out, when that is known. */
function withoutOwn(question: TelemetryQuestion, session: CmlSession): TelemetryQuestion {
  if (session.ownUserId === null) return question;
  const excludedUserIds = [...(question.rule.excludedUserIds ?? []), session.ownUserId];
  return { ...question, rule: { ...question.rule, excludedUserIds } };
}
