import { EventStoreUnavailable } from '../event-store.errors.js';
import type { StoredEvent } from './stored-events.js';

/** A read or a subscription of the client: a `Readable` that can be told to stop. */
export type EventSource = {
  readonly readableLength: number;
  on(event: string, listener: (...parameters: unknown[]) => void): unknown;
  read(): unknown;
  resume(): unknown;
  removeAllListeners(event: string): unknown;
} & ({ cancel(): Promise<void> } | { unsubscribe(): Promise<void> });

/**
 * What a read or a subscription delivers, taken when it is wanted: what is not taken yet stays with the server, but for
 * a bounded number of events. Listens to everything that can happen to it, until the end of its days: an error that
 * nobody listens to would end the process.
 */
export class Incoming {
  private failure: { readonly error: unknown } | undefined;
  private isOver = false;
  private bell: (() => void) | undefined;

  constructor(private readonly source: EventSource) {
    source.on('readable', () => this.ring());
    source.on('error', (error) => this.fail(error));
    for (const event of ['end', 'close']) {
      source.on(event, () => {
        this.isOver = true;
        this.ring();
      });
    }
  }

  /** Ends it with an error. */
  fail(error: unknown): void {
    this.failure ??= { error };
    this.ring();
  }

  /** Up to `limit` events that have arrived. */
  take(limit: number): StoredEvent[] {
    const events: StoredEvent[] = [];
    while (events.length < limit) {
      const resolved = this.source.read() as { readonly event?: StoredEvent } | null;
      if (resolved === null) break;
      // Links are not resolved, so there always is one.
      if (resolved.event) events.push(resolved.event);
    }
    return events;
  }

  /** Nothing has arrived that was not taken. */
  get isEmpty(): boolean {
    return this.source.readableLength === 0;
  }

  /** True when no more will come. @throws what ended it, unless that was a polite end */
  hasEnded(): boolean {
    if (this.failure) throw this.failure.error;
    return this.isOver;
  }

  /** Ends every wait there is: something else than an arrival is to be looked at. */
  ring(): void {
    this.bell?.();
    this.bell = undefined;
  }

  /**
   * Waits until something happens. One may wait at a time.
   * @throws {EventStoreUnavailable} nothing has within `timeoutMs`
   */
  async next(timeoutMs?: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.bell = resolve;
    if (timeoutMs === undefined) return await promise;
    const timer = setTimeout(
      () => reject(new EventStoreUnavailable(`EventStoreDB did not answer within ${timeoutMs} ms.`)),
      timeoutMs,
    );
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Tells the server to stop, unless it has. What is on its way is read and forgotten: the client keeps a call until its
   * end has been read, and would wait for it when it is disposed of.
   */
  cancel(): void {
    const { source } = this;
    if (this.isOver) return;
    // The client fails here when the call was never made; then there is nothing to stop.
    void ('cancel' in source ? source.cancel() : source.unsubscribe()).catch(() => undefined);
    source.removeAllListeners('readable');
    source.resume();
  }
}
