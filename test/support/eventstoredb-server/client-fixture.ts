import { afterAll, beforeAll } from '@jest/globals';
import { ANY, EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import type {
  AppendExpectedRevision,
  AppendResult,
  EventData,
  Position,
  ReadStreamOptions,
  ResolvedEvent,
} from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { collect } from '../collect.js';
import { startEventStoreDbServer } from './eventstoredb-server.js';
import type { EventStoreDbServer } from './eventstoredb-server.js';

/** A server and its real client, for the tests of one file. */
export interface ServerFixture {
  readonly server: EventStoreDbServer;
  readonly client: EventStoreDBClient;
  append(
    stream: string,
    events: EventData | EventData[],
    expectedRevision?: AppendExpectedRevision,
  ): Promise<AppendResult>;
  /** A stream with so many events. */
  streamOf(count: number): Promise<string>;
  read(stream: string, options?: ReadStreamOptions): Promise<ResolvedEvent[]>;
  revisions(stream: string, options?: ReadStreamOptions): Promise<number[]>;
}

/** Starts a server before the tests of a file and ends it after them. */
export function useServer(connectionOptions?: string): ServerFixture {
  const running: { server?: EventStoreDbServer; client?: EventStoreDBClient } = {};
  beforeAll(async () => {
    running.server = await startEventStoreDbServer(connectionOptions === undefined ? {} : { connectionOptions });
    running.client = EventStoreDBClient.connectionString(running.server.connectionString);
  });
  afterAll(async () => {
    await running.client?.dispose();
    await running.server?.dispose();
  });
  return {
    get server() {
      return started(running.server);
    },
    get client() {
      return started(running.client);
    },
    append(stream, events, expectedRevision = ANY) {
      return this.client.appendToStream(stream, events, { expectedRevision });
    },
    async streamOf(count) {
      const stream = newStream();
      await this.append(stream, newEvents(count), NO_STREAM);
      return stream;
    },
    read(stream, options) {
      return collect<ResolvedEvent>(this.client.readStream(stream, options));
    },
    async revisions(stream, options) {
      return (await this.read(stream, options)).map(({ event }) => Number(event?.revision));
    },
  };
}

function started<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('The server has not been started.');
  return value;
}

/** The name of a stream that nobody uses. */
export function newStream(category = 'kettle'): string {
  return `${category}-${randomUUID()}`;
}

export function newEvent(data: object = {}) {
  return jsonEvent({ id: randomUUID(), type: 'Boiled', data: { ...data } });
}

export function newEvents(count: number) {
  return Array.from({ length: count }, () => newEvent());
}

/** What WrongExpectedVersionError says, its empty message included. */
export function wrongExpectedVersion(streamName: string, expected: bigint | string, actual: bigint | string) {
  const versions = { streamName, expectedVersion: expected, actualVersion: actual };
  return { type: 'wrong-expected-version', message: '', ...versions };
}

/** All that a subscription told, as it comes. */
export class SubscriptionLog {
  readonly events: ResolvedEvent[] = [];
  readonly checkpoints: Position[] = [];
  /** `confirmation`, `caughtUp`, `error`, `end`, `close`, in order. */
  readonly signals: string[] = [];
  readonly errors: { type?: string }[] = [];

  /** For a filter: keeps the checkpoints. */
  readonly checkpointReached = (_subscription: unknown, position: Position): Promise<void> => {
    this.checkpoints.push(position);
    return Promise.resolve();
  };

  listenTo(subscription: EventEmitter): this {
    for (const signal of ['confirmation', 'caughtUp', 'end', 'close']) {
      subscription.on(signal, () => this.signals.push(signal));
    }
    subscription.on('data', (event: ResolvedEvent) => this.events.push(event));
    subscription.on('error', (error: { type?: string }) => {
      this.signals.push('error');
      this.errors.push(error);
    });
    return this;
  }
}
