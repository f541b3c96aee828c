import { beforeAll, describe, expect, it } from '@jest/globals';
import { jsonEvent, NO_STREAM, STREAM_EXISTS } from '@eventstore/db-client';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import { credentials } from '@grpc/grpc-js';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import {
  newEvent,
  newEvents,
  newStream,
  useServer,
  wrongExpectedVersion,
} from '../support/eventstoredb-server/client-fixture.js';

/**
 * What a real EventStoreDB 23.10 was seen to answer its own client, row by row, asked of the test server: appends. The
 * rows on reads and on subscriptions, and the server's faults, have files of their own beside this one.
 */
const db = useServer();

describe('Appends', () => {
  it('NO_STREAM, new stream: next 0, position given', async () => {
    const result = await db.append(newStream(), newEvent(), NO_STREAM);

    expect(result).toMatchObject({ success: true, nextExpectedRevision: 0n });
    expect(result.position?.commit).toBeGreaterThan(0n);
    expect(result.position?.prepare).toBe(result.position?.commit);
  });

  it('NO_STREAM, stream at 0, other id: WEV expected no_stream actual 0n', async () => {
    const stream = await db.streamOf(1);

    await expect(db.append(stream, newEvent(), NO_STREAM)).rejects.toMatchObject(
      wrongExpectedVersion(stream, 'no_stream', 0n),
    );
  });

  it('NO_STREAM, stream at 0, same id: success, next 0, nothing written', async () => {
    const stream = newStream();
    const only = newEvent();
    const first = await db.append(stream, only, NO_STREAM);

    expect(await db.append(stream, only, NO_STREAM)).toEqual(first);
    expect(await db.revisions(stream)).toEqual([0]);
  });

  describe('with 2 events at revision 0', () => {
    let stream: string;
    const first = newEvent();
    const [second, third] = [newEvent(), newEvent()];

    beforeAll(async () => {
      stream = newStream();
      await db.append(stream, first, NO_STREAM);
      await db.append(stream, [second, third], 0n);
    });

    it('the same again at revision 0: success, next 2, nothing written', async () => {
      expect((await db.append(stream, [second, third], 0n)).nextExpectedRevision).toBe(2n);
      expect(await db.revisions(stream)).toEqual([0, 1, 2]);
    });

    it('first event again with NO_STREAM while the stream is at 2: success, next 0, nothing written', async () => {
      expect((await db.append(stream, first, NO_STREAM)).nextExpectedRevision).toBe(0n);
      expect(await db.revisions(stream)).toEqual([0, 1, 2]);
    });

    it('other id at revision 0 while the stream is at 2: WEV 0n / 2n', async () => {
      await expect(db.append(stream, newEvent(), 0n)).rejects.toMatchObject(wrongExpectedVersion(stream, 0n, 2n));
    });

    it('one old and one new id at revision 0: WEV 0n / 2n, nothing written', async () => {
      await expect(db.append(stream, [second, newEvent()], 0n)).rejects.toMatchObject(
        wrongExpectedVersion(stream, 0n, 2n),
      );
      expect(await db.revisions(stream)).toEqual([0, 1, 2]);
    });

    it('old ids with another wrong expected revision (1): WEV 1n / 2n', async () => {
      await expect(db.append(stream, [second, third], 1n)).rejects.toMatchObject(wrongExpectedVersion(stream, 1n, 2n));
    });
  });

  it('old ids with the right current revision (2): success, next 4: written a second time', async () => {
    const stream = await db.streamOf(1);
    const old = newEvents(2);
    await db.append(stream, old, 0n);

    expect((await db.append(stream, old, 2n)).nextExpectedRevision).toBe(4n);
    const ids = (await db.read(stream, { fromRevision: 1n })).map(({ event }) => event?.id);
    expect(ids).toEqual([...old, ...old].map(({ id }) => id));
  });

  it('ANY, new id; same id again; same id again after two more events: next 0; 0; 0, nothing written', async () => {
    const stream = newStream();
    const repeated = newEvent();

    expect((await db.append(stream, repeated)).nextExpectedRevision).toBe(0n);
    expect((await db.append(stream, repeated)).nextExpectedRevision).toBe(0n);
    await db.append(stream, newEvents(2));
    expect((await db.append(stream, repeated)).nextExpectedRevision).toBe(0n);
    expect(await db.revisions(stream)).toEqual([0, 1, 2]);
  });

  it('STREAM_EXISTS on no stream: WEV stream_exists / no_stream', async () => {
    const stream = newStream();

    await expect(db.append(stream, newEvent(), STREAM_EXISTS)).rejects.toMatchObject(
      wrongExpectedVersion(stream, 'stream_exists', 'no_stream'),
    );
  });

  it('revision 99 while at 3: WEV 99n / 3n', async () => {
    const stream = await db.streamOf(4);

    await expect(db.append(stream, newEvent(), 99n)).rejects.toMatchObject(wrongExpectedVersion(stream, 99n, 3n));
  });

  it('revision 5 on no stream: WEV 5n / no_stream', async () => {
    const stream = newStream();

    await expect(db.append(stream, newEvent(), 5n)).rejects.toMatchObject(
      wrongExpectedVersion(stream, 5n, 'no_stream'),
    );
  });

  it('empty list, ANY, no stream: success, next 0, and the stream does not exist', async () => {
    const stream = newStream();

    expect(await db.append(stream, [])).toMatchObject({ success: true, nextExpectedRevision: 0n });
    await expect(db.read(stream)).rejects.toMatchObject({ type: 'stream-not-found' });
  });

  it('empty list, NO_STREAM, stream at 4: WEV', async () => {
    const stream = await db.streamOf(5);

    await expect(db.append(stream, [], NO_STREAM)).rejects.toMatchObject(wrongExpectedVersion(stream, 'no_stream', 4n));
  });

  it('the same id twice inside one append: both written', async () => {
    const stream = newStream();
    const twice = newEvent();

    expect((await db.append(stream, [twice, twice], NO_STREAM)).nextExpectedRevision).toBe(1n);
    expect((await db.read(stream)).map(({ event }) => event?.id)).toEqual([twice.id, twice.id]);
  });

  it('8 concurrent appends with NO_STREAM: one succeeds, seven WEV', async () => {
    const stream = newStream();

    const outcomes = await Promise.allSettled(newEvents(8).map((one) => db.append(stream, one, NO_STREAM)));

    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    expect(failures).toEqual(Array(7).fill(expect.objectContaining(wrongExpectedVersion(stream, 'no_stream', 0n))));
    expect(await db.revisions(stream)).toEqual([0]);
  });

  it('event of 900 KB: success', async () => {
    const stream = newStream();
    const text = 'x'.repeat(900 * 1024);

    await db.append(stream, newEvent({ text }));

    expect((await db.read(stream))[0]?.event?.data).toEqual({ text });
  });

  it.each([
    ['1.2 MB', 1.2],
    ['5 MB', 5],
  ])('event of %s: MaxAppendSizeExceededError, maxAppendSize 1048576; the client goes on working', async (_, mb) => {
    const stream = newStream();
    const large = newEvent({ text: 'x'.repeat(mb * 1_000_000) });

    await expect(db.append(stream, large)).rejects.toMatchObject({
      type: 'maximum-append-size-exceeded',
      maxAppendSize: 1_048_576,
    });
    expect((await db.append(stream, newEvent(), NO_STREAM)).nextExpectedRevision).toBe(0n);
  });

  it('$ type or stream name (insecure): success', async () => {
    const stream = `$own-${randomUUID()}`;

    await db.append(stream, jsonEvent({ type: '$own', data: {} }), NO_STREAM);

    expect((await db.read(stream))[0]?.event).toMatchObject({ streamId: stream, type: '$own', revision: 0n });
  });

  it('empty stream name: UnknownError "Could not recognize BadRequest"', async () => {
    await expect(db.append('', newEvent())).rejects.toMatchObject({
      type: 'unknown',
      message: 'Could not recognize BadRequest',
    });
  });
});

describe('Appends of a client with credentials, which make the call Append instead of BatchAppend, are answered alike', () => {
  const credentials = { username: 'admin', password: 'changeit' };

  it('success, a repeat, and WEV', async () => {
    const stream = newStream();
    const only = newEvent();
    const options = { expectedRevision: NO_STREAM, credentials } as const;
    const first = await db.client.appendToStream(stream, only, options);

    expect(first).toMatchObject({ success: true, nextExpectedRevision: 0n });
    expect(await db.client.appendToStream(stream, only, options)).toEqual(first);
    await expect(db.client.appendToStream(stream, newEvent(), options)).rejects.toMatchObject(
      wrongExpectedVersion(stream, 'no_stream', 0n),
    );
  });

  it('too large, and a tombstone', async () => {
    const stream = newStream();
    const large = newEvent({ text: 'x'.repeat(1_200_000) });
    await expect(db.client.appendToStream(stream, large, { credentials })).rejects.toMatchObject({
      type: 'maximum-append-size-exceeded',
      maxAppendSize: 1_048_576,
    });
    await db.client.tombstoneStream(stream);
    await expect(db.client.appendToStream(stream, newEvent(), { credentials })).rejects.toMatchObject({
      type: 'stream-deleted',
      streamName: stream,
    });
  });
});

describe('Batch append', () => {
  it('a client that sends one append and ends its side at once, as that of Python does: answered, then the call ends', async () => {
    const stream = newStream();
    const client = new streamsGrpc.StreamsClient(`127.0.0.1:${db.server.port}`, credentials.createInsecure());
    const call = client.batchAppend();
    const answers: BatchAppendResp[] = [];
    call.on('data', (answer: BatchAppendResp) => answers.push(answer));

    call.write(appendOf(stream));
    call.end();
    await once(call, 'end');

    expect(answers.map((answer) => answer.getSuccess()?.getCurrentRevision())).toEqual(['0']);
    expect(await db.revisions(stream)).toEqual([0]);
    client.close();
  });
});

/** An append of one event, whole. */
function appendOf(stream: string) {
  const uuid = () => new shared.UUID().setString(randomUUID());
  const options = new streamsPb.BatchAppendReq.Options();
  options.setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from(stream)));
  options.setAny(new emptyPb.Empty());
  const event = new streamsPb.BatchAppendReq.ProposedMessage().setId(uuid()).setData(Buffer.from('{}'));
  event.getMetadataMap().set('type', 'Boiled').set('content-type', 'application/json');
  return new streamsPb.BatchAppendReq()
    .setCorrelationId(uuid())
    .setOptions(options)
    .setProposedMessagesList([event])
    .setIsFinal(true);
}
