import { afterEach, beforeEach } from '@jest/globals';
import { EventStoreDBClient } from '@eventstore/db-client';
import { pino } from 'pino';
import type { EventBatch, EventStore, SubscribeOptions } from '../../src/platform/event-store/event-store.port.js';
import { EventStoreDbEventStore } from '../../src/platform/event-store/eventstoredb/eventstoredb-event-store.js';
import type { EventStoreDbOptions } from '../../src/platform/event-store/eventstoredb/eventstoredb-event-store.js';
import { idsOf } from '../conformance/event-store/fixture.js';
import { startEventStoreDbServer } from './eventstoredb-server/eventstoredb-server.js';
import type { EventStoreDbServer } from './eventstoredb-server/eventstoredb-server.js';

/** What went wrong; undefined when nothing did. */
export async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** A test server that can misbehave and adapters on it, anew for each test of the file that makes this. */
export class AdapterFixture {
  private readonly toClose: (() => Promise<unknown>)[] = [];
  private presentServer: EventStoreDbServer | undefined;
  private presentStore: EventStoreDbEventStore | undefined;

  constructor() {
    beforeEach(async () => {
      this.presentServer = await startEventStoreDbServer();
      this.presentStore = await this.open();
    });
    afterEach(async () => {
      this.server.faults.heal();
      for (const close of this.toClose.splice(0).toReversed()) await close();
      await this.server.dispose();
    });
  }

  get server(): EventStoreDbServer {
    if (!this.presentServer) throw new Error('The server is there within tests.');
    return this.presentServer;
  }

  get store(): EventStoreDbEventStore {
    if (!this.presentStore) throw new Error('The store is there within tests.');
    return this.presentStore;
  }

  /** Another adapter, on the same server by default, with the patience of a test. */
  async open(options: Partial<EventStoreDbOptions> = {}, uri = this.server.connectionString) {
    const timeouts = { appendTimeoutMs: 1_500, readTimeoutMs: 1_500 };
    const store = await EventStoreDbEventStore.open(uri, { log: pino({ level: 'silent' }), ...timeouts, ...options });
    this.afterwards(() => store.close());
    return store;
  }

  /** Another server. */
  async anotherServer(): Promise<EventStoreDbServer> {
    const server = await startEventStoreDbServer();
    this.afterwards(() => server.dispose());
    return server;
  }

  /** A client as other teams have it. */
  otherClient(): EventStoreDBClient {
    const client = EventStoreDBClient.connectionString(this.server.connectionString);
    this.afterwards(() => client.dispose());
    return client;
  }

  /** Follows until the test ends; `reason` tells how it ended before. */
  subscribe(events: EventStore, options: Omit<SubscribeOptions, 'signal'>) {
    const stop = new AbortController();
    const batches: EventBatch[] = [];
    const consume = async () => {
      for await (const batch of events.subscribe({ ...options, signal: stop.signal })) batches.push(batch);
    };
    const reason = reasonOf(consume());
    this.afterwards(async () => {
      stop.abort();
      await reason;
    });
    const position = () => batches.at(-1)?.position ?? -1;
    return { batches, reason, position, ids: () => batches.flatMap((batch) => idsOf(batch.events)) };
  }

  /** Done when the test is over, the last one first. */
  afterwards(close: () => Promise<unknown>): void {
    this.toClose.push(close);
  }
}
