import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { setTimeout as delay } from 'node:timers/promises';
import {
  AppendOutcomeUnknown,
  EventStoreUnavailable,
  SubscriptionDropped,
} from '../../src/platform/event-store/event-store.errors.js';
import { follow, idsIn, idsOf, newEvents, newStream } from '../conformance/event-store/fixture.js';
import { collect } from '../support/collect.js';
import { AdapterFixture, reasonOf } from '../support/eventstoredb-adapter-fixture.js';
import { eventually } from '../support/eventually.js';
import { expectWorkToSurvive, settle } from '../support/work-under-faults.js';
import type { Progress } from '../support/work-under-faults.js';

jest.setTimeout(60_000);

const fixture = new AdapterFixture();

describe('An append whose answer does not come', () => {
  const faults = ['ignore', 'swallow_answer', 'die_before_commit', 'die_after_commit'] as const;
  it.each(faults)('has an unknown outcome, and is written once when it is repeated: %s', async (fault) => {
    const stream = newStream();
    const [before, lost, after] = [newEvents(1), newEvents(3), newEvents(1)];
    await fixture.store.append(stream, before, 'no_stream');
    fixture.server.faults.appends = fault;

    expect(await reasonOf(fixture.store.append(stream, lost, 0))).toBeInstanceOf(AppendOutcomeUnknown);
    await fixture.server.restart();
    const settled = await settle(fixture.store, stream, lost, 0);
    await fixture.store.append(stream, after, settled.revision);

    const stored = await collect(fixture.store.readStream(stream));
    expect(idsOf(stored)).toEqual(idsOf([...before, ...lost, ...after]));
    expect(settled).toEqual({ revision: 3, position: stored[3]?.position });
  });

  it('has an unknown outcome when the connection is reset, and so have all that were in flight', async () => {
    const streams = Array.from({ length: 10 }, () => newStream());
    fixture.server.faults.appends = 'swallow_answer';
    const events = streams.map(() => newEvents(2));
    const appends = Promise.all(
      streams.map((stream, i) => reasonOf(fixture.store.append(stream, events[i]!, 'no_stream'))),
    );
    const other = await fixture.open();
    await eventually('all are written', async () => {
      const counts = await Promise.all(streams.map((stream) => idsIn(other, stream)));
      return counts.every(({ length }) => length === 2);
    });

    fixture.server.faults.dropConnections();

    for (const reason of await appends) expect(reason).toBeInstanceOf(AppendOutcomeUnknown);
    fixture.server.faults.heal();
    for (const [i, stream] of streams.entries()) {
      await expect(settle(fixture.store, stream, events[i]!, 'no_stream')).resolves.toMatchObject({ revision: 1 });
      expect(await idsIn(fixture.store, stream)).toEqual(idsOf(events[i]!));
    }
  });

  it('is written once when the server was frozen and writes it after all', async () => {
    const stream = newStream();
    const events = newEvents(2);
    await fixture.store.ping();
    fixture.server.faults.freeze();

    expect(await reasonOf(fixture.store.append(stream, events, 'no_stream'))).toBeInstanceOf(AppendOutcomeUnknown);
    fixture.server.faults.thaw();
    await settle(fixture.store, stream, events, 'no_stream');

    expect(await idsIn(fixture.store, stream)).toEqual(idsOf(events));
  });

  it('does not reach the appends of another client in the process', async () => {
    const otherServer = await fixture.anotherServer();
    const other = await fixture.open({}, otherServer.connectionString);
    const streams = Array.from({ length: 20 }, () => newStream());
    await other.append(newStream(), newEvents(1), 'no_stream');
    otherServer.faults.appends = 'ignore';
    const lost = reasonOf(other.append(newStream(), newEvents(1), 'no_stream'));
    const appends = streams.map((stream) => fixture.store.append(stream, newEvents(1), 'no_stream'));
    await otherServer.kill();

    await expect(Promise.all(appends)).resolves.toHaveLength(20);
    expect(await lost).toBeInstanceOf(AppendOutcomeUnknown);
  });
});

describe('While the server is away', () => {
  it('opens, and fails as unavailable: nothing was written', async () => {
    await fixture.server.kill();
    const late = await fixture.open();

    const message = /EventStoreDB could not .*there is no connection \(.*ECONNREFUSED/;
    for (const call of [
      () => late.append(newStream(), newEvents(1), 'any'),
      () => late.head(),
      () => late.ping(),
      () => late.identity(),
      () => collect(late.readStream(newStream())),
      () => late.readAll({ after: null, limit: 1 }),
    ]) {
      const reason = await reasonOf(call());
      expect(reason).toBeInstanceOf(EventStoreUnavailable);
      expect((reason as Error).message).toMatch(message);
    }
    const subscription = follow(late, { after: null }, () => true);
    await expect(subscription).rejects.toThrow(SubscriptionDropped);
  });

  it('works with the first call once it is back, however long and often it was asked before', async () => {
    await fixture.store.ping();
    await fixture.server.kill();
    const end = performance.now() + 5_000;
    while (performance.now() < end) {
      expect(await reasonOf(fixture.store.ping())).toBeInstanceOf(EventStoreUnavailable);
      expect(await reasonOf(fixture.store.append(newStream(), newEvents(1), 'any'))).toBeInstanceOf(
        EventStoreUnavailable,
      );
      await delay(20);
    }

    await fixture.server.restart();
    await delay(150);

    await expect(fixture.store.append(newStream(), newEvents(1), 'no_stream')).resolves.toMatchObject({ revision: 0 });
    await expect(fixture.store.ping()).resolves.toBeUndefined();
  });
});

describe('For any sequence of faults', () => {
  const FAULTS = [
    'ignore',
    'swallow_answer',
    'die_before_commit',
    'die_after_commit',
    'kill',
    'stop',
    'drop',
    'freeze',
    'end_subscriptions',
  ] as const;
  type Fault = (typeof FAULTS)[number];

  const begin = async (fault: Fault): Promise<void> => {
    const { server } = fixture;
    if (fault === 'kill') await server.kill();
    else if (fault === 'stop') await server.stop();
    else if (fault === 'drop') server.faults.dropConnections();
    else if (fault === 'freeze') server.faults.freeze();
    else if (fault === 'end_subscriptions') server.faults.endSubscriptions();
    else server.faults.appends = fault;
  };

  /** Faults, each after so many more appends, each ended once it has been felt. */
  const disturbance = (plan: readonly { fault: Fault; after: number }[]) => async (progress: Progress) => {
    for (const { fault, after } of plan) {
      const { settled, failed } = progress;
      await eventually('the writers get on', () => progress.done || progress.settled >= settled + after, 30_000);
      await begin(fault);
      const isFelt = () => progress.done || progress.failed > failed || fault === 'end_subscriptions';
      await eventually('the fault is felt', isFelt, 30_000);
      if (!fixture.server.isRunning) await fixture.server.restart();
      fixture.server.faults.heal();
    }
  };

  it('no append is lost or doubled, and every event is handed over once', async () => {
    const store = await fixture.open({ appendTimeoutMs: 200, readTimeoutMs: 500 });
    const step = fc.record({ fault: fc.constantFrom(...FAULTS), after: fc.integer({ min: 0, max: 12 }) });
    const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (plan) => {
      await expectWorkToSurvive(store, { writers: 4, appendsEach: 12, disturb: disturbance(plan) });
    });
    await fc.assert(property, { numRuns: 12, endOnFailure: true });
  });
});
