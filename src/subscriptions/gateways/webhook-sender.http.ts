import type { LookupFunction } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import type { Clock } from '../../platform/clock.js';
import { messageOf } from '../../platform/errors.js';
import { publicLookup, targetProblem } from './target-address.js';
import { WebhookSender } from './webhook-sender.port.js';
import type { WebhookAnswer, WebhookRequest } from './webhook-sender.port.js';

/** Of an answer at most so much is read, bytes. */
const MOST_READ = 16_384;

/** Of an answer that is an error, at most so many characters are repeated. */
const MOST_REPEATED = 200;

const USER_AGENT = 'Dormouse-Webhooks/1';

export interface HttpWebhookSenderOptions {
  /** For one request with its whole answer. */
  readonly timeoutMs: number;
  readonly allowPrivateTargets: boolean;
  /** Default: the system's, public addresses only. */
  readonly lookup?: LookupFunction;
}

/**
 * CloudEvents over HTTP in structured mode, signed by the Standard Webhooks scheme. Nothing that a receiver answers is
 * trusted: redirects are not followed, answers are cut, and there is one limit to the time of all.
 */
export class HttpWebhookSender extends WebhookSender {
  private readonly agent: Agent;

  constructor(
    private readonly options: HttpWebhookSenderOptions,
    private readonly clock: Clock,
  ) {
    super();
    const { timeoutMs, allowPrivateTargets, lookup = publicLookup() } = options;
    this.agent = new Agent({
      allowH2: false,
      // The signal in `send` limits the whole exchange; these would end only one part of it, each with its own error.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: timeoutMs, ...(allowPrivateTargets ? {} : { lookup }) },
    });
  }

  async send(request: WebhookRequest, signal: AbortSignal): Promise<WebhookAnswer> {
    // Numbers in place of a name are resolved by nobody, and what was allowed when it was made may not be any more.
    const problem = targetProblem(request.url, this.options.allowPrivateTargets);
    if (problem)
      return {
        outcome: 'forbidden_address',
        status: null,
        message: `The target's ${problem.field}: ${problem.message}.`,
      };
    const end = new AbortController();
    const stop = (): void => end.abort(signal.reason);
    const late = setTimeout(() => end.abort(), this.options.timeoutMs);
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      return await this.exchange(request, end.signal);
    } catch (error) {
      signal.throwIfAborted();
      return end.signal.aborted ? this.tooLate() : noAnswer(error);
    } finally {
      clearTimeout(late);
      signal.removeEventListener('abort', stop);
    }
  }

  /** Requests in flight fail. */
  async close(): Promise<void> {
    await this.agent.destroy();
  }

  private async exchange({ url, id, body, secrets }: WebhookRequest, signal: AbortSignal): Promise<WebhookAnswer> {
    const { origin, pathname, search } = new URL(url);
    const at = new Date(this.clock.now());
    const response = await this.agent.request({
      origin,
      path: `${pathname}${search}`,
      method: 'POST',
      headers: {
        'content-type': 'application/cloudevents+json; charset=utf-8',
        'user-agent': USER_AGENT,
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(' '),
      },
      body,
      signal,
    });
    try {
      return await this.answerOf(response, signal);
    } finally {
      // Destroying a body that was read to its end does nothing; the listener is for the error of one that was not.
      response.body.on('error', () => undefined).destroy();
    }
  }

  private async answerOf(response: Dispatcher.ResponseData, signal: AbortSignal): Promise<WebhookAnswer> {
    const { statusCode: status, headers } = response;
    if (status >= 200 && status < 300) {
      // The status is the receipt. The rest is read, as far as it is short, so that the connection can be used again.
      await Promise.allSettled([response.body.dump({ limit: MOST_READ, signal })]);
      return { outcome: 'delivered', status, message: '' };
    }
    if (status >= 300 && status < 400) {
      const message = `The receiver answered HTTP ${status}, a redirect, which is not followed: subscribe with the final URL.`;
      return { outcome: 'redirected', status, message };
    }
    const said = printable(await readText(response.body)).slice(0, MOST_REPEATED);
    const message = `The receiver answered HTTP ${status}${said === '' ? '' : `: ${said}`}`;
    const retryAfterMs = status === 429 || status === 503 ? this.retryAfter(headers['retry-after']) : undefined;
    return {
      outcome: status === 410 ? 'gone' : 'refused',
      status,
      message,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }

  /** Seconds, or a date. */
  private retryAfter(header: string | string[] | undefined): number | undefined {
    if (typeof header !== 'string') return undefined;
    if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
    const until = Date.parse(header);
    return Number.isNaN(until) ? undefined : Math.max(0, until - this.clock.now());
  }

  private tooLate(): WebhookAnswer {
    const message = `The receiver did not answer in full within ${this.options.timeoutMs} ms (WEBHOOK_TIMEOUT_MS).`;
    return { outcome: 'timeout', status: null, message };
  }
}

/** No connection, one that broke, or an answer that is not HTTP. */
function noAnswer(error: unknown): WebhookAnswer {
  const code = (error as { code?: unknown }).code;
  if (code === 'TARGET_ADDRESS_REFUSED') {
    return { outcome: 'forbidden_address', status: null, message: `The target ${messageOf(error)}.` };
  }
  if (code === 'UND_ERR_CONNECT_TIMEOUT') {
    return { outcome: 'timeout', status: null, message: 'No connection to the receiver came about in time.' };
  }
  const named = typeof code === 'string' ? ` (${code})` : '';
  return {
    outcome: 'unreachable',
    status: null,
    message: `No answer from the receiver: ${printable(messageOf(error))}${named}`,
  };
}

/** The body as text, cut off. The status stands, whatever becomes of the rest of the answer. */
async function readText(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let end = '';
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MOST_READ) break;
    }
  } catch (error) {
    end = ` (the answer broke off: ${messageOf(error)})`;
  }
  return Buffer.concat(chunks).subarray(0, MOST_READ).toString('utf8') + end;
}

/** Without what a terminal or a log would act upon. */
function printable(text: string): string {
  return text
    .replaceAll(/\p{C}+/gu, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
