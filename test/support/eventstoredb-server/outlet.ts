import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ServerDuplexStream, ServerWritableStream, ServiceError } from '@grpc/grpc-js';
import { toServiceError } from './status.js';

/** The sending side of a call: what is sent after its end goes nowhere. */
export class Outlet {
  private readonly ending = new AbortController();
  private hasEnded = false;
  private isFull = false;

  constructor(private readonly call: ServerWritableStream<unknown, Buffer> | ServerDuplexStream<unknown, Buffer>) {
    call.on('cancelled', () => this.ending.abort());
  }

  /** Aborts when the call is over, whoever ended it. */
  get closed(): AbortSignal {
    return this.ending.signal;
  }

  get isOpen(): boolean {
    return !this.ending.signal.aborted && !this.call.cancelled;
  }

  send(message: Buffer): void {
    if (this.isOpen) this.isFull = !this.call.write(message);
  }

  /** Resolves once the connection has room for more, or the call is over. */
  async ready(): Promise<void> {
    if (!this.isFull || !this.isOpen) return;
    // Rejects only because of the signal: then the call is over, which is the other thing to wait for.
    await once(this.call, 'drain', { signal: this.closed }).catch(() => undefined);
    this.isFull = false;
  }

  /** Lets others have their turn. */
  async turn(): Promise<void> {
    await nextTurn();
  }

  /** Ends the call as EventStoreDB does for this error. */
  fail(error: unknown): void {
    this.end(toServiceError(error));
  }

  /** Ends the call: with status OK, or with an error. */
  end(error?: ServiceError): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    if (!this.call.cancelled) {
      if (error) this.call.emit('error', error);
      else this.call.end();
    }
    this.ending.abort();
  }
}
