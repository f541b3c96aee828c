import { describe, expect, it } from '@jest/globals';
import { BACKWARDS, binaryEvent, END, jsonEvent, NO_STREAM, START } from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import { collect } from '../support/collect.js';
import { newEvent, newEvents, newStream, useServer } from '../support/eventstoredb-server/client-fixture.js';

/** What a real EventStoreDB 23.10 was seen to answer its own client, row by row, asked of the test server. */
const db = useServer();

describe('Reads', () => {
  it('stream that does not exist: StreamNotFoundError, thrown while iterating', async () => {
    const stream = newStream();
    const reading = db.client.readStream(stream);

    await expect(collect(reading)).rejects.toMatchObject({ type: 'stream-not-found', streamName: stream });
  });

  it('from a revision beyond the end: empty', async () => {
    expect(await db.revisions(await db.streamOf(3), { fromRevision: 7n })).toEqual([]);
  });

  it('from a revision: inclusive', async () => {
    const stream = await db.streamOf(4);

    expect(await db.revisions(stream, { fromRevision: 2n })).toEqual([2, 3]);
    expect(await db.revisions(stream, { fromRevision: 2n, direction: BACKWARDS })).toEqual([2, 1, 0]);
    expect(await db.revisions(stream, { fromRevision: END, direction: BACKWARDS, maxCount: 2 })).toEqual([3, 2]);
  });

  it('an event of a stream tells its place in $all, one that a link led to that of the link', async () => {
    const category = `mug${randomUUID().replaceAll('-', '')}`;
    const { position } = await db.append(newStream(category), newEvent());

    const [led] = await db.read(`$ce-${category}`, { resolveLinkTos: true });
    const [plain] = await db.read(String(led?.event?.streamId));

    expect(plain?.commitPosition).toBe(position?.commit);
    expect(led?.commitPosition).toBe(led?.link?.position?.commit);
  });

  it('from a position on $all: inclusive', async () => {
    const stream = newStream();
    await db.append(stream, newEvent());
    const { position } = await db.append(stream, newEvent());

    const [first] = await collect(db.client.readAll({ fromPosition: position!, maxCount: 1 }));

    expect(first?.event).toMatchObject({ streamId: stream, revision: 1n, position });
  });

  it('maxCount 0: UnknownError', async () => {
    await expect(db.read(await db.streamOf(1), { maxCount: 0 })).rejects.toMatchObject({ type: 'unknown' });
  });

  it('event: id, streamId, type, data, metadata, isJson, created, revision, position, also on stream reads', async () => {
    const stream = newStream();
    const before = Date.now();
    const data = { text: 'Grüße, 🐭 "quoted"', list: [1, null, true] };
    const appended = jsonEvent({ type: 'Boiled', data, metadata: { who: 'ada' } });
    const { position } = await db.append(stream, appended);

    const [{ event: found } = { event: undefined }] = await db.read(stream);

    const { id } = appended;
    const expected = { id, streamId: stream, type: 'Boiled', data, metadata: { who: 'ada' }, isJson: true };
    expect(found).toEqual({ ...expected, revision: 0n, position, created: expect.any(Date) });
    expect(found!.created.getTime()).toBeGreaterThanOrEqual(before);
    expect(found!.created.getTime()).toBeLessThanOrEqual(Date.now());
    expect(found!.position!.commit).toBe(found!.position!.prepare);
  });

  it('event of bytes: the same bytes, metadata too', async () => {
    const stream = newStream();
    const data = Buffer.from([0, 255, 128, 13, 10, 34]);
    await db.append(stream, binaryEvent({ type: 'Photographed', data, metadata: Buffer.from([254, 1]) }));

    const [{ event: found } = { event: undefined }] = await db.read(stream);

    expect(found).toMatchObject({ isJson: false, type: 'Photographed' });
    expect(Buffer.from(found!.data as Uint8Array)).toEqual(data);
  });

  it("position in an append's result: equals that of its last event on $all; each event has its own", async () => {
    const stream = newStream();
    const { position } = await db.append(stream, newEvents(3), NO_STREAM);

    const all = await collect(db.client.readAll());

    const mine = all.flatMap(({ event }) => (event?.streamId === stream ? [event.position] : []));
    expect(mine.at(-1)).toEqual(position);
    expect(new Set(mine.map(({ commit }) => commit)).size).toBe(3);
  });

  it('soft-deleted stream: StreamNotFoundError; NO_STREAM succeeds and goes on counting; reads give revision 2', async () => {
    const stream = await db.streamOf(2);
    await db.client.deleteStream(stream);

    await expect(db.read(stream)).rejects.toMatchObject({ type: 'stream-not-found' });
    expect((await db.append(stream, newEvent(), NO_STREAM)).nextExpectedRevision).toBe(2n);
    expect(await db.revisions(stream)).toEqual([2]);
  });

  it('tombstoned stream: read and append: StreamDeletedError', async () => {
    const stream = await db.streamOf(2);
    await db.client.tombstoneStream(stream);

    const deleted = { type: 'stream-deleted', streamName: stream };
    await expect(db.read(stream)).rejects.toMatchObject(deleted);
    await expect(db.append(stream, newEvent())).rejects.toMatchObject(deleted);
  });

  it("maxCount 2 in the stream's metadata, 5 events: reads give 3, 4; expected revisions go on as before", async () => {
    const stream = await db.streamOf(5);
    await db.client.setStreamMetadata(stream, { maxCount: 2 });

    expect(await db.revisions(stream)).toEqual([3, 4]);
    expect(await db.revisions(stream, { direction: BACKWARDS, fromRevision: END })).toEqual([4, 3]);
    expect((await db.append(stream, newEvent(), 4n)).nextExpectedRevision).toBe(5n);
  });

  it('truncateBefore 3: reads give 3, 4', async () => {
    const stream = await db.streamOf(5);
    await db.client.setStreamMetadata(stream, { truncateBefore: 3 });

    expect(await db.revisions(stream)).toEqual([3, 4]);
  });

  it('maxAge: what is older is not read', async () => {
    const stream = await db.streamOf(2);
    await db.client.setStreamMetadata(stream, { maxAge: 3_600 });
    expect(await db.revisions(stream)).toEqual([0, 1]);

    await db.client.setStreamMetadata(stream, { maxAge: 0 });
    await expect(db.read(stream).then((found) => found.length)).resolves.toBe(0);
  });

  it("a stream's metadata can be read back, what EventStoreDB does not know included", async () => {
    const stream = await db.streamOf(1);
    const metadata = { maxCount: 7, acl: { readRoles: ['ops'] }, owner: 'ada' };
    await db.client.setStreamMetadata(stream, metadata);

    expect(await db.client.getStreamMetadata(stream)).toMatchObject({ metadata });
  });

  it('$ce-<category>, $et-<type> and $bc-<correlation id> with resolveLinkTos: the original events, link tells the link', async () => {
    const category = `jug${randomUUID().replaceAll('-', '')}`;
    const [correlationId, type] = [randomUUID(), `Filled${category}`];
    const metadata = { $correlationId: correlationId };
    const streams = [newStream(category), newStream(category)];
    for (const stream of streams) await db.append(stream, jsonEvent({ type, data: { stream }, metadata }));

    for (const system of [`$ce-${category}`, `$et-${type}`, `$bc-${correlationId}`]) {
      const found = await db.read(system, { resolveLinkTos: true });
      expect(found.map(({ event }) => event?.data)).toEqual(streams.map((stream) => ({ stream })));
      expect(found.map(({ event }) => event?.streamId)).toEqual(streams);
      expect(found.map(({ link }) => link)).toMatchObject([
        { streamId: system, revision: 0n, type: '$>' },
        { streamId: system, revision: 1n, type: '$>' },
      ]);
    }
  });

  it('a link of ones own is followed; one to nothing gives no event', async () => {
    const target = await db.streamOf(2);
    const stream = newStream();
    const link = (data: string) => binaryEvent({ type: '$>', data: Buffer.from(data) });
    await db.append(stream, [link(`1@${target}`), link(`9@${target}`)], NO_STREAM);

    const found = await db.read(stream, { resolveLinkTos: true });

    expect(found.map(({ event }) => event?.revision)).toEqual([1n, undefined]);
    expect(found.map(({ link: own }) => own?.streamId)).toEqual([stream, stream]);
  });

  it('$all backwards: the other way round', async () => {
    const forwards = await collect(db.client.readAll({ fromPosition: START }));
    const backwards = await collect(db.client.readAll({ fromPosition: END, direction: BACKWARDS }));

    const positions = (all: typeof forwards) => all.map(({ event }) => event?.position?.commit);
    expect(positions(backwards)).toEqual(positions(forwards).reverse());
    expect(positions(forwards)).toEqual(positions(forwards).sort((a, b) => Number(a! - b!)));
  });
});
