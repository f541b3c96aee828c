import type { Clock } from '../../clock.js';
import type { SerialisedAppend } from '../event-serialisation.js';
import { EventStoreUnavailable } from '../event-store.errors.js';
import { AppendCall } from './append-call.js';
import type { Accepted } from './append-protocol.js';
import type { Connection } from './connection.js';
import { storeUnavailable } from './store-failures.js';

/** Sends appends, all over one call as long as it lives. */
export class Appends {
  private call: AppendCall | undefined;
  private opening: Promise<AppendCall> | undefined;
  private readonly inFlight = new Set<Promise<unknown>>();

  constructor(
    private readonly connection: Connection,
    private readonly clock: Clock,
    private readonly timeoutMs: number,
  ) {}

  /** Sends an append; what it may throw is said at {@link AppendCall.send}. */
  send(append: SerialisedAppend): Promise<Accepted> {
    const answer = this.call
      ? this.call.send(append, this.clock.now(), this.timeoutMs)
      : this.opened().then((call) => call.send(append, this.clock.now(), this.timeoutMs));
    this.inFlight.add(answer);
    const forget = () => this.inFlight.delete(answer);
    answer.then(forget, forget);
    return answer;
  }

  /** Resolves when everything in flight has been answered, or given up. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.inFlight);
  }

  /** Ends the call once nothing is in flight. */
  retire(): void {
    this.call?.retire();
  }

  /** The call, opened. What waits for that has not been sent. @throws {EventStoreUnavailable} */
  private async opened(): Promise<AppendCall> {
    this.opening ??= this.open().finally(() => {
      this.opening = undefined;
    });
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new EventStoreUnavailable(`EventStoreDB could not be reached within ${this.timeoutMs} ms.`));
    }, this.timeoutMs);
    try {
      return await Promise.race([this.opening, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  private async open(): Promise<AppendCall> {
    try {
      const opened = await this.connection.client.openBatchAppend();
      const call = new AppendCall(opened, (error) => {
        if (this.call === call) this.call = undefined;
        if (error !== undefined) this.connection.failed(error);
      });
      this.call = call;
      return call;
    } catch (error) {
      this.connection.failed(error);
      throw storeUnavailable('append', error);
    }
  }
}
