import { describe, expect, it, jest } from '@jest/globals';
import { binaryEvent, jsonEvent } from '@eventstore/db-client';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { EventCodec, EventNotReadable } from '../../src/platform/event-store/event-codec.js';
import {
  AppendOutcomeUnknown,
  EventStoreUnavailable,
  StreamDeleted,
  WrongExpectedRevision,
} from '../../src/platform/event-store/event-store.errors.js';
import type { EventStore } from '../../src/platform/event-store/event-store.port.js';
import { follow, newEvent, newEvents, newStream } from '../conformance/event-store/fixture.js';
import { collect } from '../support/collect.js';
import { AdapterFixture, reasonOf } from '../support/eventstoredb-adapter-fixture.js';
import { eventually } from '../support/eventually.js';
import { settle } from '../support/work-under-faults.js';

jest.setTimeout(60_000);

const fixture = new AdapterFixture();

describe('A read', () => {
  it('that is not answered fails as unavailable, in time', async () => {
    const stream = newStream();
    await fixture.store.append(stream, newEvents(3), 'no_stream');
    fixture.server.faults.reads = 'ignore';

    const reads = [
      collect(fixture.store.readStream(stream)),
      fixture.store.findEvent(stream, newEvent().id),
      fixture.store.readAll({ after: null, limit: 5 }),
      fixture.store.head(),
      fixture.store.ping(),
      fixture.store.identity(),
    ];
    for (const reason of await Promise.all(reads.map(reasonOf))) expect(reason).toBeInstanceOf(EventStoreUnavailable);

    fixture.server.faults.reads = 'answer';
    expect(await collect(fixture.store.readStream(stream))).toHaveLength(3);
  });

  it('of a long stream that is broken by a reset fails in the middle, and is whole the next time', async () => {
    const stream = newStream();
    await settle(fixture.store, stream, newEvents(2_000), 'no_stream');
    let seen = 0;
    const reading = (async () => {
      for await (const event of fixture.store.readStream(stream)) {
        seen++;
        if (event.revision === 10) fixture.server.faults.dropConnections();
      }
    })();

    expect(await reasonOf(reading)).toBeInstanceOf(EventStoreUnavailable);
    expect(seen).toBeLessThan(2_000);
    await eventually('the store answers', async () => (await reasonOf(fixture.store.ping())) === undefined);
    expect(await collect(fixture.store.readStream(stream))).toHaveLength(2_000);
  });
});

describe('What others do with the streams', () => {
  it('a stream that was deleted for ever can neither be read nor written', async () => {
    const stream = newStream();
    await fixture.store.append(stream, newEvents(2), 'no_stream');
    await fixture.otherClient().tombstoneStream(stream);

    for (const call of [
      () => fixture.store.append(stream, newEvents(1), 'any'),
      () => fixture.store.append(stream, newEvents(1), 1),
      () => collect(fixture.store.readStream(stream)),
      () => collect(fixture.store.readStream(stream, { direction: 'backwards' })),
      () => fixture.store.findEvent(stream, newEvent().id),
    ]) {
      const reason = await reasonOf(call());
      expect(reason).toBeInstanceOf(StreamDeleted);
      expect(reason).toMatchObject({ stream });
    }
  });

  it('a stream that was deleted is empty, and its revisions go on', async () => {
    const stream = newStream();
    await fixture.store.append(stream, newEvents(2), 'no_stream');
    await fixture.otherClient().deleteStream(stream);

    expect(await collect(fixture.store.readStream(stream))).toEqual([]);
    const [event] = newEvents(1);
    await expect(fixture.store.append(stream, [event!], 'no_stream')).resolves.toMatchObject({ revision: 2 });
    expect(await collect(fixture.store.readStream(stream))).toMatchObject([{ id: event?.id, revision: 2 }]);
    await expect(fixture.store.append(stream, newEvents(1), 0)).rejects.toThrow(WrongExpectedRevision);
  });

  it.each([
    { metadata: { maxCount: 2 }, revisions: [3, 4] },
    { metadata: { truncateBefore: 3 }, revisions: [3, 4] },
  ])('of a stream with $metadata what is left is read', async ({ metadata, revisions }) => {
    const stream = newStream();
    const events = newEvents(5);
    await fixture.store.append(stream, events, 'no_stream');
    await fixture.otherClient().setStreamMetadata(stream, metadata);

    const revisionsOf = async (options: Parameters<EventStore['readStream']>[1]) =>
      (await collect(fixture.store.readStream(stream, options))).map(({ revision }) => revision);
    expect(await revisionsOf({})).toEqual(revisions);
    expect(await revisionsOf({ from: 0, limit: 1 })).toEqual([3]);
    expect(await revisionsOf({ direction: 'backwards' })).toEqual([4, 3]);
    await expect(fixture.store.findEvent(stream, events[0]!.id)).resolves.toBeUndefined();
    await expect(fixture.store.append(stream, newEvents(1), 4)).resolves.toMatchObject({ revision: 5 });
  });

  it('an event of theirs in our category is handed over, and the codec refuses it with its place', async () => {
    const stream = newStream();
    const after = await fixture.store.head();
    const type = 'SomethingHappened';
    await fixture
      .otherClient()
      .appendToStream(stream, [
        binaryEvent({ type, data: Buffer.from([1, 2, 3]), metadata: Buffer.from('not json') }),
        jsonEvent({ type, data: { theirs: true } }),
        jsonEvent({ type, data: ['a list'], metadata: { schema_version: 1 } }),
        jsonEvent({ type, data: { theirs: true }, metadata: { schema_version: 'one', actor: 7, $correlationId: 'c' } }),
      ]);
    await fixture.store.append(stream, [newEvent({ ours: true }, type)], 3);
    const codec = new EventCodec();
    codec.register({ [type]: { version: 1 } });

    const read = await collect(fixture.store.readStream(stream));
    const { events } = await follow(
      fixture.store,
      { after, filter: { streamPrefixes: [stream] } },
      (f) => f.events.length >= 5,
    );

    expect(events).toEqual(read);
    for (const [revision, event] of read.slice(0, 4).entries()) {
      expect(() => codec.decode(event)).toThrow(EventNotReadable);
      expect(() => codec.decode(event)).toThrow(`Event ${revision} of stream '${stream}' (${type}) cannot be read`);
    }
    expect(codec.decode(read[4]!).event).toEqual({ type, data: { ours: true } });
    expect(read[3]?.metadata).toMatchObject({ $correlationId: 'c', actor: '' });
  });

  it("system events, links and the identity are nobody else's business", async () => {
    await fixture.store.identity();
    const stream = newStream();
    await fixture.store.append(stream, newEvents(3), 'no_stream');
    await fixture.otherClient().setStreamMetadata(stream, { maxAge: 1_000_000 });
    await fixture.otherClient().appendToStream(`$${stream}`, jsonEvent({ type: 'Hidden', data: {} }));
    const head = await fixture.store.head();

    const { events } = await follow(
      fixture.store,
      { after: null },
      ({ batches }) => (batches.at(-1)?.position ?? 0) >= head!,
    );
    const page = await fixture.store.readAll({ after: null, limit: 1_000 });

    expect(events.map((event) => event.stream)).toEqual([stream, stream, stream]);
    expect(page.events).toEqual(events);
    expect(page.position).toBeGreaterThanOrEqual(head!);
    expect(await collect(fixture.store.readStream('$ce-conformance'))).toEqual([]);
  });
});

describe('The identity of the history', () => {
  it('is the same for all who ask at once, and for who asks later', async () => {
    const others = await Promise.all([fixture.open(), fixture.open(), fixture.open()]);

    const identities = await Promise.all([fixture.store, ...others].map((each) => each.identity()));
    await fixture.server.restart();
    const later = await fixture.open();

    expect(new Set([...identities, await later.identity()]).size).toBe(1);
  });

  it('is another one in another store', async () => {
    const otherServer = await fixture.anotherServer();
    const other = await fixture.open({}, otherServer.connectionString);

    expect(await other.identity()).not.toBe(await fixture.store.identity());
  });

  it('is found although the answer to storing it was lost', async () => {
    fixture.server.faults.appends = 'swallow_answer';

    const identity = await fixture.store.identity();

    fixture.server.faults.appends = 'answer';
    const other = await fixture.open();
    expect(await other.identity()).toBe(identity);
  });
});

describe('What is at the address', () => {
  it.each([
    [
      'something else than EventStoreDB',
      '127.0.0.1',
      'tls=false',
      /EventStoreDB could not read: there is no connection|is not an EventStoreDB/,
    ],
    ['no TLS where TLS is expected', 'localhost', 'tls=true', /the secure connection failed.*Check tls and tlsCAFile/],
    ['an address where TLS needs a name', '127.0.0.1', 'tls=true', /a secure connection needs a host name/],
  ])('is told when it is %s', async (_, host, tls, message) => {
    const web = createServer((_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    fixture.afterwards(async () => {
      web.closeAllConnections();
      await new Promise((resolve) => web.close(resolve));
    });
    const { port } = web.address() as AddressInfo;
    const wrong = await fixture.open({ readTimeoutMs: 3_000 }, `esdb://admin:verysecret@${host}:${port}?${tls}`);

    const reason = await reasonOf(wrong.ping());

    expect(reason).toBeInstanceOf(EventStoreUnavailable);
    expect((reason as Error).message).toMatch(message);
    expect((reason as Error).message).not.toContain('verysecret');
  });
});

describe('A cluster', () => {
  it('of which nobody answers is unavailable, and that is said', async () => {
    const uri = 'esdb://127.0.0.1:1,127.0.0.1:2?tls=false&maxDiscoverAttempts=2&discoveryInterval=10';
    const cluster = await fixture.open({}, uri);

    for (const call of [() => cluster.ping(), () => cluster.append(newStream(), newEvents(1), 'any')]) {
      const reason = await reasonOf(call());
      expect(reason).toBeInstanceOf(EventStoreUnavailable);
      expect((reason as Error).message).toMatch(/none of the hosts in EVENTSTORE_CONNECTION_STRING named a leader/);
    }
  });
});

describe('Closing', () => {
  it('does not wait for ever for an append that is not answered', async () => {
    const patient = await fixture.open({ appendTimeoutMs: 60_000 });
    await patient.append(newStream(), newEvents(1), 'no_stream');
    fixture.server.faults.appends = 'ignore';
    const append = reasonOf(patient.append(newStream(), newEvents(1), 'no_stream'));

    const began = performance.now();
    await patient.close();

    expect(performance.now() - began).toBeLessThan(8_000);
    expect(await append).toBeInstanceOf(AppendOutcomeUnknown);
  });

  it('is not held up by reads that were broken off', async () => {
    const stream = newStream();
    const events = newEvents(50);
    await fixture.store.append(stream, events, 'no_stream');
    const breakOff = async () => {
      for await (const event of fixture.store.readStream(stream)) {
        // Long enough for the rest and the end to arrive.
        await delay(50);
        return event;
      }
      return undefined;
    };
    await Promise.all(Array.from({ length: 20 }, breakOff));

    const began = performance.now();
    await fixture.store.close();

    expect(performance.now() - began).toBeLessThan(500);
  });

  it('ends what is being read', async () => {
    const patient = await fixture.open({ readTimeoutMs: 60_000 });
    fixture.server.faults.reads = 'ignore';
    const read = reasonOf(patient.head());

    await patient.close();

    expect(await read).toBeInstanceOf(EventStoreUnavailable);
  });
});
