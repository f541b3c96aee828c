import type { Logger } from 'pino';
import type { Position } from '../event-store.port.js';
import type { DormouseClient } from './eventstoredb-client.js';
import { storeUnavailable } from './store-failures.js';

/** The client, and what is known of the store that it reaches. */
export class Connection {
  private isLost = false;
  private lastEvent: Position | null = null;

  constructor(
    readonly client: DormouseClient,
    private readonly log: Logger,
  ) {}

  /** The last event that is known of. A server that was away may have come back with less. */
  get known(): Position | null {
    return this.lastEvent;
  }

  /** Told of every event that is seen to exist. */
  learn(position: Position): void {
    this.lastEvent = Math.max(this.lastEvent ?? -1, position);
  }

  /** Told of everything that fails. */
  failed(error: unknown): void {
    if (!this.isLost) this.log.warn({ reason: storeUnavailable('answer', error).message }, 'event_store.lost');
    this.isLost = true;
    this.lastEvent = null;
  }

  /** Told that the store has answered. */
  answered(): void {
    if (this.isLost) this.log.info('event_store.back');
    this.isLost = false;
  }
}
