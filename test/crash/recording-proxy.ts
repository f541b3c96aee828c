import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, request } from 'undici';
import { SystemClock } from '../../src/platform/clock.js';

/** One request on its way through the proxy. Times are epoch milliseconds. */
export interface Exchange {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly body: string;
  readonly arrivedAt: number;
  /** When its sender can have begun at the latest: for the first request on a connection, when that was made. */
  readonly begunBy: number;
  /** Access key that the request is signed with, if it is signed as AWS wants it. */
  readonly signedBy: string | null;
  /** What the server behind answered; null until it has. */
  answer: { readonly status: number; readonly body: string; readonly at: number } | null;
}

/** Called at three instants of each exchange; what a listener returns is awaited before the exchange goes on. */
export interface ExchangeListener {
  /** The request is here, and nothing is done. `lose`: it never reaches the server behind, and is never answered. */
  arrived(exchange: Exchange): Promise<'carry_out' | 'lose'>;
  /** The server behind has carried it out; the asker does not know yet. */
  done(exchange: Exchange): void;
  /** The last byte of the answer has been handed to the network. */
  answered(exchange: Exchange): void;
}

const HOP_BY_HOP = new Set(['connection', 'content-length', 'expect', 'keep-alive', 'transfer-encoding']);

/**
 * An HTTP proxy in front of one server. A request that has arrived whole is carried out even when its sender dies
 * meanwhile, as it would be by AWS; half a request is nothing.
 */
export class RecordingProxy {
  // An idle connection stays open, so that no request meets one that is just being closed.
  private readonly server = createServer(
    { keepAliveTimeout: 0 },
    (message, response) => void this.serve(message, response),
  );
  private readonly agent = new Agent();
  private readonly clock = new SystemClock();
  /** When each connection that has carried no request yet was made. */
  private readonly connected = new WeakMap<object, number>();
  private readonly underWay = new Set<Promise<unknown>>();

  /** @param upstream base URL of the server behind, without a path */
  constructor(
    private readonly upstream: string,
    private readonly listener: ExchangeListener,
  ) {}

  /** @returns the URL it is reached at */
  async start(): Promise<string> {
    this.server.on('connection', (socket) => this.connected.set(socket, this.clock.now()));
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await this.agent.destroy();
  }

  /** Resolves when everything that arrived has been carried out. */
  async idle(): Promise<void> {
    while (this.underWay.size > 0) await Promise.all(this.underWay);
  }

  private async serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const begunBy = this.connected.get(message.socket) ?? this.clock.now();
    this.connected.delete(message.socket);
    const body = await readWhole(message);
    if (body === undefined) return;
    const exchange: Exchange = {
      method: message.method ?? 'GET',
      path: message.url ?? '/',
      body,
      arrivedAt: this.clock.now(),
      begunBy,
      signedBy: /Credential=([^/]+)\//.exec(message.headers.authorization ?? '')?.[1] ?? null,
      answer: null,
    };
    if ((await this.listener.arrived(exchange)) === 'lose') return void message.socket.destroy();
    const carriedOut = this.carryOut(exchange, message.headers);
    this.underWay.add(carriedOut);
    const headers = await carriedOut.finally(() => this.underWay.delete(carriedOut));
    response.writeHead(exchange.answer?.status ?? 502, headers);
    response.end(exchange.answer?.body, () => this.listener.answered(exchange));
  }

  /** @returns the headers of the answer */
  private async carryOut(
    exchange: Exchange,
    sent: IncomingMessage['headers'],
  ): Promise<Record<string, string | string[]>> {
    const { method, path, body } = exchange;
    const options = { method, headers: endToEnd(sent), dispatcher: this.agent, ...(body === '' ? {} : { body }) };
    const { statusCode, headers, body: answer } = await request(`${this.upstream}${path}`, options);
    exchange.answer = { status: statusCode, body: await answer.text(), at: this.clock.now() };
    this.listener.done(exchange);
    return endToEnd(headers);
  }
}

function endToEnd(headers: IncomingMessage['headers']): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || HOP_BY_HOP.has(name) ? [] : [[name, value] as const],
    ),
  );
}

/** The whole body; undefined when the sender died while it was sending. */
async function readWhole(message: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of message) chunks.push(chunk as Buffer);
  } catch (error) {
    if (message.destroyed) return undefined;
    throw error;
  }
  return Buffer.concat(chunks).toString('utf8');
}
