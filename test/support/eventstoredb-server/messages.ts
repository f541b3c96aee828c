import shared from '@eventstore/db-client/generated/shared_pb.js';
import type { StreamIdentifier, UUID } from '@eventstore/db-client/generated/shared_pb.js';
import { ProtoWriter } from './proto-writer.js';
import type { StoredEvent } from './records.js';
import type { ResolvedEvent } from './streams-database.js';

/** How ids are to be written. */
export type UuidForm = 'string' | 'structured';

/** .NET ticks (100 ns) in a millisecond. */
const TICKS = 10_000;

/** All of it is written at once, so one will do. */
const writer = new ProtoWriter();

/** streams.ReadResp with an event. */
export function eventMessage(resolved: ResolvedEvent, uuids: UuidForm): Buffer {
  return writer.encode(() => writer.message(1, () => writeReadEvent(resolved, uuids)));
}

/** persistent_subscriptions.ReadResp with an event, and how often it was tried before. */
export function persistentEventMessage(resolved: ResolvedEvent, uuids: UuidForm, retryCount: number): Buffer {
  return writer.encode(() =>
    writer.message(1, () => {
      writer.uint(5, retryCount);
      writeReadEvent(resolved, uuids);
    }),
  );
}

/** ReadResp, of either service, with the confirmation of a subscription. */
export function confirmationMessage(id: string): Buffer {
  return writer.encode(() => writer.message(2, () => writer.string(1, id)));
}

/** streams.ReadResp with a checkpoint. */
export function checkpointMessage(position: number): Buffer {
  return writer.encode(() =>
    writer.message(3, () => {
      writer.uint(2, position);
      writer.uint(1, position);
    }),
  );
}

/** streams.ReadResp that says that a stream does not exist. */
export function streamNotFoundMessage(stream: string): Buffer {
  return writer.encode(() => writer.message(4, () => writeStreamIdentifier(1, stream)));
}

/** streams.ReadResp that says that a subscription is live. */
export function caughtUpMessage(): Buffer {
  return writer.encode(() => writer.message(8, () => undefined));
}

export function streamIdentifier(stream: string): StreamIdentifier {
  return new shared.StreamIdentifier().setStreamName(Buffer.from(stream));
}

export function streamNameIn(identifier: StreamIdentifier | undefined): string {
  return Buffer.from(identifier?.getStreamName_asU8() ?? []).toString('utf8');
}

/** A UUID in either of its two forms, lower case. */
export function uuidIn(uuid: UUID | undefined): string {
  const structured = uuid?.getStructured();
  if (!structured) return (uuid?.getString() ?? '').toLowerCase();
  const half = (bits: string) => BigInt.asUintN(64, BigInt(bits)).toString(16).padStart(16, '0');
  const hex = half(structured.getMostSignificantBits()) + half(structured.getLeastSignificantBits());
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Events of streams tell their place in $all too, since 22.10: clients of other languages rely on it. */
function writeReadEvent({ event, link }: ResolvedEvent, uuids: UuidForm): void {
  const original = link ?? event;
  if (original) writer.uint(3, original.position);
  else writer.message(4, () => undefined);
  if (link) writer.message(2, () => writeRecordedEvent(link, uuids));
  if (event) writer.message(1, () => writeRecordedEvent(event, uuids));
}

/** Field by field in reverse, see ProtoWriter. */
function writeRecordedEvent(event: StoredEvent, uuids: UuidForm): void {
  writer.bytes(8, event.data);
  writer.bytes(7, event.metadata);
  // Exact beyond the safe integers too: every product is a multiple of 16.
  writeMetadata('created', String(event.created * TICKS));
  writeMetadata('content-type', event.contentType);
  writeMetadata('type', event.type);
  writer.uint(5, event.position);
  writer.uint(4, event.position);
  writer.uint(3, event.revision);
  writeStreamIdentifier(2, event.stream);
  writer.message(1, () => writeUuid(event.id, uuids));
}

function writeMetadata(key: string, value: string): void {
  writer.message(6, () => {
    writer.string(2, value);
    writer.string(1, key);
  });
}

function writeStreamIdentifier(field: number, stream: string): void {
  writer.message(field, () => writer.string(3, stream));
}

function writeUuid(id: string, form: UuidForm): void {
  if (form === 'string') {
    writer.string(2, id);
    return;
  }
  const hex = id.replaceAll('-', '');
  writer.message(1, () => {
    // int64 on the wire is the same 64 bits as uint64.
    writer.uint(2, BigInt(`0x${hex.slice(16)}`));
    writer.uint(1, BigInt(`0x${hex.slice(0, 16)}`));
  });
}
