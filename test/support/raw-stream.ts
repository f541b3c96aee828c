import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { readFrames } from './feed-fixture.js';
import type { ReadFrame } from './feed-fixture.js';

/** A client of an event stream over a bare socket, which takes what comes only as long as the test wants it to. */
export class RawStream {
  /** Status line and headers. */
  head = '';
  /** What follows them. */
  text = '';
  closed = false;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.take(chunk));
    socket.on('close', () => (this.closed = true));
    // A service that ends resets connections; that they are closed is what the tests look at.
    socket.on('error', () => (this.closed = true));
  }

  /** @param path with its query */
  static async open(url: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<RawStream> {
    const { hostname, port, host } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const stream = new RawStream(socket);
    const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}`);
    socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    return stream;
  }

  frames(): ReadFrame[] {
    return readFrames(this.text);
  }

  /** Takes nothing any more: what is sent fills the buffers of the operating system. */
  stall(): void {
    this.socket.pause();
  }

  take(chunk?: string): void {
    if (chunk === undefined) return void this.socket.resume();
    this.text += chunk;
    const end = this.text.indexOf('\r\n\r\n');
    if (this.head !== '' || end === -1) return;
    this.head = this.text.slice(0, end);
    this.text = this.text.slice(end + 4);
  }

  destroy(): void {
    this.socket.destroy();
  }
}
