import { Metadata, status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import type { ExpectedState } from './records.js';
import {
  AppendTooLarge,
  BadRequest,
  GroupRefusal,
  NotSupported,
  ShuttingDown,
  StreamIsDeleted,
  WrongExpectedVersion,
} from './server-errors.js';

/** How EventStoreDB writes an expectation that is not a revision. */
const EXPECTED = { any: '-2', no_stream: '-1', stream_exists: '-4' } as const;

const GROUP_STATUS = {
  'persistent-subscription-exists': status.ALREADY_EXISTS,
  'persistent-subscription-does-not-exist': status.NOT_FOUND,
  'persistent-subscription-dropped': status.CANCELLED,
  'maximum-subscribers-reached': status.FAILED_PRECONDITION,
} as const;

/** An error as EventStoreDB ends a call with it: a status, and trailers that say which error it is. */
export function toServiceError(error: unknown): ServiceError {
  const { message } = error instanceof Error ? error : new Error(String(error));
  const { code, trailers } = describe(error);
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(trailers)) metadata.set(key, value);
  return Object.assign(new Error(message), { code, details: message, metadata });
}

function describe(error: unknown): { code: status; trailers: Record<string, string> } {
  if (error instanceof WrongExpectedVersion) {
    const { stream, expected, current } = error;
    return refused('wrong-expected-version', {
      'stream-name': stream,
      'expected-version': expectedVersion(expected),
      ...(current !== undefined && { 'actual-version': String(current) }),
    });
  }
  if (error instanceof StreamIsDeleted) return refused('stream-deleted', { 'stream-name': error.stream });
  if (error instanceof AppendTooLarge) {
    const trailers = { exception: 'maximum-append-size-exceeded', 'maximum-append-size': String(error.maxAppendSize) };
    return { code: status.INVALID_ARGUMENT, trailers };
  }
  if (error instanceof GroupRefusal) {
    const { exception, stream, group } = error;
    return { code: GROUP_STATUS[exception], trailers: { exception, 'stream-name': stream, 'group-name': group } };
  }
  if (error instanceof NotSupported) return { code: status.UNIMPLEMENTED, trailers: {} };
  if (error instanceof BadRequest) return { code: status.INVALID_ARGUMENT, trailers: {} };
  if (error instanceof ShuttingDown) return { code: status.UNAVAILABLE, trailers: {} };
  return { code: status.UNKNOWN, trailers: {} };
}

function refused(exception: string, trailers: Record<string, string>) {
  return { code: status.FAILED_PRECONDITION, trailers: { exception, ...trailers } };
}

function expectedVersion(expected: ExpectedState): string {
  return typeof expected === 'bigint' ? String(expected) : EXPECTED[expected];
}
