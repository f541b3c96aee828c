import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A request, read to its end. */
export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Promise the whole body, send only so many bytes of it, then drop the connection. */
  readonly cutAfterBytes?: number;
}

/** `never`: take the request and say nothing; `drop`: close the connection without an answer. */
export type HttpReply = HttpAnswer | 'never' | 'drop';

export interface TlsIdentity {
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly cert: string;
}

/** An answer whose body is the JSON of a value. */
export function jsonAnswer(status: number, value: unknown): HttpAnswer {
  return { status, contentType: 'application/json', body: JSON.stringify(value) };
}

/**
 * A bare HTTP(S) server that can vanish and come back like the machine it stands for: it keeps its port, and stopping
 * cuts every open connection.
 */
export class HttpListener {
  private readonly sockets = new Set<Socket>();
  private server: Server | null = null;
  private address: { host: string; port: number; name: string } | null = null;

  constructor(
    private readonly handle: (request: HttpRequest) => Promise<HttpReply>,
    private readonly tls?: TlsIdentity,
  ) {}

  get listening(): boolean {
    return this.server !== null;
  }

  /** Base address without a trailing slash; stays the same while stopped. */
  get url(): string {
    if (!this.address) throw new Error('The server has not been started yet.');
    return `${this.tls ? 'https' : 'http'}://${this.address.name}:${this.address.port}`;
  }

  /**
   * Listens. After the first time, what is left out is what it was before; so is port 0.
   *
   * @param name the host in {@link url}, when it is another one than the address that is listened on
   */
  async start(port = 0, host = this.address?.host ?? '127.0.0.1', name = this.address?.name): Promise<string> {
    if (this.server) return this.url;
    const listener: RequestListener = (message, response) => void this.serve(message, response);
    const server = this.tls ? createHttpsServer({ ...this.tls }, listener) : createHttpServer(listener);
    server.on('connection', (socket: Socket) => {
      // Accepted while the server was closing: nobody is there any more.
      if (this.server !== server) return void socket.destroy();
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port || (this.address?.port ?? 0), host, () => {
        this.server = server;
        const { port: taken } = server.address() as AddressInfo;
        this.address = { host, port: taken, name: name ?? (host === '0.0.0.0' ? '127.0.0.1' : host) };
        resolve();
      });
    });
    return this.url;
  }

  /** Stops listening and cuts all connections at once. Idempotent. */
  async stop(): Promise<void> {
    const server = this.server;
    if (!server) return;
    this.server = null;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private async serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const reply = await this.replyTo(message);
    if (reply === 'never') return;
    if (reply === 'drop') {
      message.socket.destroy();
      return;
    }
    const body = Buffer.from(reply.body);
    response.writeHead(reply.status, {
      ...reply.headers,
      'content-type': reply.contentType,
      'content-length': body.length,
    });
    if (reply.cutAfterBytes === undefined) response.end(body);
    else response.write(body.subarray(0, reply.cutAfterBytes), () => message.socket.destroy());
  }

  private async replyTo(message: IncomingMessage): Promise<HttpReply> {
    try {
      return await this.handle(await read(message));
    } catch (error) {
      // The client went away while it was sending, or the lab itself is defective: then say so, loudly.
      return { status: 500, contentType: 'text/plain', body: `The simulated lab failed: ${String(error)}` };
    }
  }
}

async function read(message: IncomingMessage): Promise<HttpRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const url = new URL(message.url ?? '/', 'http://lab');
  return {
    method: message.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: message.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}
