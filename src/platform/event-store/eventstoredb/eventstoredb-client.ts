import { setTimeout as delay } from 'node:timers/promises';
import { EventStoreDBClient } from '@eventstore/db-client';
import type { DNSClusterOptions, GossipClusterOptions, SingleNodeOptions } from '@eventstore/db-client';
import { ReadStream } from '@eventstore/db-client/dist/streams/utils/ReadStream.js';
import { convertGrpcEvent } from '@eventstore/db-client/dist/utils/index.js';
import { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { BatchAppendReq, BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import type { Channel, ClientDuplexStream } from '@grpc/grpc-js';
import type { ConnectionSettings } from './connection-string.js';
import type { EventSource } from './incoming.js';
import { toReadRequest } from './read-protocol.js';
import type { FilteredRead } from './read-protocol.js';

/** One call that carries many appends and their answers. */
export type BatchAppendCall = ClientDuplexStream<BatchAppendReq, BatchAppendResp>;

/** How long the client may take to end its calls. */
const DISPOSE_MS = 1_000;

type ClientOptions = SingleNodeOptions | GossipClusterOptions | DNSClusterOptions;

/**
 * The client of EventStoreDB, with the few things that the adapter needs of it beyond its public methods. This module
 * and what it imports are loaded only when EventStoreDB is configured.
 */
export class DormouseClient extends EventStoreDBClient {
  private channel: Channel | undefined;

  /** Does not connect yet. */
  static for(settings: ConnectionSettings): DormouseClient {
    const { tls, credentials } = settings;
    const channelCredentials = {
      insecure: tls === undefined,
      ...(tls?.rootCertificate && { rootCertificate: tls.rootCertificate }),
      ...(tls?.userCertificate && { userCertFile: tls.userCertificate }),
      ...(tls?.userKey && { userKeyFile: tls.userKey }),
    };
    // Without TLS the server takes no credentials; sending them would only show them on the wire.
    return new DormouseClient(optionsOf(settings), channelCredentials, tls ? credentials : undefined);
  }

  private constructor(...parameters: [ClientOptions, { insecure: boolean }, ConnectionSettings['credentials']]) {
    // The overloads differ in the first parameter only, and TypeScript wants one of them named.
    super(...(parameters as [SingleNodeOptions, { insecure: boolean }, ConnectionSettings['credentials']]));
    const { getChannel, handleError } = this;
    this.getChannel = async () => (this.channel = await getChannel());
    // The client does not look at what comes of this. It fails while a cluster is away, and nobody would handle that.
    this.handleError = (client, error) => handleError(client, error).catch(() => undefined);
  }

  /** Opens a call for many appends. Whoever calls listens to `error` and `end` of what is given before anything else. */
  async openBatchAppend(): Promise<BatchAppendCall> {
    const open = this.GRPCStreamCreator(StreamsClient, 'batchAppend', (client) =>
      client.batchAppend(...this.callArguments({}, { deadline: Infinity })),
    );
    return await open();
  }

  /** The same as `readAll`, of what passes a filter: the server can do that, the client has no method for it. */
  readFiltered(request: FilteredRead, ahead: { readonly highWaterMark: number }): EventSource {
    const open = this.GRPCStreamCreator(StreamsClient, 'readFiltered', (client) =>
      client.read(toReadRequest(request), ...this.callArguments({}, { deadline: Infinity })),
    );
    return new ReadStream(open, convertGrpcEvent, ahead);
  }

  /** Ends what is open and closes the connection. */
  async shutDown(): Promise<void> {
    const disposed = new AbortController();
    // gRPC's sockets do not keep a process alive that has nothing else to do: without a timer it would end in the middle
    // of this. A call that does not end in time is not waited for.
    const patience = delay(DISPOSE_MS, undefined, { signal: disposed.signal });
    try {
      await Promise.race([this.dispose(), patience]);
    } finally {
      disposed.abort();
    }
    this.channel?.close();
  }
}

function optionsOf(settings: ConnectionSettings): ClientOptions {
  const { hosts, discover, connectionName, keepAliveInterval, keepAliveTimeout } = settings;
  const options = {
    keepAliveInterval,
    keepAliveTimeout,
    ...(connectionName !== undefined && { connectionName }),
  };
  if (!discover && hosts.length === 1) return { ...options, endpoint: hosts[0] };
  const discovery = {
    maxDiscoverAttempts: settings.maxDiscoverAttempts,
    discoveryInterval: settings.discoveryInterval,
    gossipTimeout: settings.gossipTimeoutSeconds,
  };
  return discover
    ? { ...options, ...discovery, discover: hosts[0] }
    : { ...options, ...discovery, endpoints: [...hosts] };
}
