import { randomUUID } from 'node:crypto';
import type { BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import type { SerialisedAppend } from '../event-serialisation.js';
import { AppendOutcomeUnknown, EventStoreUnavailable } from '../event-store.errors.js';
import type { Accepted } from './append-protocol.js';
import { toAnswer, toRequest } from './append-protocol.js';
import type { BatchAppendCall } from './eventstoredb-client.js';
import { neverConnected, storeUnavailable, turnedAway } from './store-failures.js';

/**
 * The server drops an append that is older than its deadline, by its own clock, and bounds by itself how long it tries.
 * An hour keeps clocks that differ from making every append fail.
 */
const DEADLINE_MS = 60 * 60 * 1000;

interface Unanswered {
  readonly stream: string;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (accepted: Accepted) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Many appends over one gRPC call, each answered by itself.
 *
 * The client's own batch append is not used: it keeps the promises of the whole process in one table, so that an error
 * of one call rejects the appends of all others, and an answer that comes after that is thrown out of an event listener
 * and ends the process. Its JSON would be made a second time as well. Message formats, connection and leader discovery
 * are the client's.
 */
export class AppendCall {
  private readonly unanswered = new Map<string, Unanswered>();
  private hasAnswered = false;
  private over = false;
  private retired = false;

  /** @param onOver told when the call is not to be used for further appends, and why unless it was retired */
  constructor(
    private readonly call: BatchAppendCall,
    private readonly onOver: (error?: unknown) => void,
  ) {
    call.on('data', (response: BatchAppendResp) => this.take(toAnswer(response)));
    call.on('error', (error) => this.end(error));
    call.on('end', () => this.end(new Error('EventStoreDB ended the call.')));
  }

  /** Appends in flight. */
  get size(): number {
    return this.unanswered.size;
  }

  /**
   * @returns what the server said; rejects with an error of the client when it refused this append
   * @throws {AppendOutcomeUnknown} no answer within `timeoutMs`, or the call has failed
   * @throws {EventStoreUnavailable} certainly not written
   */
  send(append: SerialisedAppend, now: number, timeoutMs: number): Promise<Accepted> {
    return new Promise((resolve, reject) => {
      if (this.over || this.retired) throw new EventStoreUnavailable('The connection to EventStoreDB was lost.');
      const id = randomUUID();
      const timer = setTimeout(() => this.giveUp(id, timeoutMs), timeoutMs);
      this.unanswered.set(id, { stream: append.stream, timer, resolve, reject });
      // What does not fit into the connection is buffered: as much as the callers have in flight, who wait for answers.
      this.call.write(toRequest(append, id, new Date(now + DEADLINE_MS)));
    });
  }

  /** Takes no more appends, and ends the call as soon as nothing is in flight. */
  retire(reason?: Error): void {
    if (!this.retired && !this.over) this.onOver(reason);
    this.retired = true;
    if (this.size === 0 && !this.over) this.call.cancel();
  }

  private take({ correlationId, outcome }: ReturnType<typeof toAnswer>): void {
    this.hasAnswered = true;
    const append = this.settle(correlationId);
    // An answer that comes too late finds nobody; its sender repeats the append and learns of it so.
    if (!append) return;
    if (outcome instanceof Error) append.reject(outcome);
    else append.resolve(outcome);
    if (this.retired) this.retire();
  }

  /** A call that leaves one append without an answer gets no more of them. Those that are in flight have their time. */
  private giveUp(id: string, timeoutMs: number): void {
    const append = this.settle(id);
    const cause = new EventStoreUnavailable(`EventStoreDB did not answer within ${timeoutMs} ms.`);
    append?.reject(new AppendOutcomeUnknown(append.stream, { cause }));
    this.retire(cause);
  }

  /** The call is over, and with it everything in flight: written or not, nobody knows, unless it was never sent. */
  private end(error: unknown): void {
    if (this.over) return;
    this.over = true;
    const wroteNothing = neverConnected(error) || (!this.hasAnswered && turnedAway(error));
    for (const id of [...this.unanswered.keys()]) {
      const append = this.settle(id);
      const cause = storeUnavailable('append', error);
      append?.reject(wroteNothing ? cause : new AppendOutcomeUnknown(append.stream, { cause }));
    }
    this.call.end();
    if (!this.retired) this.onOver(error);
  }

  private settle(id: string): Unanswered | undefined {
    const append = this.unanswered.get(id);
    clearTimeout(append?.timer);
    this.unanswered.delete(id);
    return append;
  }
}
