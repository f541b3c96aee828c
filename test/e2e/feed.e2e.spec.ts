import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { EventSource } from 'eventsource';
import type { CloudEvent } from '../../src/platform/contracts/public-events.js';
import { EventStore } from '../../src/platform/event-store/event-store.port.js';
import { eventually } from '../support/eventually.js';
import { newEvent } from '../support/feed-fixture.js';
import { RawStream } from '../support/raw-stream.js';
import { ServiceHarness } from '../support/service-harness.js';
import type { WorkerHandle } from '../support/service-harness.js';

interface Page {
  readonly events: readonly CloudEvent[];
  readonly position: string;
  readonly live: boolean;
}

const REGISTERED = 'dormouse.cml_worker.registered.v1';
const TOGGLED = 'dormouse.cml_worker.idle_detection_toggled.v1';
const SETTINGS = { PORT: '0', FEED_MAX_CLIENTS: '5', FEED_SLOW_CLIENT_SECONDS: '1' };

let harness: ServiceHarness;
let worker: WorkerHandle;
let url: string;
const streams: { close(): void }[] = [];

beforeAll(async () => {
  harness = await ServiceHarness.open(SETTINGS);
  url = await harness.service.listen();
  worker = await harness.addWorker();
});
afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
});
afterAll(() => harness.close());

const disabled = new Set<string>();

/** Writes one event of the worker. */
async function toggle(of: WorkerHandle = worker): Promise<void> {
  const verb = disabled.delete(of.id) ? 'enable' : 'disable';
  if (verb === 'disable') disabled.add(of.id);
  const { status } = await of.post(`idle-detection/${verb}`);
  if (status !== 200) throw new Error(`The command answered ${status}.`);
}

async function pull(query = ''): Promise<Page> {
  const { status, body } = await harness.request('GET', `/events${query}`);
  if (status !== 200) throw new Error(`The feed answered ${status}: ${JSON.stringify(body)}`);
  return body as object as Page;
}

/** A client that we did not write, as the README shows it. */
function follow(query: string): { readonly source: EventSource; readonly events: CloudEvent[] } {
  const source = new EventSource(`${url}/events/stream${query}`);
  const events: CloudEvent[] = [];
  source.onmessage = ({ data }) => events.push(JSON.parse(String(data)) as CloudEvent);
  streams.push(source);
  return { source, events };
}

async function raw(path: string, headers?: Readonly<Record<string, string>>): Promise<RawStream> {
  const stream = await RawStream.open(url, path, headers);
  streams.push({ close: () => stream.destroy() });
  await eventually('it has begun', () => stream.head !== '');
  return stream;
}

describe('GET /events', () => {
  it('answers CloudEvents, and where to go on', async () => {
    const first = await pull('?limit=1');
    expect(first.events).toMatchObject([
      { specversion: '1.0', type: REGISTERED, subject: `cml_worker/${worker.id}`, data: { worker_id: worker.id } },
    ]);
    expect(first.position).toBe(first.events[0]?.position);
    await toggle();
    const next = await pull(`?after=${first.position}`);
    expect(next.events.at(-1)?.type).toBe(TOGGLED);
    expect(next.live).toBe(true);
    expect(await pull(`?after=${next.position}`)).toEqual({ events: [], position: next.position, live: true });
  });

  it('answers only what was asked for', async () => {
    const other = await harness.addWorker();
    await toggle(other);
    const ofOther = await pull(`?subject=cml_worker/${other.id}`);
    expect(ofOther.events.map(({ type }) => type)).toEqual([REGISTERED, TOGGLED]);
    expect(await pull(`?aggregate_kind=cml_worker&aggregate_id=${other.id}`)).toEqual(ofOther);
    const types = (await pull(`?type=${TOGGLED},${REGISTERED}&aggregate_kind=cml_worker`)).events;
    expect(types.filter(({ subject }) => subject.endsWith(other.id))).toEqual(ofOther.events);
    expect((await pull('?aggregate_kind=coaching_session')).events).toEqual([]);
  });

  it('waits for an event when it is told to, and is never kept', async () => {
    const waiting = fetch(`${url}/events?after=now&wait=30`);
    await eventually('it waits', async () => (await metrics()).includes('dormouse_feed_clients{way="poll"} 1'));
    await toggle();
    const answer = await waiting;
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(((await answer.json()) as Page).events.map(({ type }) => type)).toEqual([TOGGLED]);
  });

  it('stops to wait for a client that has left', async () => {
    const left = new AbortController();
    const waiting = fetch(`${url}/events?after=now&wait=30`, { signal: left.signal });
    await eventually('it waits', async () => (await metrics()).includes('dormouse_feed_clients{way="poll"} 1'));
    left.abort();
    await expect(waiting).rejects.toThrow();
    await eventually('it waits no more', async () => (await metrics()).includes('dormouse_feed_clients{way="poll"} 0'));
  });

  it('hands out positions that queries take as consistency tokens', async () => {
    await toggle();
    const { position } = await pull('?after=now');
    const { status, body } = await harness.request('GET', worker.path, { token: position });
    expect([status, body['is_idle_detection_enabled']]).toEqual([200, !disabled.has(worker.id)]);
  });
});

describe('GET /events/stream', () => {
  it('sends what happens from now on to an EventSource', async () => {
    const { source, events } = follow(`?aggregate_kind=cml_worker`);
    await eventually('it is open', () => source.readyState === EventSource.OPEN);
    await toggle();
    await eventually('it has come', () => events.length > 0);
    expect(events).toEqual((await pull('?limit=1000')).events.slice(-1));
  });

  it('has everything from the beginning, in the order and with the ids of the pages', async () => {
    const { events } = follow('?after=beginning');
    const all = (await pull('?limit=1000')).events;
    await eventually('all are there', () => events.length >= all.length);
    expect(events).toEqual(all);
  });

  it('resumes after the last event over a restart of the service, without gap or duplicate', async () => {
    const before = (await pull('?limit=1000')).events;
    const { source, events } = follow('?after=beginning');
    const cutOffs: unknown[] = [];
    source.addEventListener('dormouse.cut_off', ({ data }) => cutOffs.push(JSON.parse(String(data))));
    await eventually('it is live', () => events.length === before.length);
    const { port } = new URL(url);
    await harness.stopService();
    await eventually('it was told why', () => cutOffs.length > 0);
    expect(cutOffs).toEqual([expect.objectContaining({ code: 'shutting_down' })]);
    await harness.startService({ ...SETTINGS, PORT: port });
    await toggle();
    await harness.service.listen();
    await toggle();
    await eventually('it has come back', () => events.length >= before.length + 2);
    expect(events).toEqual((await pull('?limit=1000')).events);
  });

  it('lets a client resume that has not got a single event yet', async () => {
    const first = await raw('/events/stream');
    await eventually('it was told where it is', () => first.frames().length > 0);
    first.destroy();
    await toggle();
    const second = await raw('/events/stream', { 'last-event-id': String(first.frames()[0]?.id) });
    await eventually('what happened meanwhile is there', () => second.frames().length > 1);
    expect(second.frames()[1]?.data).toContain(TOGGLED);
  });

  it('puts Last-Event-ID before the parameter, as an EventSource comes back with the URL that it was given', async () => {
    const { position } = await pull('?limit=1000');
    const stream = await raw('/events/stream?after=beginning', { 'last-event-id': position });
    await eventually('it was told where it is', () => stream.frames().length > 0);
    expect(stream.frames()[0]).toMatchObject({ id: position, retry: '2000' });
  });

  it('has the headers of a stream that nobody on the way keeps or gathers', async () => {
    const correlation = '0f8f6f0a-5c0e-4c1e-9a3e-6f1d2b7f0c55';
    const { head } = await raw('/events/stream', { 'x-correlation-id': correlation });
    expect(head).toMatch(/^HTTP\/1.1 200 /);
    const headers = head.toLowerCase();
    expect(headers).toContain('content-type: text/event-stream; charset=utf-8');
    expect(headers).toContain('cache-control: no-store');
    expect(headers).toContain('x-accel-buffering: no');
    expect(headers).toContain(`x-correlation-id: ${correlation}`);
    expect(headers).not.toContain('transfer-encoding');
  });

  it('answers HEAD with the headers alone', async () => {
    const answer = await new Promise<{ status: number | undefined; type: string | undefined }>((resolve, reject) => {
      const asked = request(`${url}/events/stream`, { method: 'HEAD' }, (response) => {
        response.resume().on('end', () => {
          resolve({ status: response.statusCode, type: response.headers['content-type'] });
        });
      });
      asked.on('error', reject).end();
    });
    expect(answer).toEqual({ status: 200, type: 'text/event-stream; charset=utf-8' });
  });

  it('cuts off a client that takes nothing, with bounded memory, and gives it the rest when it comes back', async () => {
    const store = harness.service.app.get(EventStore);
    const from = (await pull('?after=now')).position;
    const stream = await raw('/events/stream');
    stream.stall();
    // More than the operating system takes for a socket nobody reads from, several times over.
    const data = { name: 'x'.repeat(200_000) };
    const type = 'WorkerRegistered';
    for (let i = 0; i < 100; i++) {
      await store.append('cmlWorker-slow', [newEvent({ type, data: await registration(data) })], 'any');
    }
    await eventually('it is cut off', async () => (await metrics()).includes('{code="slow_client"} 1'));
    stream.take();
    await eventually('the connection is closed', () => stream.closed);
    const resumeAt = stream.frames().findLast(({ id }) => id !== undefined)?.id ?? from;
    const got = stream.frames().filter(({ data: text }) => text?.includes('registered')).length;
    expect(got).toBeLessThan(100);
    const again = await raw('/events/stream', { 'last-event-id': resumeAt });
    await eventually('it has the rest', () => again.frames().filter(({ data: text }) => text).length >= 100 - got);
    const ids = [...stream.frames(), ...again.frames()].filter(({ event, data: text }) => text && !event);
    expect(new Set(ids.map(({ id }) => id)).size).toBe(100);
    expect(ids.length).toBe(100);
  });

  it('refuses more clients than FEED_MAX_CLIENTS', async () => {
    for (let i = 0; i < 5; i++) await raw('/events/stream');
    const { status, body } = await harness.request('GET', '/events/stream');
    expect([status, body['code']]).toEqual([503, 'too_many_clients']);
    const poll = await fetch(`${url}/events?after=now&wait=1`);
    expect([poll.status, poll.headers.get('retry-after')]).toEqual([503, '1']);
  });
});

describe('What is not acceptable', () => {
  it.each([
    ['an unknown type', '?type=dormouse.cml_worker.exploded.v1', 'type'],
    ['a stored type', '?type=WorkerPaused', 'type'],
    ['an unknown kind', '?aggregate_kind=toaster', 'aggregate_kind'],
    ['an id without its kind', '?aggregate_id=a', 'aggregate_kind'],
    ['a type of another kind', `?type=${REGISTERED}&aggregate_kind=coaching_session`, 'type'],
    ['a subject that says something else', '?subject=cml_worker/a&aggregate_id=b', 'subject'],
    ['a subject of an unknown kind', '?subject=toaster/a', 'subject'],
    ['a malformed position', '?after=yesterday', 'after'],
    ['a number', '?after=17', 'after'],
    ['an unknown parameter', '?since=now', 'since'],
  ])('is 422 for both ways: %s', async (_, query, field) => {
    for (const path of ['/events', '/events/stream']) {
      const { status, body, contentType } = await harness.request('GET', path + query);
      expect([status, contentType]).toEqual([422, 'application/problem+json; charset=utf-8']);
      expect(body['errors']).toEqual([{ field, message: expect.any(String) }]);
    }
  });

  it('is a malformed Last-Event-ID, and two of them', async () => {
    for (const header of ['17', 'yesterday', '0:1', 'x'.repeat(5_000)]) {
      const { status, body } = await harness.request('GET', '/events/stream', { headers: { 'last-event-id': header } });
      expect([status, body['errors']]).toEqual([422, [{ field: 'Last-Event-ID', message: expect.any(String) }]]);
    }
    const stream = await raw('/events/stream', { 'last-event-id': 'beginning', 'Last-Event-ID': 'beginning' });
    expect(stream.head).toMatch(/^HTTP\/1.1 422 /);
  });

  it('is a position of another history: 409 that says which this is', async () => {
    const { position } = await pull('?limit=1');
    const foreign = (position.startsWith('0') ? '1' : '0') + position.slice(1);
    const history = await harness.service.app.get(EventStore).identity();
    for (const path of ['/events', '/events/stream']) {
      const { status, body } = await harness.request('GET', `${path}?after=${foreign}`);
      expect([status, body['code'], body['history']]).toEqual([409, 'position_of_another_history', history]);
    }
  });

  it('is a position that this history does not reach: 409', async () => {
    const { position } = await pull('?limit=1');
    const { status, body } = await harness.request('GET', `/events?after=${position}zzzz`);
    expect([status, body['code']]).toEqual([409, 'position_beyond_the_end']);
  });

  it.each(['/events?limit=0', '/events?limit=1001', '/events?wait=61', '/events?wait=-1', '/events/stream?limit=1'])(
    'is %s',
    async (path) => {
      expect((await harness.request('GET', path)).status).toBe(422);
    },
  );
});

async function metrics(): Promise<string> {
  return await (await fetch(`${url}/metrics`)).text();
}

/** Data of a registration as it is stored, with something of it replaced. */
async function registration(replaced: object): Promise<Record<string, never>> {
  const [first] = await worker.history();
  return { ...first?.data, ...replaced } as Record<string, never>;
}
