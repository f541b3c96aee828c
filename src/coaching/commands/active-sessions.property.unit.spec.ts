import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ManualClock } from '../../platform/clock.js';
import { DormouseError } from '../../platform/errors.js';
import { WrongExpectedRevision } from '../../platform/event-store/event-store.errors.js';
import type { AppendResult, EventStore, RecordedEvent } from '../../platform/event-store/event-store.port.js';
import { EmbeddedReadModelStore } from '../../platform/read-models/embedded/embedded-read-model-store.js';
import type { SessionOwner } from '../domain/session-owner.js';
import { CoachingInstance, foldSessions } from '../../../test/support/coaching-instance.js';
import { collect } from '../../../test/support/collect.js';
import { DelegatingEventStore } from '../../../test/support/delegating-event-store.js';
import { MemoryEventStore } from '../../../test/support/memory-event-store.js';

/** The memory store, with the port's promise that an append repeated at its own revision succeeds and writes nothing. */
class RepeatableMemoryEventStore extends MemoryEventStore {
  override async append(...given: Parameters<EventStore['append']>): Promise<AppendResult> {
    try {
      return await super.append(...given);
    } catch (error) {
      const [stream, events, expected] = given;
      if (!(error instanceof WrongExpectedRevision) || expected === 'any' || expected === 'exists') throw error;
      const from = expected === 'no_stream' ? 0 : expected + 1;
      const there = await collect(this.readStream(stream, { from, limit: events.length }));
      const last = there.at(-1);
      if (!last || events.some(({ id }, index) => there[index]?.id !== id)) throw error;
      return { revision: last.revision, position: last.position };
    }
  }
}

class Died extends Error {}

/**
 * The store as one process sees it: each call waits for its turn before it reaches the store and again before its answer
 * arrives, so that the steps of several processes mix in any order; and the process may die at one of its appends.
 */
class ProcessStore extends DelegatingEventStore {
  private appends = 0;

  constructor(
    inner: EventStore,
    private readonly turn: () => Promise<unknown>,
    private readonly diesAt: Death | null,
  ) {
    super(inner);
  }

  override async append(...given: Parameters<EventStore['append']>): Promise<AppendResult> {
    const dies = ++this.appends === this.diesAt?.append;
    if (dies && this.diesAt.when === 'before') throw new Died();
    await this.turn();
    const result = await this.inner.append(...given);
    if (dies) throw new Died();
    await this.turn();
    return result;
  }

  override async *readStream(...given: Parameters<EventStore['readStream']>): AsyncGenerator<RecordedEvent> {
    await this.turn();
    const events = await collect(this.inner.readStream(...given));
    await this.turn();
    yield* events;
  }

  override async findEvent(...given: Parameters<EventStore['findEvent']>): Promise<RecordedEvent | undefined> {
    await this.turn();
    return this.inner.findEvent(...given);
  }
}

interface Death {
  readonly append: number;
  readonly when: 'before' | 'after';
}

/** What a process does, one after another, each on the session that its last start came back with. */
type Operation = 'start' | 'keyed start' | 'pause' | 'resume' | 'cancel' | 'say';

interface Plan {
  readonly user: string;
  readonly operations: readonly Operation[];
  readonly dies: Death | null;
}

const plan: fc.Arbitrary<Plan> = fc.record({
  user: fc.constantFrom('ada', 'ada', 'bob'),
  operations: fc.array(
    fc.constantFrom<Operation>('start', 'keyed start', 'keyed start', 'pause', 'resume', 'cancel', 'say'),
    { minLength: 1, maxLength: 6 },
  ),
  dies: fc.option(fc.record({ append: fc.integer({ min: 1, max: 6 }), when: fc.constantFrom('before', 'after') })),
});

/** Session ids that the user was told to have started or resumed. */
interface Told {
  readonly user: string;
  readonly sessionId: string;
}

async function live(instance: CoachingInstance, { user, operations }: Plan): Promise<Told[]> {
  const owner: SessionOwner = { tenantId: 'acme', userId: user };
  const told: Told[] = [];
  let sessionId: string | undefined;
  for (const operation of operations) {
    try {
      if (operation === 'start' || operation === 'keyed start') {
        const key = operation === 'start' ? undefined : 'k';
        sessionId = (await instance.start(owner, undefined, key)).session.state.session_id;
        told.push({ user, sessionId });
      } else if (sessionId !== undefined) await instance[operation](owner, sessionId);
    } catch (error) {
      if (error instanceof Died) return told;
      // A refusal is an answer; anything else would be a defect.
      if (!(error instanceof DormouseError)) throw error;
    }
  }
  return told;
}

describe('Whatever order the steps of several processes come in, and wherever they die', () => {
  const directory = mkdtempSync(join(tmpdir(), 'dormouse-coaching-'));
  const readModels = EmbeddedReadModelStore.open(join(directory, 'read-models.sqlite'));
  const clock = new ManualClock(Date.parse('2026-03-04T12:00:00.000Z'));

  afterAll(async () => {
    await readModels.close();
    rmSync(directory, { recursive: true });
  });

  it('there are never two active sessions in a topic, and no start that was told is lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(plan, { minLength: 2, maxLength: 4 }), async (scheduler, plans) => {
        const history = new RepeatableMemoryEventStore();
        const turn = () => scheduler.schedule(Promise.resolve());
        const lives = plans.map((one) =>
          live(new CoachingInstance(new ProcessStore(history, turn, one.dies), readModels, clock), one),
        );
        const told = (await scheduler.waitFor(Promise.all(lives))).flat();

        // Somebody who comes afterwards finds the topic usable: it is theirs, or somebody has it.
        const last = new CoachingInstance(history, readModels, clock);
        const codes = await last.start({ tenantId: 'acme', userId: 'late' }).then(
          () => [],
          (error: unknown) => [(error as DormouseError).code],
        );
        const { mostActiveAtOnce, sessions, active } = foldSessions(history.all());
        expect(mostActiveAtOnce).toBe(1);
        expect(active).toHaveLength(1);
        const holder = userOf(sessions.get(active[0] ?? ''));
        expect(codes).toEqual(holder === 'late' ? [] : ['session_conflict']);
        for (const { user, sessionId } of told) expect(userOf(sessions.get(sessionId))).toBe(user);
        expectOneSessionAtATime([...sessions.values()]);
        expectOneActivationOfEachCommand(history.all());
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});

function userOf(state: unknown): unknown {
  return (state as { user_id?: string } | undefined)?.user_id;
}

/** A user has at most one session in the topic that has not ended. */
function expectOneSessionAtATime(states: readonly object[]): void {
  const open = states.filter((state) => 'status' in state && (state.status === 'active' || state.status === 'paused'));
  expect(new Set(open.map(userOf)).size).toBe(open.length);
}

/** A command makes a session active once, however often it is sent under its key. Its claim is what it caused. */
function expectOneActivationOfEachCommand(events: readonly RecordedEvent[]): void {
  const claims = events.filter(({ type }) => type === 'TopicClaimed');
  const commandOf = new Map(claims.map(({ metadata }) => [metadata.command_id, metadata.$causationId]));
  const activations = events.filter(({ type }) => type === 'SessionStarted' || type === 'SessionResumed');
  const commands = activations.map(({ metadata }) => commandOf.get(metadata.$causationId));
  expect(commands).not.toContain(undefined);
  expect(new Set(commands).size).toBe(activations.length);
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
}
