import { setImmediate as nextTurn } from 'node:timers/promises';
import anyPb from 'google-protobuf/google/protobuf/any_pb.js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import { status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerDuplexStream, ServerReadableStream, ServerUnaryCall } from '@grpc/grpc-js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import statusPb from '@eventstore/db-client/generated/status_pb.js';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import type {
  AppendReq,
  AppendResp,
  BatchAppendReq,
  BatchAppendResp,
  DeleteReq,
  DeleteResp,
  TombstoneReq,
  TombstoneResp,
} from '@eventstore/db-client/generated/streams_pb.js';
import type { UUID } from '@eventstore/db-client/generated/shared_pb.js';
import type { Status } from '@eventstore/db-client/generated/status_pb.js';
import { knownContentType } from './event-log.js';
import type { Faults } from './faults.js';
import { streamIdentifier, streamNameIn, uuidIn } from './messages.js';
import type { ExpectedState, ProposedEvent } from './records.js';
import { AppendTooLarge, BadRequest, StreamIsDeleted, WrongExpectedVersion } from './server-errors.js';
import type { ShuttingDown } from './server-errors.js';
import { toServiceError } from './status.js';
import type { Appended, StreamsDatabase } from './streams-database.js';

/** An append that arrives in parts. */
interface Incoming {
  readonly stream: string;
  readonly expected: ExpectedState;
  readonly events: ProposedEvent[];
}

type BatchCall = ServerDuplexStream<BatchAppendReq, BatchAppendResp>;

/** What is known of a call of BatchAppend. */
interface Batch {
  readonly call: BatchCall;
  unanswered: number;
  /** The client sends no more. */
  hasAll: boolean;
}

type ProposedMessage = AppendReq.ProposedMessage | BatchAppendReq.ProposedMessage;

/** Streams.Append, BatchAppend, Delete and Tombstone. */
export class AppendService {
  private readonly inFlight = new Set<Promise<void>>();
  private isStopping = false;
  private readonly batchCalls = new Set<BatchCall>();

  /**
   * @param die ends the server at once; nothing more is answered
   */
  constructor(
    private readonly database: StreamsDatabase,
    private readonly faults: Faults,
    private readonly die: () => void,
  ) {}

  /** Takes no more; resolves when everything that was taken has been answered. */
  async settle(): Promise<void> {
    this.isStopping = true;
    await Promise.all(this.inFlight);
  }

  /** Ends the calls that would else stay open for more, after their last answers; what came too late fails with them. */
  async endBatches(reason: ShuttingDown): Promise<void> {
    for (const call of this.batchCalls) {
      // An error overtakes answers that have not gone out yet.
      while (call.writableLength > 0 && !call.cancelled) await nextTurn();
      call.emit('error', toServiceError(reason));
    }
    this.batchCalls.clear();
  }

  /** Streams.Append: one append a call, its events one a message. */
  readonly append = (call: ServerReadableStream<AppendReq, AppendResp>, answer: sendUnaryData<AppendResp>): void => {
    let incoming: Incoming | undefined;
    call.on('data', (request: AppendReq) => {
      const options = request.getOptions();
      const message = request.getProposedMessage();
      if (options) {
        const revision = options.hasRevision() ? options.getRevision() : undefined;
        incoming = begin(options, revision);
      }
      if (message) incoming?.events.push(proposed(message));
    });
    call.on('end', () => {
      const { stream, expected, events } = incoming ?? { stream: '', expected: 'any' as const, events: [] };
      this.track(
        this.write(stream, events, expected).then(
          (appended) => appended && answer(null, appendResponse(appended)),
          (error: unknown) => {
            if (error instanceof WrongExpectedVersion) answer(null, wrongVersionResponse(error));
            else answer(toServiceError(error));
          },
        ),
      );
    });
  };

  /** Streams.BatchAppend: any number of appends over one call, each with an id of its own, answered as they are done. */
  readonly batchAppend = (call: BatchCall): void => {
    const open = new Map<string, Incoming>();
    const batch: Batch = { call, unanswered: 0, hasAll: false };
    this.batchCalls.add(call);
    call.on('cancelled', () => this.batchCalls.delete(call));
    call.on('data', (request: BatchAppendReq) => {
      const id = uuidIn(request.getCorrelationId());
      const options = request.getOptions();
      if (options) open.set(id, begin(options, options.hasStreamPosition() ? options.getStreamPosition() : undefined));
      const incoming = open.get(id);
      if (!incoming) return;
      for (const message of request.getProposedMessagesList()) incoming.events.push(proposed(message));
      if (!request.getIsFinal()) return;
      open.delete(id);
      this.finishBatch(batch, request.getCorrelationId(), incoming);
    });
    call.on('end', () => {
      batch.hasAll = true;
      this.endWhenAnswered(batch);
    });
  };

  /** A client may send its last append and no more, and read the answers after that. */
  private endWhenAnswered({ call, unanswered, hasAll }: Batch): void {
    if (!hasAll || unanswered > 0) return;
    this.batchCalls.delete(call);
    call.end();
  }

  /** Writes an append that has arrived in full, and answers it. */
  private finishBatch(batch: Batch, correlationId: UUID | undefined, { stream, events, expected }: Incoming): void {
    const { call } = batch;
    batch.unanswered++;
    const respond = (response: BatchAppendResp) => {
      batch.unanswered--;
      if (call.cancelled) return;
      call.write(response.setCorrelationId(correlationId).setStreamIdentifier(streamIdentifier(stream)));
      this.endWhenAnswered(batch);
    };
    this.track(
      this.write(stream, events, expected).then(
        (appended) => appended && respond(batchSuccess(appended)),
        (error: unknown) => respond(batchError(error)),
      ),
    );
  }

  readonly delete = (call: ServerUnaryCall<DeleteReq, DeleteResp>, answer: sendUnaryData<DeleteResp>): void => {
    const { stream, expected } = beginRemoval(call.request.getOptions());
    this.track(
      this.database.delete(stream, expected).then(
        (position) => {
          const at = new pb.DeleteResp.Position();
          at.setCommitPosition(String(position)).setPreparePosition(String(position));
          answer(null, new pb.DeleteResp().setPosition(at));
        },
        (error: unknown) => answer(toServiceError(error)),
      ),
    );
  };

  readonly tombstone = (
    call: ServerUnaryCall<TombstoneReq, TombstoneResp>,
    answer: sendUnaryData<TombstoneResp>,
  ): void => {
    const { stream, expected } = beginRemoval(call.request.getOptions());
    this.track(
      this.database.tombstone(stream, expected).then(
        (position) => {
          const at = new pb.TombstoneResp.Position();
          at.setCommitPosition(String(position)).setPreparePosition(String(position));
          answer(null, new pb.TombstoneResp().setPosition(at));
        },
        (error: unknown) => answer(toServiceError(error)),
      ),
    );
  };

  /** Undefined: the append is not to be answered. */
  private async write(
    stream: string,
    events: readonly ProposedEvent[],
    expected: ExpectedState,
  ): Promise<Appended | undefined> {
    if (this.isStopping) return undefined;
    const fault = this.faults.appends;
    if (fault === 'die_before_commit') this.die();
    if (fault === 'die_before_commit' || fault === 'ignore') return undefined;
    const appended = await this.database.append(stream, events, expected);
    if (fault === 'die_after_commit') this.die();
    return fault === 'answer' ? appended : undefined;
  }

  private track(work: Promise<unknown>): void {
    const settled = work.then(() => {
      this.inFlight.delete(settled);
    });
    this.inFlight.add(settled);
  }
}

/** What the options of all requests that change a stream have in common. */
interface StreamOptions {
  getStreamIdentifier(): ReturnType<AppendReq.Options['getStreamIdentifier']>;
  hasNoStream(): boolean;
  hasStreamExists(): boolean;
}

function begin(options: StreamOptions, revision: string | undefined): Incoming {
  return { stream: streamNameIn(options.getStreamIdentifier()), expected: expectedIn(options, revision), events: [] };
}

function beginRemoval(options: (StreamOptions & { hasRevision(): boolean; getRevision(): string }) | undefined) {
  if (!options) return { stream: '', expected: 'any' as const };
  return begin(options, options.hasRevision() ? options.getRevision() : undefined);
}

function expectedIn(options: StreamOptions, revision: string | undefined): ExpectedState {
  if (revision !== undefined) return BigInt(revision);
  if (options.hasNoStream()) return 'no_stream';
  return options.hasStreamExists() ? 'stream_exists' : 'any';
}

function proposed(message: ProposedMessage): ProposedEvent {
  const metadata = message.getMetadataMap();
  return {
    id: uuidIn(message.getId()),
    type: metadata.get('type') ?? '',
    contentType: knownContentType(metadata.get('content-type')),
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}

function appendResponse({ revision, position }: Appended): AppendResp {
  const success = new pb.AppendResp.Success();
  if (revision === undefined) success.setNoStream(new shared.Empty());
  else success.setCurrentRevision(String(revision));
  if (position === undefined) return new pb.AppendResp().setSuccess(success.setNoPosition(new shared.Empty()));
  const at = new pb.AppendResp.Position();
  at.setCommitPosition(String(position)).setPreparePosition(String(position));
  return new pb.AppendResp().setSuccess(success.setPosition(at));
}

function wrongVersionResponse({ expected, current }: WrongExpectedVersion): AppendResp {
  const wrong = new pb.AppendResp.WrongExpectedVersion();
  if (current === undefined) wrong.setCurrentNoStream(new shared.Empty());
  else wrong.setCurrentRevision(String(current));
  if (expected === 'any') wrong.setExpectedAny(new shared.Empty());
  else if (expected === 'no_stream') wrong.setExpectedNoStream(new shared.Empty());
  else if (expected === 'stream_exists') wrong.setExpectedStreamExists(new shared.Empty());
  else wrong.setExpectedRevision(String(expected));
  return new pb.AppendResp().setWrongExpectedVersion(wrong);
}

function batchSuccess({ revision, position }: Appended): BatchAppendResp {
  const success = new pb.BatchAppendResp.Success();
  if (revision === undefined) success.setNoStream(new emptyPb.Empty());
  else success.setCurrentRevision(String(revision));
  if (position === undefined) return new pb.BatchAppendResp().setSuccess(success.setNoPosition(new emptyPb.Empty()));
  const at = new shared.AllStreamPosition();
  at.setCommitPosition(String(position)).setPreparePosition(String(position));
  return new pb.BatchAppendResp().setSuccess(success.setPosition(at));
}

function batchError(error: unknown): BatchAppendResp {
  return new pb.BatchAppendResp().setError(toStatus(error));
}

/** An error as BatchAppend tells it: a status whose details say which error it is. */
function toStatus(error: unknown): Status {
  if (error instanceof WrongExpectedVersion) {
    return packed(status.FAILED_PRECONDITION, 'WrongExpectedVersion', wrongVersionDetails(error));
  }
  if (error instanceof StreamIsDeleted) {
    const details = new shared.StreamDeleted().setStreamIdentifier(streamIdentifier(error.stream));
    return packed(status.FAILED_PRECONDITION, 'StreamDeleted', details);
  }
  if (error instanceof AppendTooLarge) {
    const details = new shared.MaximumAppendSizeExceeded().setMaxappendsize(error.maxAppendSize);
    return packed(status.INVALID_ARGUMENT, 'MaximumAppendSizeExceeded', details);
  }
  if (error instanceof BadRequest) {
    return packed(status.INVALID_ARGUMENT, 'BadRequest', new shared.BadRequest().setMessage(error.message));
  }
  return packed(status.UNKNOWN, 'Unknown', new shared.Unknown());
}

function wrongVersionDetails({ expected, current }: WrongExpectedVersion) {
  const details = new shared.WrongExpectedVersion();
  if (current === undefined) details.setCurrentNoStream(new emptyPb.Empty());
  else details.setCurrentStreamRevision(String(current));
  if (expected === 'any') return details.setExpectedAny(new emptyPb.Empty());
  if (expected === 'no_stream') return details.setExpectedNoStream(new emptyPb.Empty());
  if (expected === 'stream_exists') return details.setExpectedStreamExists(new emptyPb.Empty());
  return details.setExpectedStreamPosition(String(expected));
}

function packed(code: status, name: string, details: { serializeBinary(): Uint8Array }): Status {
  const any = new anyPb.Any();
  any.pack(details.serializeBinary(), `event_store.client.${name}`);
  // google.rpc.Code and gRPC's own status have the same numbers.
  const codeNumber: number = code;
  return new statusPb.Status().setCode(codeNumber).setMessage(name).setDetails(any);
}
