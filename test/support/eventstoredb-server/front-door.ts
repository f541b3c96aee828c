import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { Duplex } from 'node:stream';

/**
 * Between the TCP port and the gRPC server: takes connections, and can drop all of them, or stop the traffic on them
 * without closing anything.
 */
export class FrontDoor {
  private readonly connections = new Set<Connection>();
  private isFrozen = false;

  /**
   * Listens on 127.0.0.1.
   *
   * @param port 0: any free one
   * @param admit what a new connection is handed to
   */
  static async open(port: number, admit: (connection: Duplex) => void): Promise<FrontDoor> {
    const server = createServer({ noDelay: true });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new FrontDoor(server, admit);
  }

  private constructor(
    private readonly server: Server,
    private readonly admit: (connection: Duplex) => void,
  ) {
    server.on('connection', (socket) => this.accept(socket));
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Resets every connection. */
  drop(): void {
    for (const connection of [...this.connections]) connection.reset();
  }

  freeze(): void {
    this.isFrozen = true;
    for (const connection of this.connections) connection.freeze();
  }

  thaw(): void {
    this.isFrozen = false;
    for (const connection of this.connections) connection.thaw();
  }

  /** Closes the port and resets every connection. */
  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.drop();
    await closed;
  }

  private accept(socket: Socket): void {
    const connection = new Connection(socket);
    this.connections.add(connection);
    connection.once('close', () => this.connections.delete(connection));
    if (this.isFrozen) connection.freeze();
    this.admit(connection);
  }
}

/** So much may wait to be sent on a connection before its sender is held up. */
const SEND_BUFFER_BYTES = 256 * 1024;

/** A socket whose traffic can be held up, both ways. */
class Connection extends Duplex {
  private isFrozen = false;
  private held: (() => void)[] = [];
  private outgoing: Buffer[] = [];

  constructor(private readonly socket: Socket) {
    super({ allowHalfOpen: false });
    socket.on('data', (chunk: Buffer) => this.whenThawed(() => this.receive(chunk)));
    socket.on('end', () => this.whenThawed(() => this.push(null)));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
    // Whoever uses the connection learns of its end by `close`; that it was by an error is of no interest here.
    this.on('error', () => undefined);
  }

  freeze(): void {
    this.isFrozen = true;
    this.socket.pause();
  }

  thaw(): void {
    this.isFrozen = false;
    const held = this.held;
    this.held = [];
    for (const action of held) action();
    this.socket.resume();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  override _read(): void {
    if (!this.isFrozen) this.socket.resume();
  }

  /** Every message is a chunk of its own; those of one turn go out together, which costs one system call. */
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.outgoing.push(chunk) === 1) setImmediate(() => this.whenThawed(() => this.flush()));
    if (this.socket.writableLength < SEND_BUFFER_BYTES) done();
    else this.socket.once('drain', done);
  }

  override _final(done: () => void): void {
    this.whenThawed(() => {
      this.flush();
      this.socket.end(done);
    });
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.socket.destroy();
    done(error);
  }

  private flush(): void {
    const chunks = this.outgoing;
    this.outgoing = [];
    if (chunks.length > 0 && !this.socket.destroyed) this.socket.write(Buffer.concat(chunks));
  }

  private receive(chunk: Buffer): void {
    if (!this.push(chunk)) this.socket.pause();
  }

  private whenThawed(action: () => void): void {
    if (this.isFrozen) this.held.push(action);
    else action();
  }
}
