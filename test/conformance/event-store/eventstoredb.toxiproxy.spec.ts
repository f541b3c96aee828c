import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { pino } from 'pino';
import { EventStoreDbEventStore } from '../../../src/platform/event-store/eventstoredb/eventstoredb-event-store.js';
import { AppendOutcomeUnknown, EventStoreUnavailable } from '../../../src/platform/event-store/event-store.errors.js';
import { eventually } from '../../support/eventually.js';
import { startEventStoreDbServer } from '../../support/eventstoredb-server/eventstoredb-server.js';
import type { EventStoreDbServer } from '../../support/eventstoredb-server/eventstoredb-server.js';
import { createProxy } from '../../support/toxiproxy.js';
import type { Proxy } from '../../support/toxiproxy.js';
import { expectWorkToSurvive, persist } from '../../support/work-under-faults.js';
import type { Progress } from '../../support/work-under-faults.js';
import { describeEventStore } from './event-store.conformance.js';
import { idsIn, idsOf, newEvents, newStream } from './fixture.js';

jest.setTimeout(120_000);

const toxiproxy = process.env['TOXIPROXY_URL'];
/** A real EventStoreDB (one node, without TLS), when there is one. */
const given = process.env['EVENTSTOREDB_TEST_URI'];
const log = pino({ level: 'silent' });

let server: EventStoreDbServer | undefined;
let proxy: Proxy;
const through = (options = {}) =>
  EventStoreDbEventStore.open(`esdb://${proxy.address}?tls=false&keepAliveInterval=10000&keepAliveTimeout=1000`, {
    log,
    ...options,
  });

(toxiproxy === undefined ? describe.skip : describe)('through a network that is not perfect', () => {
  beforeAll(async () => {
    if (given === undefined) server = await startEventStoreDbServer();
    const upstream = given === undefined ? `127.0.0.1:${server?.port}` : new URL(given).host;
    proxy = await createProxy(toxiproxy ?? '', upstream);
  });
  afterEach(async () => {
    await proxy.heal();
  });
  afterAll(async () => {
    await proxy.delete();
    await server?.dispose();
  });

  describe('with latency', () => {
    describeEventStore('eventstoredb, some milliseconds away', async () => {
      await proxy.heal();
      const slow = { latency: 2, jitter: 1 };
      await proxy.add({ type: 'latency', stream: 'upstream', attributes: slow });
      const first = await through();
      let present = first;
      return {
        store: first,
        reopen: async () => {
          await present.close();
          present = await through();
          return present;
        },
        close: () => present.close(),
      };
    });
  });

  /** Switches a fault on when something is under way, and off when it has been felt. */
  const disturbance = (fault: () => Promise<void>, rounds: number) => async (progress: Progress) => {
    for (let round = 1; round <= rounds; round++) {
      const enough = round * 10;
      await eventually('the writers get on', () => progress.done || progress.settled >= enough, 60_000);
      if (progress.done) return;
      const { failed } = progress;
      await fault();
      await eventually('the fault is felt', () => progress.done || progress.failed > failed, 60_000);
      await proxy.heal();
    }
  };

  const faults: Record<string, () => Promise<void>> = {
    'connections are reset': () => proxy.add({ type: 'reset_peer', attributes: { timeout: 0 } }),
    'connections are reset after a while': () => proxy.add({ type: 'reset_peer', attributes: { timeout: 20 } }),
    'connections are refused': () => proxy.refuse(),
    'the network is parted: nothing gets through, nothing is closed': async () => {
      await proxy.add({ type: 'timeout', stream: 'upstream', attributes: { timeout: 0 } });
      await proxy.add({ type: 'timeout', stream: 'downstream', attributes: { timeout: 0 } });
    },
    'it is half open: the server hears but is not heard': () =>
      proxy.add({ type: 'timeout', stream: 'downstream', attributes: { timeout: 0 } }),
    'connections are cut in the middle of messages': async () => {
      await proxy.add({ type: 'slicer', attributes: { average_size: 60, size_variation: 40, delay: 100 } });
      await proxy.add({ type: 'reset_peer', attributes: { timeout: 50 } });
    },
  };
  it.each(Object.keys(faults))('nothing acknowledged is lost and nothing is doubled when %s', async (name) => {
    const store = await through({ appendTimeoutMs: 400, readTimeoutMs: 1_000 });
    try {
      const disturb = disturbance(faults[name]!, 3);
      await expectWorkToSurvive(store, { writers: 5, appendsEach: 20, disturb });
    } finally {
      await store.close();
    }
  });

  it('an append that was heard while the answer was not is written once when it is repeated', async () => {
    const store = await through({ appendTimeoutMs: 400, readTimeoutMs: 1_000 });
    const direct = await EventStoreDbEventStore.open(given ?? server?.connectionString ?? '', { log });
    const [stream, events] = [newStream(), newEvents(2)];
    try {
      await store.append(newStream(), newEvents(1), 'no_stream');
      await proxy.add({ type: 'timeout', stream: 'downstream', attributes: { timeout: 0 } });
      const append = store.append(stream, events, 'no_stream');
      await expect(append).rejects.toThrow(AppendOutcomeUnknown);
      expect(await idsIn(direct, stream)).toEqual(idsOf(events));
      await proxy.heal();

      const settled = await persist(() => store.append(stream, events, 'no_stream'));

      expect(settled.revision).toBe(1);
      expect(await idsIn(direct, stream)).toEqual(idsOf(events));
    } finally {
      await store.close();
      await direct.close();
    }
  });

  it('everything fails in time while nothing gets through, and works again afterwards', async () => {
    const store = await through({ appendTimeoutMs: 400, readTimeoutMs: 400 });
    try {
      await store.ping();
      await faults['the network is parted: nothing gets through, nothing is closed']?.();
      const began = performance.now();
      await expect(store.head()).rejects.toThrow(EventStoreUnavailable);
      await expect(store.append(newStream(), newEvents(1), 'any')).rejects.toThrow(AppendOutcomeUnknown);
      expect(performance.now() - began).toBeLessThan(5_000);

      await proxy.heal();

      await persist(() => store.append(newStream(), newEvents(1), 'any'));
      await expect(persist(() => store.ping())).resolves.toBeUndefined();
    } finally {
      await store.close();
    }
  });
});
