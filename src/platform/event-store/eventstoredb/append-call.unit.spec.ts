import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { BatchAppendReq, BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { serialiseAppend } from '../event-serialisation.js';
import { AppendOutcomeUnknown, EventStoreUnavailable } from '../event-store.errors.js';
import { AppendCall } from './append-call.js';
import type { BatchAppendCall } from './eventstoredb-client.js';

/** The part of a gRPC call that is used, with a server in the hands of the test. */
class FakeCall extends EventEmitter {
  readonly sent: BatchAppendReq[] = [];
  readonly end = jest.fn();
  readonly cancel = jest.fn(() => this.fail({ code: 1, details: 'Cancelled on client' }));

  write(request: BatchAppendReq): boolean {
    this.sent.push(request);
    return true;
  }

  fail(error: { code: number; details: string }): void {
    this.emit('error', Object.assign(new Error(error.details), error));
  }

  answer(request: BatchAppendReq): void {
    const success = new streams.BatchAppendResp.Success().setCurrentRevision('0');
    const response: BatchAppendResp = new streams.BatchAppendResp().setSuccess(success);
    this.emit('data', response.setCorrelationId(request.getCorrelationId()));
  }
}

const APPEND = serialiseAppend(
  'kettle-1',
  [
    {
      id: randomUUID(),
      type: 'KettleBoiled',
      data: {},
      metadata: { $correlationId: '', $causationId: '', schema_version: 1, time: '', actor: '', command_id: '' },
    },
  ],
  'no_stream',
);

let grpc: FakeCall;
let call: AppendCall;
let ends: unknown[];
const send = (timeoutMs = 60_000) => {
  const outcome = call.send(APPEND, 0, timeoutMs).then(
    (accepted) => accepted,
    (error: unknown) => error,
  );
  return outcome;
};

beforeEach(() => {
  grpc = new FakeCall();
  ends = [];
  // Only what is faked here is used of a call.
  call = new AppendCall(grpc as unknown as BatchAppendCall, (error) => ends.push(error));
});

describe('A call of many appends', () => {
  it('gives each its own answer, in whatever order they come', async () => {
    const [first, second] = [send(), send()];
    let firstIsAnswered = false;
    void first.then(() => (firstIsAnswered = true));

    grpc.answer(grpc.sent[1]!);
    expect(await second).toEqual({ revision: 0n, position: undefined });
    expect(firstIsAnswered).toBe(false);
    grpc.answer(grpc.sent[0]!);

    expect(await first).toMatchObject({ revision: 0n });
    expect(call.size).toBe(0);
    expect(ends).toEqual([]);
  });

  it('takes an answer that nobody waits for any more', async () => {
    const [late, other] = [send(5), send()];
    expect(await late).toBeInstanceOf(AppendOutcomeUnknown);

    grpc.answer(grpc.sent[0]!);
    grpc.answer(grpc.sent[1]!);

    expect(await other).toMatchObject({ revision: 0n });
  });

  it('takes no more once one went unanswered, and ends when the others have had their time', async () => {
    const [silent, answered] = [send(5), send()];

    expect(await silent).toBeInstanceOf(AppendOutcomeUnknown);
    expect(ends).toHaveLength(1);
    expect(grpc.cancel).not.toHaveBeenCalled();
    expect(await send()).toBeInstanceOf(EventStoreUnavailable);
    grpc.answer(grpc.sent[1]!);

    expect(await answered).toMatchObject({ revision: 0n });
    expect(grpc.cancel).toHaveBeenCalledTimes(1);
    expect(ends).toHaveLength(1);
  });

  it.each([
    ['the connection was reset', { code: 14, details: 'read ECONNRESET' }],
    ['the server turned away from the call', { code: 13, details: 'Internal' }],
  ])('leaves every outcome unknown when %s', async (_, error) => {
    const outcomes = [send(), send()];

    grpc.fail(error);

    for (const outcome of await Promise.all(outcomes)) expect(outcome).toBeInstanceOf(AppendOutcomeUnknown);
    expect(ends).toHaveLength(1);
    expect(await send()).toBeInstanceOf(EventStoreUnavailable);
  });

  it('leaves every outcome unknown when the server ends it politely', async () => {
    const outcome = send();

    grpc.emit('end');

    expect(await outcome).toBeInstanceOf(AppendOutcomeUnknown);
    expect(grpc.end).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['no connection was made', { code: 14, details: 'No connection established. Last error: connect ECONNREFUSED' }],
    ['the name was not resolved', { code: 14, details: 'Name resolution failed for target dns:nowhere:2113' }],
    ['the credentials were refused', { code: 16, details: 'Bad credentials' }],
    ['it is another kind of server', { code: 12, details: 'Received HTTP status code 404' }],
  ])('knows that nothing was written when %s', async (_, error) => {
    const outcome = send();

    grpc.fail(error);

    expect(await outcome).toBeInstanceOf(EventStoreUnavailable);
  });

  it('does not believe in refused credentials once the server has answered', async () => {
    const [answered, open] = [send(), send()];
    grpc.answer(grpc.sent[0]!);
    await answered;

    grpc.fail({ code: 16, details: 'Expired' });

    expect(await open).toBeInstanceOf(AppendOutcomeUnknown);
  });
});
