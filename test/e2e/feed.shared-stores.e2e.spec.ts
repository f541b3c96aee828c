import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStore } from '../../src/platform/event-store/event-store.port.js';
import { eventually } from '../support/eventually.js';
import { startEventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import type { EventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import { RawStream } from '../support/raw-stream.js';
import { SharedStoresLab } from '../support/shared-stores-lab.js';
import type { Instance } from '../support/shared-stores-lab.js';

const QUICK_EVENTSTORE = 'defaultDeadline=2000';

interface Page {
  readonly events: readonly { readonly id: string; readonly position: string }[];
  readonly position: string;
  readonly live: boolean;
}

/** Each instance has its own read models: the feed needs of the shared stores only the events. */
describe('The feed of two instances on one EventStoreDB', () => {
  let lab: SharedStoresLab;
  let server: EventStoreDbServer;
  let instances: readonly [Instance, Instance];
  let urls: readonly [string, string];
  const streams: RawStream[] = [];

  beforeAll(async () => {
    lab = await SharedStoresLab.open();
    server = await startEventStoreDbServer({ connectionOptions: QUICK_EVENTSTORE });
    const environment = { EVENTSTORE_CONNECTION_STRING: server.connectionString, PORT: '0' };
    instances = [await lab.startReady(environment), await lab.startReady(environment)];
    urls = [await instances[0].service.listen(), await instances[1].service.listen()];
  });
  afterAll(async () => {
    for (const stream of streams) stream.destroy();
    await lab.close();
    await server.dispose();
  });

  async function follow(instance: 0 | 1, query: string, lastEventId?: string): Promise<RawStream> {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const stream = await RawStream.open(urls[instance], `/events/stream${query}`, headers);
    streams.push(stream);
    await eventually('it has begun', () => stream.frames().length > 0);
    return stream;
  }

  const ids = (stream: RawStream) =>
    stream.frames().flatMap(({ data }) => (data === undefined ? [] : [(JSON.parse(data) as { id: string }).id]));

  async function pull(instance: 0 | 1, after: string, limit = 1000): Promise<Page> {
    const { status, body } = await instances[instance].get(`/events?after=${after}&limit=${limit}`);
    expect(status).toBe(200);
    return body as object as Page;
  }

  it('has the same events with the same positions, whichever is asked', async () => {
    for (let i = 0; i < 3; i++) await lab.import(instances[0]);
    const [one, other] = [await pull(0, 'beginning'), await pull(1, 'beginning')];
    expect(one.events.length).toBe(3);
    expect(other.events).toEqual(one.events);
    expect(other.position).toBe(one.position);
  });

  it('goes on from page to page on either', async () => {
    for (let i = 0; i < 4; i++) await lab.import(instances[1]);
    const all = (await pull(0, 'beginning')).events.map(({ id }) => id);
    const got: string[] = [];
    let after = 'beginning';
    for (let turn = 0; ; turn++) {
      const page = await pull(turn % 2 === 0 ? 0 : 1, after, 2);
      got.push(...page.events.map(({ id }) => id));
      after = page.position;
      if (page.live) break;
    }
    expect(got).toEqual(all);
  });

  it('brings what was written on one to the streams of the other', async () => {
    const stream = await follow(1, '?aggregate_kind=cml_worker');
    const { status } = await lab.import(instances[0]);
    expect(status).toBe(201);
    await eventually('it has come', () => ids(stream).length === 1);
  });

  it('resumes on the other instance without gap or duplicate, at once after the event was seen', async () => {
    const begun = await pull(0, 'now');
    const got: string[] = [];
    let lastEventId = begun.position;
    for (let turn = 0; turn < 8; turn++) {
      const stream = await follow(turn % 2 === 0 ? 0 : 1, '', lastEventId);
      await lab.import(instances[turn % 2 === 0 ? 1 : 0]);
      await eventually('an event has come', () => ids(stream).length > 0);
      stream.destroy();
      got.push(...ids(stream));
      lastEventId = stream.frames().findLast(({ id }) => id !== undefined)?.id ?? lastEventId;
    }
    const rest = await follow(0, '', lastEventId);
    const all = (await pull(1, begun.position)).events.map(({ id }) => id);
    await eventually('nothing is missing', () => got.length + ids(rest).length >= all.length);
    expect([...got, ...ids(rest)]).toEqual(all);
  });

  it('goes on by itself when the store was away', async () => {
    const stream = await follow(0, '');
    const { position } = await pull(0, 'now');
    server.faults.dropConnections();
    await eventually('it works again', async () => (await lab.import(instances[1])).status === 201);
    await eventually('what was written then has come', () => ids(stream).length > 0);
    const all = (await pull(1, position)).events.map(({ id }) => id);
    await eventually('all of it', () => ids(stream).length >= all.length);
    expect(ids(stream)).toEqual(all);
  });

  it('refuses a position that came from another history', async () => {
    const other = await instances[0].service.app.get(EventStore).identity();
    const { status, body } = await instances[0].get('/events?after=00000000.1');
    expect([status, body['code'], body['history']]).toEqual([409, 'position_of_another_history', other]);
  });
});
