import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import features from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import persistent from '@eventstore/db-client/generated/persistent_grpc_pb.js';
import streams from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { SystemClock } from '../../../src/platform/clock.js';
import type { Clock } from '../../../src/platform/clock.js';
import { AppendService } from './append-service.js';
import { Faults } from './faults.js';
import { FrontDoor } from './front-door.js';
import { PersistentService } from './persistent-service.js';
import { pipelining } from './pipelining.js';
import { ReadService } from './read-service.js';
import { supportedMethods } from './server-features.js';
import { ShuttingDown } from './server-errors.js';
import { StreamsDatabase } from './streams-database.js';

export type { Faults } from './faults.js';

export interface EventStoreDbServerOptions {
  /** Where the data is kept; default: a temporary directory, gone after {@link EventStoreDbServer.dispose}. */
  readonly directory?: string;
  /** Default: any free port. */
  readonly port?: number;
  /** Gives `created` and judges `$maxAge`; default: the machine's. */
  readonly clock?: Clock;
  /** Added to the connection string: `keepAliveInterval=2000&keepAliveTimeout=2000`. */
  readonly connectionOptions?: string;
  /** What dying is (the faults `die_...`); default: {@link EventStoreDbServer.kill}. */
  readonly onDeath?: () => void;
}

/** Everything of a server that is gone when it stops. */
interface Running {
  readonly database: StreamsDatabase;
  readonly door: FrontDoor;
  readonly grpc: Server;
  readonly appends: AppendService;
  readonly reads: ReadService;
  readonly persistent: PersistentService;
}

/** The largest message: EventStoreDB takes what is too large for an append, and says so. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/** How long a polite stop waits, for the appends in flight and then for their answers to be sent, ms. */
const STOP_PATIENCE_MS = 1_000;

/** Time for clients to read their last answers: grpc-js throws away what is unread when a call ends with an error, ms. */
const LAST_ANSWERS_MS = 100;

/**
 * Starts a server that speaks EventStoreDB's gRPC protocol and answers as EventStoreDB 23.10 does (single node, insecure,
 * system projections on), in front of the embedded store. For tests: it is held, row by row, to what a real one was
 * seen to do, and can misbehave on request.
 *
 * ```ts
 * const server = await startEventStoreDbServer();
 * const client = EventStoreDBClient.connectionString(server.connectionString);
 * server.faults.appends = 'swallow_answer';   // written, but the answer is lost
 * await server.kill();                        // all connections reset, what was not committed is lost
 * await server.restart();                     // same port, same data, healthy
 * await server.dispose();                     // afterAll
 * ```
 *
 * `server.faults`: `appends` ('answer', 'ignore', 'swallow_answer', 'die_before_commit', 'die_after_commit'), `reads`
 * ('answer', 'ignore'), `dropConnections()`, `endSubscriptions()` (status OK), `freeze()`, `thaw()`, `heal()`.
 */
export async function startEventStoreDbServer(options: EventStoreDbServerOptions = {}): Promise<EventStoreDbServer> {
  const isTemporary = options.directory === undefined;
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'eventstoredb-'));
  const server = new EventStoreDbServer(directory, isTemporary, options);
  await server.restart();
  return server;
}

export class EventStoreDbServer {
  readonly faults: Faults;
  private running: Running | undefined;
  private knownPort: number;

  /** Use {@link startEventStoreDbServer}. */
  constructor(
    readonly directory: string,
    private readonly isTemporary: boolean,
    private readonly options: EventStoreDbServerOptions,
  ) {
    this.knownPort = options.port ?? 0;
    this.faults = new Faults({
      dropConnections: () => this.running?.door.drop(),
      endSubscriptions: () => this.running?.reads.endSubscriptions(),
      freeze: () => this.running?.door.freeze(),
      thaw: () => this.running?.door.thaw(),
    });
  }

  /** The same after a restart. */
  get port(): number {
    return this.knownPort;
  }

  get connectionString(): string {
    const { connectionOptions } = this.options;
    return `esdb://127.0.0.1:${this.port}?tls=false${connectionOptions ? `&${connectionOptions}` : ''}`;
  }

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  /** As by SIGTERM: answers the appends in flight, ends subscriptions as unavailable, closes. The data stays. */
  async stop(): Promise<void> {
    const { running } = this;
    if (!running) return;
    this.running = undefined;
    const reason = new ShuttingDown();
    await Promise.race([running.appends.settle(), patience()]);
    await delay(LAST_ANSWERS_MS);
    running.reads.endSubscriptions(reason);
    running.persistent.endAll(reason);
    await Promise.race([running.appends.endBatches(reason), patience()]);
    const shutDown = new Promise<void>((resolve) => running.grpc.tryShutdown(() => resolve()));
    await Promise.race([shutDown, patience()]);
    running.database.log.close();
    await this.shut(running);
  }

  /** As by SIGKILL: resets every connection, loses what is not committed. The data stays. */
  async kill(): Promise<void> {
    const { running } = this;
    if (!running) return;
    this.running = undefined;
    running.door.drop();
    running.database.log.abandon();
    await this.shut(running);
  }

  /** Starts it, after killing it if it runs: same port, same data, no faults. */
  async restart(): Promise<void> {
    await this.kill();
    this.faults.heal();
    const database = await StreamsDatabase.open(this.directory, this.options.clock ?? new SystemClock());
    const die = this.options.onDeath ?? (() => void this.kill());
    const appends = new AppendService(database, this.faults, die);
    const reads = new ReadService(database, this.faults);
    const grpc = new Server({ 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES, interceptors: [pipelining] });
    const groups = new PersistentService(database);
    serve(grpc, appends, reads, groups);
    const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    const opening = FrontDoor.open(this.knownPort, (connection) => injector.injectConnection(connection));
    const door = await opening.catch((error: unknown) => {
      database.log.close();
      throw error;
    });
    this.knownPort = door.port;
    this.running = { database, door, grpc, appends, reads, persistent: groups };
  }

  /** Stops it and removes its data if they are temporary. */
  async dispose(): Promise<void> {
    await this.stop();
    if (this.isTemporary) rmSync(this.directory, { recursive: true, force: true });
  }

  private async shut({ door, grpc }: Running): Promise<void> {
    await door.close();
    grpc.forceShutdown();
  }
}

function serve(grpc: Server, appends: AppendService, reads: ReadService, groups: PersistentService): void {
  // Events are written in bulk and by hand: what reads are answered with are bytes already.
  const read = { ...streams.StreamsService.read, responseSerialize: (message: Buffer) => message };
  grpc.addService(
    { ...streams.StreamsService, read },
    {
      read: reads.handle,
      append: appends.append,
      batchAppend: appends.batchAppend,
      delete: appends.delete,
      tombstone: appends.tombstone,
    },
  );
  const {
    create,
    update,
    delete: remove,
    read: consume,
    getInfo,
    replayParked,
  } = persistent.PersistentSubscriptionsService;
  const persistentService = {
    create,
    update,
    delete: remove,
    read: { ...consume, responseSerialize: (message: Buffer) => message },
    getInfo,
    replayParked,
  };
  grpc.addService(persistentService, {
    create: groups.create,
    update: groups.update,
    delete: groups.delete,
    read: groups.read,
    getInfo: groups.getInfo,
    replayParked: groups.replayParked,
  });
  grpc.addService(features.ServerFeaturesService, {
    getSupportedMethods: supportedMethods(streams.StreamsService, features.ServerFeaturesService, persistentService),
  });
}

function patience(): Promise<void> {
  return delay(STOP_PATIENCE_MS, undefined, { ref: false });
}
