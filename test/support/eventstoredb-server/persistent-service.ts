import type { sendUnaryData, ServerDuplexStream, ServerUnaryCall } from '@grpc/grpc-js';
import pb from '@eventstore/db-client/generated/persistent_pb.js';
import type {
  CreateReq,
  CreateResp,
  DeleteReq,
  DeleteResp,
  GetInfoReq,
  GetInfoResp,
  ReadReq,
  ReplayParkedReq,
  ReplayParkedResp,
  UpdateReq,
  UpdateResp,
} from '@eventstore/db-client/generated/persistent_pb.js';
import type { StreamIdentifier } from '@eventstore/db-client/generated/shared_pb.js';
import { serverEvent } from './event-log.js';
import { confirmationMessage, streamNameIn, uuidIn } from './messages.js';
import { Outlet } from './outlet.js';
import { PersistentGroup } from './persistent-group.js';
import type { GroupSettings, NackAction } from './persistent-group.js';
import { BadRequest, GroupRefusal, NotSupported } from './server-errors.js';
import type { ShuttingDown } from './server-errors.js';
import { toServiceError } from './status.js';
import type { StreamsDatabase } from './streams-database.js';

/** Holds the settings of all groups, the newest event those that count. */
const CONFIG_STREAM = '$persistentSubscriptionConfig';

/** "From the end", as clients write it. */
const END_OF_STREAM = 2n ** 64n - 1n;

/** Clients and their numbers. */
const ACTIONS: Readonly<Record<number, NackAction>> = { 1: 'park', 2: 'retry', 3: 'skip', 4: 'stop' };

type ReadCall = ServerDuplexStream<ReadReq, Buffer>;

/** PersistentSubscriptions, of streams; to $all they are not supported. */
export class PersistentService {
  private readonly groups = new Map<string, PersistentGroup>();
  private readonly outlets = new Set<Outlet>();

  constructor(private readonly database: StreamsDatabase) {
    for (const [event] of database.read(CONFIG_STREAM, Infinity, 'backwards')) {
      // Only save() writes there.
      const saved = JSON.parse(Buffer.from(event?.data ?? '[]').toString('utf8')) as GroupSettings[];
      for (const settings of saved) this.add(settings);
      break;
    }
  }

  /** Ends all calls of consumers. */
  endAll(reason: ShuttingDown): void {
    for (const outlet of [...this.outlets]) outlet.fail(reason);
  }

  readonly create = (call: ServerUnaryCall<CreateReq, CreateResp>, answer: sendUnaryData<CreateResp>): void => {
    respond(answer, async () => {
      const settings = this.settingsIn(call.request);
      if (this.groups.has(keyOf(settings))) {
        throw new GroupRefusal('persistent-subscription-exists', settings.stream, settings.group);
      }
      this.add(settings);
      await this.save();
      return new pb.CreateResp();
    });
  };

  readonly update = (call: ServerUnaryCall<UpdateReq, UpdateResp>, answer: sendUnaryData<UpdateResp>): void => {
    respond(answer, async () => {
      const settings = this.settingsIn(call.request);
      this.find(settings.stream, settings.group).settings = settings;
      await this.save();
      return new pb.UpdateResp();
    });
  };

  readonly delete = (call: ServerUnaryCall<DeleteReq, DeleteResp>, answer: sendUnaryData<DeleteResp>): void => {
    respond(answer, async () => {
      const group = this.named(call.request.getOptions());
      this.groups.delete(keyOf(group.settings));
      group.end();
      await this.save();
      return new pb.DeleteResp();
    });
  };

  readonly getInfo = (call: ServerUnaryCall<GetInfoReq, GetInfoResp>, answer: sendUnaryData<GetInfoResp>): void => {
    respond(answer, () => {
      const group = this.named(call.request.getOptions());
      return Promise.resolve(new pb.GetInfoResp().setSubscriptionInfo(infoOf(group)));
    });
  };

  readonly replayParked = (
    call: ServerUnaryCall<ReplayParkedReq, ReplayParkedResp>,
    answer: sendUnaryData<ReplayParkedResp>,
  ): void => {
    respond(answer, async () => {
      await this.named(call.request.getOptions()).replayParked();
      return new pb.ReplayParkedResp();
    });
  };

  readonly read = (call: ReadCall): void => {
    const outlet = new Outlet(call);
    this.outlets.add(outlet);
    outlet.closed.addEventListener('abort', () => this.outlets.delete(outlet), { once: true });
    let group: PersistentGroup | undefined;
    call.on('data', (request: ReadReq) => {
      try {
        const options = request.getOptions();
        if (options) group = this.begin(options, outlet);
        const [ack, nack] = [request.getAck(), request.getNack()];
        if (ack) group?.ack(ack.getIdsList().map(uuidIn));
        if (nack) {
          const action = ACTIONS[nack.getAction()] ?? 'park';
          group?.nack(nack.getIdsList().map(uuidIn), action, nack.getReason());
        }
      } catch (error) {
        outlet.fail(error);
      }
    });
    call.on('end', () => outlet.end());
  };

  private begin(options: ReadReq.Options, outlet: Outlet): PersistentGroup {
    const group = this.named(options);
    // Python's client looks at this name; the others take it as it is.
    outlet.send(confirmationMessage(keyOf(group.settings)));
    const uuids = options.getUuidOption()?.hasStructured() ? 'structured' : 'string';
    group.join(outlet, Math.max(1, options.getBufferSize()), uuids);
    return group;
  }

  private named(options: Named | undefined): PersistentGroup {
    if (!options?.hasStreamIdentifier())
      throw new NotSupported('Only persistent subscriptions to streams are supported.');
    return this.find(streamNameIn(options.getStreamIdentifier()), options.getGroupName());
  }

  private find(stream: string, group: string): PersistentGroup {
    const found = this.groups.get(keyOf({ stream, group }));
    if (!found) throw new GroupRefusal('persistent-subscription-does-not-exist', stream, group);
    return found;
  }

  private add(settings: GroupSettings): void {
    this.groups.set(keyOf(settings), new PersistentGroup(this.database, settings));
  }

  private async save(): Promise<void> {
    const all = [...this.groups.values()].map(({ settings }) => settings);
    await this.database.append(CONFIG_STREAM, [serverEvent('$PersistentConfig', JSON.stringify(all))], 'any');
  }

  private settingsIn(request: CreateReq | UpdateReq): GroupSettings {
    const options = request.getOptions();
    const settings = options?.getSettings();
    if (!options || !settings) throw new BadRequest('Settings are missing.');
    if (options.hasAll()) throw new NotSupported('Only persistent subscriptions to streams are supported.');
    const stream = streamNameIn(options.getStreamIdentifier() ?? options.getStream()?.getStreamIdentifier());
    if (stream === '' || options.getGroupName() === '') throw new BadRequest('A stream and a group are needed.');
    const from = startIn(options.getStream()) ?? BigInt(settings.getRevision());
    return {
      stream,
      group: options.getGroupName(),
      resolve_links: settings.getResolveLinks(),
      start_from: from === END_OF_STREAM ? this.database.lengthOf(stream) : Number(from),
      message_timeout_ms: settings.getMessageTimeoutMs(),
      max_retry_count: settings.getMaxRetryCount(),
      max_subscriber_count: settings.getMaxSubscriberCount(),
      consumer_strategy:
        ['DispatchToSingle', 'RoundRobin', 'Pinned'][settings.getNamedConsumerStrategy()] ?? 'RoundRobin',
    };
  }
}

/** Where a group starts, as clients write it since 21.10; undefined: they wrote it as before. */
function startIn(stream: CreateReq.StreamOptions | UpdateReq.StreamOptions | undefined): bigint | undefined {
  if (stream?.hasEnd()) return END_OF_STREAM;
  if (stream?.hasRevision()) return BigInt(stream.getRevision());
  return stream?.hasStart() ? 0n : undefined;
}

/** Options that name a group. */
interface Named {
  hasStreamIdentifier(): boolean;
  getStreamIdentifier(): StreamIdentifier | undefined;
  getGroupName(): string;
}

function keyOf({ stream, group }: Pick<GroupSettings, 'stream' | 'group'>): string {
  return `${stream}::${group}`;
}

function respond<T>(answer: sendUnaryData<T>, work: () => Promise<T>): void {
  // Async, so that what is thrown at once is a rejection as well.
  const done = async () => work();
  done().then(
    (response) => answer(null, response),
    (error: unknown) => answer(toServiceError(error)),
  );
}

function infoOf({ settings, stats }: PersistentGroup) {
  return new pb.SubscriptionInfo()
    .setEventSource(settings.stream)
    .setGroupName(settings.group)
    .setStatus('Live')
    .setResolveLinkTos(settings.resolve_links)
    .setStartFrom(String(settings.start_from))
    .setMessageTimeoutMilliseconds(settings.message_timeout_ms)
    .setMaxRetryCount(settings.max_retry_count)
    .setMaxSubscriberCount(settings.max_subscriber_count)
    .setNamedConsumerStrategy(settings.consumer_strategy)
    .setTotalItems(String(stats.delivered))
    .setCountSinceLastMeasurement('0')
    .setLiveBufferCount('0')
    .setRetryBufferCount(stats.retrying)
    .setTotalInFlightMessages(stats.in_flight)
    .setOutstandingMessagesCount(stats.in_flight)
    .setParkedMessageCount(String(stats.parked))
    .setLastCheckpointedEventPosition(stats.last_checkpoint < 0 ? '' : String(stats.last_checkpoint))
    .setLastKnownEventPosition(stats.last_known < 0 ? '' : String(stats.last_known));
}
