import { unpackToCommandError } from '@eventstore/db-client/dist/streams/appendToStream/unpackError.js';
import { parseUUID } from '@eventstore/db-client/dist/utils/index.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { BatchAppendReq, BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import timestamp from 'google-protobuf/google/protobuf/timestamp_pb.js';
import type { SerialisedAppend, SerialisedEvent } from '../event-serialisation.js';
import type { ExpectedRevision } from '../event-store.port.js';

/** What the server says to an append that it has accepted. */
export interface Accepted {
  /** Revision of the append's last event. */
  readonly revision: bigint;
  /** Position of that event; absent when the server recognised a repeat and does not know where it is. */
  readonly position: bigint | undefined;
}

/** An answer, and which append it is for. */
export interface AppendAnswer {
  readonly correlationId: string;
  readonly outcome: Accepted | Error;
}

/** An append as one message of a batch append call. @param correlationId UUID that its answer will carry */
export function toRequest(append: SerialisedAppend, correlationId: string, deadline: Date): BatchAppendReq {
  const options = new streams.BatchAppendReq.Options()
    .setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from(append.stream)))
    .setDeadline(timestamp.Timestamp.fromDate(deadline));
  setExpected(options, append.expected);
  return new streams.BatchAppendReq()
    .setCorrelationId(new shared.UUID().setString(correlationId))
    .setOptions(options)
    .setProposedMessagesList(append.events.map(toMessage))
    .setIsFinal(true);
}

function setExpected(options: BatchAppendReq.Options, expected: ExpectedRevision): void {
  if (expected === 'no_stream') options.setNoStream(new empty.Empty());
  else if (expected === 'exists') options.setStreamExists(new empty.Empty());
  else if (expected === 'any') options.setAny(new empty.Empty());
  else options.setStreamPosition(String(expected));
}

function toMessage({ id, type, data, metadata }: SerialisedEvent): BatchAppendReq.ProposedMessage {
  const message = new streams.BatchAppendReq.ProposedMessage()
    .setId(new shared.UUID().setString(id))
    .setData(Buffer.from(data))
    .setCustomMetadata(Buffer.from(metadata));
  message.getMetadataMap().set('type', type).set('content-type', 'application/json');
  return message;
}

/** Reads an answer. Its error, if it is one, is of the client's kinds, with a `type`. */
export function toAnswer(response: BatchAppendResp): AppendAnswer {
  const correlationId = parseUUID(response.getCorrelationId())?.toLowerCase() ?? '';
  const error = response.getError();
  const success = response.getSuccess();
  if (success) {
    const position = success.getPosition()?.getCommitPosition();
    const outcome = {
      revision: BigInt(success.getCurrentRevision()),
      position: position === undefined ? undefined : BigInt(position),
    };
    return { correlationId, outcome };
  }
  const outcome = error
    ? unpackToCommandError(error, '')
    : new Error('EventStoreDB answered neither success nor error.');
  return { correlationId, outcome };
}
