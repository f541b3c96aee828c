import { randomUUID } from 'node:crypto';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import { AllReader } from './all-reader.js';
import type { Faults } from './faults.js';
import {
  caughtUpMessage,
  checkpointMessage,
  confirmationMessage,
  eventMessage,
  streamNotFoundMessage,
} from './messages.js';
import { Outlet } from './outlet.js';
import { parseRead } from './read-request.js';
import type { AllRead, ReadRequest, StreamRead } from './read-request.js';
import { BadRequest, ShuttingDown } from './server-errors.js';
import type { StoredEvent } from './records.js';
import type { StreamsDatabase } from './streams-database.js';

type ReadCall = ServerWritableStream<ReadReq, Buffer>;

/** Streams.Read: reads and subscriptions, of a stream and of $all. */
export class ReadService {
  private readonly all: AllReader;
  private readonly subscriptions = new Set<Outlet>();

  constructor(
    private readonly database: StreamsDatabase,
    private readonly faults: Faults,
  ) {
    this.all = new AllReader(database.log, database.system);
  }

  /** The gRPC handler. */
  readonly handle = (call: ReadCall): void => {
    void this.answer(call, new Outlet(call));
  };

  /** Ends every subscription: without a reason with status OK. */
  endSubscriptions(reason?: ShuttingDown): void {
    for (const outlet of [...this.subscriptions]) {
      if (reason) outlet.fail(reason);
      else outlet.end();
    }
  }

  private async answer(call: ReadCall, outlet: Outlet): Promise<void> {
    try {
      const request = parseRead(call.request);
      if (request.isSubscription) {
        this.subscriptions.add(outlet);
        await this.subscribe(request, outlet);
      } else if (this.faults.reads === 'answer') {
        await this.read(request, outlet);
        outlet.end();
      }
    } catch (error) {
      outlet.fail(error);
    } finally {
      this.subscriptions.delete(outlet);
    }
  }

  private async read(request: ReadRequest, outlet: Outlet): Promise<void> {
    if (request.count === 0) throw new BadRequest('Count must be greater than 0.');
    const pages = request.of === 'all' ? this.allPages(request) : this.streamPages(request);
    if (request.of === 'stream' && !this.database.exists(request.stream)) {
      outlet.send(streamNotFoundMessage(request.stream));
      return;
    }
    let left = request.count;
    for (const page of pages) {
      for (const event of page) {
        if (left-- === 0) return;
        outlet.send(this.message(request, event));
      }
      await outlet.ready();
      if (!outlet.isOpen) return;
    }
  }

  private streamPages({ stream, from, direction }: StreamRead): Iterable<StoredEvent[]> {
    return this.database.read(stream, from, direction);
  }

  /** Forwards from a position inclusive, backwards exclusive of it: so EventStoreDB reads its log. */
  private *allPages({ from, direction, wanted }: AllRead): Generator<StoredEvent[], void> {
    let at = direction === 'forwards' ? from - 1 : from;
    for (;;) {
      const entries = direction === 'forwards' ? this.all.after(at, wanted) : this.all.before(at, wanted);
      const last = entries.at(-1);
      if (!last) return;
      yield entries.flatMap(({ event }) => event ?? []);
      at = last.position;
    }
  }

  private async subscribe(request: ReadRequest, outlet: Outlet): Promise<void> {
    outlet.send(confirmationMessage(randomUUID()));
    const advance = request.of === 'all' ? this.followAll(request, outlet) : this.followStream(request, outlet);
    let saidCaughtUp = false;
    while (outlet.isOpen) {
      const hasMore = advance();
      await outlet.ready();
      if (hasMore) {
        await outlet.turn();
        continue;
      }
      if (!saidCaughtUp) outlet.send(caughtUpMessage());
      saidCaughtUp = true;
      if (!this.database.log.isOpen) throw new ShuttingDown();
      if (!advance()) await this.database.log.commits.next(outlet.closed);
    }
  }

  /** Gives a function that sends what comes next, and says whether there was something. */
  private followAll(request: AllRead, outlet: Outlet): () => boolean {
    let at = request.from === Infinity ? this.all.head : request.from;
    let sinceCheckpoint = 0;
    return () => {
      const entries = this.all.after(at, request.wanted);
      for (const { position, event } of entries) {
        if (event) outlet.send(this.message(request, event));
        at = position;
        if (request.checkpointEvery === undefined || ++sinceCheckpoint < request.checkpointEvery) continue;
        sinceCheckpoint = 0;
        outlet.send(checkpointMessage(position));
      }
      return entries.length > 0;
    };
  }

  private followStream(request: StreamRead, outlet: Outlet): () => boolean {
    const { stream } = request;
    // Nothing will ever come of a stream that is deleted for ever, which this finds out.
    this.database.exists(stream);
    let next = request.from === Infinity ? this.database.lengthOf(stream) : request.from + 1;
    return () => {
      for (const page of this.database.read(stream, next, 'forwards')) {
        for (const event of page) {
          outlet.send(this.message(request, event));
          next = Number(event.revision) + 1;
        }
        if (page.length > 0) return true;
      }
      return false;
    };
  }

  private message(request: ReadRequest, event: StoredEvent): Buffer {
    const resolved = this.database.resolve(event, request.resolveLinks);
    return eventMessage(resolved, request.uuids);
  }
}
