import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A webhook as it arrived. */
export interface ReceivedWebhook {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The CloudEvent in it. */
  readonly event: {
    readonly id: string;
    readonly type: string;
    readonly subject: string;
    readonly streamrevision: number;
    readonly position: string;
    readonly data: Record<string, unknown>;
  };
}

/** What a receiver does with a request, once it has read it. */
export type Behaviour = (response: ServerResponse, webhook: ReceivedWebhook) => void;

export const accept: Behaviour = (response) => void response.writeHead(204).end();

export const answer =
  (status: number, body = '', headers: Record<string, string> = {}): Behaviour =>
  (response) =>
    void response.writeHead(status, headers).end(body);

/** Reads the request and says nothing, ever. */
export const neverAnswer: Behaviour = () => undefined;

/** Closes the connection instead of answering. */
export const hangUp: Behaviour = (response) => void response.socket?.destroy();

/** Begins an answer and never comes to its end. */
export const endlessBody =
  (status: number, chunk = 'x'.repeat(4_096)): Behaviour =>
  (response) => {
    response.writeHead(status);
    const write = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', write);
    write();
  };

/** Promises more than it sends, or sends more than it promises. */
export const lyingLength =
  (status: number, promised: number, body: string): Behaviour =>
  (response) => {
    response.socket?.end(`HTTP/1.1 ${status} Hm\r\ncontent-length: ${promised}\r\n\r\n${body}`);
  };

/** Somebody who receives webhooks on 127.0.0.1, and behaves as it is told. */
export class WebhookReceiver {
  readonly received: ReceivedWebhook[] = [];
  /** What it does with a request; change it at any time. */
  behaviour: Behaviour = accept;
  /** Requests that are being dealt with, and the most there ever were. */
  open = 0;
  mostOpen = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    server.on('request', (request, response) => void this.take(request, response));
  }

  static async start(port = 0): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(createServer());
    receiver.server.listen(port, '127.0.0.1');
    await once(receiver.server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** Types of what arrived, without the part that all have in common. */
  get types(): string[] {
    return this.received.map(({ event }) => event.type.replace(/^dormouse\.|\.v1$/g, ''));
  }

  /** Ids of what arrived, each once, in the order of their first arrival. */
  get firstIds(): string[] {
    return [...new Set(this.received.map(({ event }) => event.id))];
  }

  /** @param connected told of each new connection */
  onConnection(connected: () => void): void {
    this.server.on('connection', connected);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.mostOpen = Math.max(this.mostOpen, ++this.open);
    response.on('close', () => this.open--);
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString('utf8');
    const webhook = { headers: request.headers, body, event: JSON.parse(body) as ReceivedWebhook['event'] };
    this.received.push(webhook);
    this.behaviour(response, webhook);
  }
}
