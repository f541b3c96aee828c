import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { SessionOwner } from '../../../src/coaching/domain/session-owner.js';
import { reservationIdOf } from '../../../src/coaching/domain/topic-reservation.js';
import { ManualClock } from '../../../src/platform/clock.js';
import { DormouseError } from '../../../src/platform/errors.js';
import { EventStoreUnavailable } from '../../../src/platform/event-store/event-store.errors.js';
import type {
  AppendResult,
  EventStore,
  Position,
  RecordedEvent,
} from '../../../src/platform/event-store/event-store.port.js';
import { EmbeddedReadModelStore } from '../../../src/platform/read-models/embedded/embedded-read-model-store.js';
import { collect } from '../../support/collect.js';
import { CoachingInstance, foldSessions } from '../../support/coaching-instance.js';
import type { SessionsNow } from '../../support/coaching-instance.js';
import { DelegatingEventStore } from '../../support/delegating-event-store.js';
import type { MakeStore, StoreFixture } from '../event-store/fixture.js';
import { readEverything } from '../event-store/fixture.js';

const INSTANCES = 5;

/** An append to a session's stream that goes wrong, as seen by one instance. */
type Fault = (append: () => Promise<AppendResult>) => Promise<AppendResult>;

/** A store on which something happens at one instance's next append to a session's stream. */
class FaultyAtSession extends DelegatingEventStore {
  fault: Fault | undefined;

  override append(...given: Parameters<EventStore['append']>): Promise<AppendResult> {
    const append = () => this.inner.append(...given);
    const { fault } = this;
    if (!fault || !given[0].startsWith('coachingSession-')) return append();
    this.fault = undefined;
    return fault(append);
  }
}

/** A store on which one instance's first look at a session waits until the test lets it go on. */
class HeldAtFirstLook extends DelegatingEventStore {
  readonly held = Promise.withResolvers<void>();
  readonly goOn = Promise.withResolvers<void>();

  override async *readStream(...given: Parameters<EventStore['readStream']>): AsyncGenerator<RecordedEvent> {
    if (given[0].startsWith('coachingSession-')) {
      this.held.resolve();
      await this.goOn.promise;
    }
    yield* this.inner.readStream(...given);
  }
}

const DIES = new EventStoreUnavailable('The process dies here.');

/**
 * At most one session is active in each tenant and topic, on any store that keeps to the port: several instances of the
 * coaching commands, each with its own cached state, on one event store. The store may hold other events.
 */
export function describeOneActiveSession(name: string, makeStore: MakeStore): void {
  describe(`One active session per tenant and topic, on the event store ${name}`, () => {
    const clock = new ManualClock(Date.parse('2026-03-04T12:00:00.000Z'));
    let directory: string;
    let readModels: EmbeddedReadModelStore;
    let fixture: StoreFixture;
    let instances: readonly CoachingInstance[];
    let before: Position | null;
    let tenantId: string;

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'dormouse-coaching-'));
      readModels = EmbeddedReadModelStore.open(join(directory, 'read-models.sqlite'));
      fixture = await makeStore();
      instances = Array.from({ length: INSTANCES }, () => newInstance());
    });

    afterAll(async () => {
      await fixture.close();
      await readModels.close();
      await rm(directory, { recursive: true, force: true });
    });

    beforeEach(async () => {
      tenantId = `tenant ${randomUUID()}`;
      before = await fixture.store.head();
    });

    const newInstance = (store: EventStore = fixture.store): CoachingInstance =>
      new CoachingInstance(store, readModels, clock);
    const instance = (n: number): CoachingInstance => instances[n % INSTANCES] ?? newInstance();
    const user = (userId: string | number): SessionOwner => ({ tenantId, userId: `user ${userId}` });

    /** What this test's history came to. */
    async function now(): Promise<SessionsNow> {
      const filter = { streamPrefixes: ['coachingSession-'] };
      return foldSessions(await readEverything(fixture.store, { after: before, filter, limit: 500 }));
    }

    async function claims(): Promise<number> {
      return (await collect(fixture.store.readStream(`coachingTopic-${reservationIdOf(tenantId, 'core_values')}`)))
        .length;
    }

    it('50 starts at once by different users make one session; the others are refused', async () => {
      const starts = await outcomesOf(Array.from({ length: 50 }, (_, n) => instance(n).start(user(n))));
      expect(starts.codes).toEqual(Array.from({ length: 49 }, () => 'session_conflict'));
      expect(starts.done).toHaveLength(1);
      const { mostActiveAtOnce, active, sessions } = await now();
      expect([mostActiveAtOnce, sessions.size, active]).toEqual([1, 1, [starts.done[0]?.session.state.session_id]]);
    });

    it('50 starts at once by the same user make one session, and all are answered with it', async () => {
      const starts = await outcomesOf(Array.from({ length: 50 }, (_, n) => instance(n).start(user(0))));
      expect(starts.codes).toEqual([]);
      expect(starts.done.filter(({ resumed }) => !resumed)).toHaveLength(1);
      const { sessions, active } = await now();
      expect(sessions.size).toBe(1);
      expect(new Set(starts.done.map(({ session }) => session.state.session_id))).toEqual(new Set(active));
    });

    it('50 starts at once under one Idempotency-Key are one start', async () => {
      const starts = await outcomesOf(Array.from({ length: 50 }, (_, n) => instance(n).start(user(0), undefined, 'k')));
      expect(starts.codes).toEqual([]);
      expect((await now()).sessions.size).toBe(1);
      expect(await claims()).toBe(1);
    });

    it('10 resumes at once of 10 users’ sessions resume one', async () => {
      const paused: string[] = [];
      for (let n = 0; n < 10; n++) {
        const { session } = await instance(n).start(user(n));
        await instance(n + 1).pause(user(n), session.state.session_id);
        paused.push(session.state.session_id);
      }
      const resumes = await outcomesOf(paused.map((id, n) => instance(n + 2).resume(user(n), id)));
      expect(resumes.done).toHaveLength(1);
      expect(resumes.codes).toEqual(Array.from({ length: 9 }, () => 'session_conflict'));
      const { mostActiveAtOnce, active } = await now();
      expect([mostActiveAtOnce, active.length]).toEqual([1, 1]);
    });

    it('starts, pauses, resumes, messages and sweeps in any mixture never make two active', async () => {
      const people = Array.from({ length: 6 }, (_, n) => user(n));
      await Promise.all(
        people.map(async (owner, n) => {
          for (let round = 0; round < 8; round++) {
            const begun = await outcomesOf([instance(n + round).start(owner)]);
            const [started] = begun.done;
            if (!started) continue;
            const { session_id: id } = started.session.state;
            if (round % 3 === 0) await outcomesOf([instance(n + 1).cancel(owner, id)]);
            else await outcomesOf([instance(n + 1).pause(owner, id), instance(n + 2).say(owner, id)]);
            await outcomesOf([instance(n + 3).resume(owner, id), instance(n + 4).sweep(id)]);
          }
        }),
      );
      expect((await now()).mostActiveAtOnce).toBe(1);
    });

    it('a start that runs twice at once under its key is one start, whatever the second finds when the first has ended', async () => {
      const store = new HeldAtFirstLook(fixture.store);
      const second = newInstance(store).start(user(0), undefined, 'k');
      await store.held.promise;
      const first = await instance(0).start(user(0), undefined, 'k');
      const { session_id: id } = first.session.state;
      await instance(1).cancel(user(0), id);
      store.goOn.resolve();
      expect((await second).session.state).toMatchObject({ session_id: id, status: 'cancelled' });
      expect([(await now()).sessions.size, await claims()]).toEqual([1, 1]);
    });

    it('several sweepers at once pause a session once', async () => {
      const { session } = await instance(0).start(user(0));
      clock.advance(31 * 60_000);
      const sweeps = await Promise.all(instances.map((one) => one.sweep(session.state.session_id)));
      expect(sweeps.filter(({ paused }) => paused)).toHaveLength(1);
      expect((await now()).active).toEqual([]);
    });

    it('a message that comes between a sweep’s decision and its append keeps the session active', async () => {
      const { session } = await instance(0).start(user(0));
      const { session_id: id } = session.state;
      clock.advance(31 * 60_000);
      const store = new FaultyAtSession(fixture.store);
      store.fault = async (append) => {
        await instance(1).say(user(0), id);
        return append();
      };
      expect(await newInstance(store).sweep(id)).toEqual({ paused: false });
      const { sessions } = await now();
      expect(sessions.get(id)).toMatchObject({ status: 'active', message_count: 1 });
    });

    describe('a process that dies between its claim and the activation', () => {
      async function diesBetween(owner: SessionOwner, key?: string): Promise<void> {
        const store = new FaultyAtSession(fixture.store);
        store.fault = () => Promise.reject(DIES);
        const { codes } = await outcomesOf([newInstance(store).start(owner, undefined, key)]);
        expect(codes).toEqual([DIES.code]);
        expect((await now()).sessions.size).toBe(0);
        expect(await claims()).toBe(1);
      }

      it('leaves a claim that the next one who looks finishes: another user is refused', async () => {
        await diesBetween(user('dead'));
        expect((await outcomesOf([instance(0).start(user('next'))])).codes).toEqual(['session_conflict']);
        const { sessions, active } = await now();
        expect([...sessions.values()]).toMatchObject([{ user_id: 'user dead', status: 'active' }]);
        expect(active).toHaveLength(1);
      });

      it('leaves a session that its user comes back to', async () => {
        await diesBetween(user('dead'));
        const { session, resumed } = await instance(0).start(user('dead'));
        expect([session.state.status, resumed, (await now()).sessions.size]).toEqual(['active', true, 1]);
      });

      it('leaves a start that its command, sent again under its key, finishes as a start', async () => {
        await diesBetween(user('dead'), 'k');
        const { session, resumed } = await instance(0).start(user('dead'), undefined, 'k');
        expect([session.state.status, resumed, (await now()).sessions.size]).toEqual(['active', false, 1]);
        expect(await claims()).toBe(1);
      });

      it('long ago leaves nothing in the way of others: it is finished, and paused for its inactivity', async () => {
        await diesBetween(user('dead'));
        clock.advance(31 * 60_000);
        const { session } = await instance(0).start(user('next'));
        const { sessions, active, mostActiveAtOnce } = await now();
        expect([mostActiveAtOnce, active]).toEqual([1, [session.state.session_id]]);
        const dead = [...sessions.values()].find((state) => state.kind === 'started' && state.user_id === 'user dead');
        expect(dead).toMatchObject({ status: 'paused', pause_reason: 'inactivity' });
      });

      it('and 50 others at once agree on who is active', async () => {
        await diesBetween(user('dead'));
        const starts = await outcomesOf(Array.from({ length: 50 }, (_, n) => instance(n).start(user(n))));
        expect(starts.codes).toEqual(Array.from({ length: 50 }, () => 'session_conflict'));
        expect((await now()).sessions.size).toBe(1);
      });
    });

    it('a process that dies after the activation, before its answer, has started the session', async () => {
      const store = new FaultyAtSession(fixture.store);
      store.fault = async (append) => {
        await append();
        throw DIES;
      };
      await outcomesOf([newInstance(store).start(user('dead'), undefined, 'k')]);
      const { session, resumed } = await instance(0).start(user('dead'), undefined, 'k');
      expect([session.state.status, resumed, (await now()).sessions.size]).toEqual(['active', false, 1]);
    });

    it('a process that is frozen between the two, and thaws when others have been active since, makes no second one', async () => {
      const thaw = Promise.withResolvers<void>();
      const frozen = Promise.withResolvers<void>();
      const store = new FaultyAtSession(fixture.store);
      store.fault = async (append) => {
        frozen.resolve();
        await thaw.promise;
        return append();
      };
      const late = newInstance(store).start(user('frozen'));
      await frozen.promise;
      const mine = await instance(0).start(user('frozen'));
      await instance(1).pause(user('frozen'), mine.session.state.session_id);
      const other = await instance(2).start(user('other'));
      thaw.resolve();
      const { session } = await late;
      expect(session.state).toMatchObject({ session_id: mine.session.state.session_id, status: 'paused' });
      const { mostActiveAtOnce, active } = await now();
      expect([mostActiveAtOnce, active]).toEqual([1, [other.session.state.session_id]]);
    });

    it('a resume that was claimed for a session that has ended since comes to nothing, and blocks nobody', async () => {
      const { session } = await instance(0).start(user(1));
      const { session_id: id } = session.state;
      await instance(0).pause(user(1), id);
      const store = new FaultyAtSession(fixture.store);
      store.fault = async (append) => {
        await instance(1).cancel(user(1), id);
        return append();
      };
      const { codes } = await outcomesOf([newInstance(store).resume(user(1), id)]);
      expect(codes).toEqual(['invalid_session_status']);
      expect((await instance(2).start(user(2))).session.state.status).toBe('active');
      expect((await now()).mostActiveAtOnce).toBe(1);
    });
  });
}

interface Outcomes<T> {
  readonly done: readonly T[];
  /** Codes of the refusals; anything else that is thrown fails the test. */
  readonly codes: readonly string[];
}

async function outcomesOf<T>(commands: readonly Promise<T>[]): Promise<Outcomes<T>>;
async function outcomesOf(commands: readonly Promise<unknown>[]): Promise<Outcomes<unknown>>;
async function outcomesOf<T>(commands: readonly Promise<T>[]): Promise<Outcomes<T>> {
  const settled = await Promise.allSettled(commands);
  const done: T[] = [];
  const codes: string[] = [];
  for (const outcome of settled) {
    if (outcome.status === 'fulfilled') done.push(outcome.value);
    else if (outcome.reason instanceof DormouseError) codes.push(outcome.reason.code);
    else throw outcome.reason;
  }
  return { done, codes };
}
