import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isRefusal } from '../../platform/commands/aggregate.js';
import { recordActivity } from './activity-check.js';
import {
  abandonPause,
  abandonResume,
  changePolicy,
  confirmPause,
  confirmResume,
  deregisterWorker,
  registerWorker,
  requestPause,
  requestResume,
  toggleIdleDetection,
} from './cml-worker.decisions.js';
import type { WorkerDecision } from './cml-worker.decisions.js';
import { foundDown, foundUp, observeStatus } from './cml-worker.observation.js';
import type { CMLWorkerEvent } from './cml-worker.events.js';
import { CMLWorker } from './cml-worker.js';
import type { CMLWorkerState, RegisteredWorker } from './cml-worker.js';
import { WORKER_STATUSES } from './worker-status.js';
import { cmlWorkerContract } from '../contracts/cml-worker.contract.js';
import {
  MINUTE,
  NOON,
  SETTINGS,
  WORKER_ID,
  active,
  checked,
  deregistered,
  newActivity,
  pauseRequested,
  paused,
  reading,
  registered,
  resumeRequested,
  resumed,
  statusChanged,
  time,
} from '../../../test/support/worker-history.js';

/** One command with its arguments, as a decision on whatever the state is. */
interface Step {
  readonly name: string;
  readonly decide: (state: CMLWorkerState, now: number) => WorkerDecision;
  /** Asks for a state and may be repeated in it. A check and what the outside did are facts, new each time. */
  readonly isWish: boolean;
}

const wish = (name: string, decide: Step['decide']): Step => ({ name, decide, isWish: true });
const fact = (name: string, decide: Step['decide']): Step => ({ name, decide, isWish: false });

const id = fc.constantFrom('a', 'b', 'c');
const status = fc.constantFrom(...WORKER_STATUSES);

const step: fc.Arbitrary<Step> = fc.oneof(
  status.map((s) =>
    fact(`register ${s}`, (state, at) =>
      registerWorker(state, {
        workerId: WORKER_ID,
        awsRegion: 'us-east-1',
        awsInstanceId: 'i-0123456789abcdef0',
        name: 'lab',
        cmlEndpoint: null,
        idleTimeoutMinutes: null,
        status: s,
        by: 'ada',
        at,
      }),
    ),
  ),
  fc.constant(fact('deregister', (state, at) => deregisterWorker(state, 'ada', at))),
  fc
    .tuple(status, fc.integer({ min: -1, max: 0 }), fc.option(fc.integer({ min: -100, max: 30 })))
    .map(([s, age, launched]) =>
      wish(`observe ${s} ${age}, launched ${launched}`, (state, at) => {
        const powerChanges = state.kind === 'registered' ? state.power_changes + age : 0;
        const launchTime = launched === null ? null : at + launched * MINUTE;
        return observeStatus(state, { status: s, launchTime, powerChanges, at }, SETTINGS);
      }),
    ),
  fc.constantFrom('stopping' as const, 'stopped' as const).map((s) =>
    wish(`found ${s}`, (state, at) => {
      const pausing = state.kind === 'registered' && state.power.kind === 'pausing' ? state.power.pause : undefined;
      return foundDown(state, pausing ?? pauseRequested().data, s, at, SETTINGS);
    }),
  ),
  fc
    .constantFrom('pending' as const, 'running' as const)
    .map((s) => wish(`found ${s}`, (state, at) => foundUp(state, resumeRequested().data, s, at, SETTINGS))),
  fc.option(fc.integer({ min: -100, max: 500 })).map((minutes) =>
    fact(`check ${minutes}`, (state, at) =>
      recordActivity(state, minutes === null ? reading() : newActivity(minutes), {
        at,
        nextCheckAt: at + 30 * MINUTE,
        keepEvents: 3,
        clockSkewMs: null,
        settings: SETTINGS,
      }),
    ),
  ),
  fc
    .tuple(id, fc.constantFrom('manual' as const, 'idle_timeout' as const))
    .map(([pauseId, reason]) =>
      wish(`pause ${pauseId} ${reason}`, (state, at) =>
        requestPause(state, { pauseId, reason, by: 'ada', at, settings: SETTINGS }),
      ),
    ),
  status.map((s) =>
    wish(`confirm pause ${s}`, (state, at) =>
      state.kind === 'registered' && state.power.kind === 'pausing'
        ? confirmPause(state, state.power.pause, s, at)
        : confirmPause(state, pauseRequested().data, s, at),
    ),
  ),
  id.map((p) => wish(`abandon pause ${p}`, (state, at) => abandonPause(state, p, 'recent_activity', null, at))),
  id.map((resumeId) => wish(`resume ${resumeId}`, (state, at) => requestResume(state, { resumeId, by: 'bob', at }))),
  status.map((s) => wish(`confirm resume ${s}`, (state, at) => confirmResume(state, resumeRequested().data, s, at))),
  id.map((r) => wish(`abandon resume ${r}`, (state, at) => abandonResume(state, r, 'ec2_refused', null, at))),
  fc.boolean().map((on) => wish(`toggle ${on}`, (state, at) => toggleIdleDetection(state, on, 'ada', at))),
  fc
    .option(fc.integer({ min: 1, max: 90 }))
    .map((minutes) => wish(`policy ${minutes}`, (state, at) => changePolicy(state, minutes, 'ada', at))),
);

interface Taken {
  readonly step: Step;
  readonly now: number;
  readonly before: CMLWorkerState;
  readonly after: CMLWorkerState;
  readonly events: readonly CMLWorkerEvent[];
}

const fold = (state: CMLWorkerState, events: readonly CMLWorkerEvent[]): CMLWorkerState =>
  events.reduce(CMLWorker.evolve, state);

function run(steps: readonly { step: Step; after: number }[]): Taken[] {
  let state: CMLWorkerState = fold(CMLWorker.initialState, [registered()]);
  let now = NOON;
  return steps.map(({ step: taken, after }) => {
    now += after * MINUTE;
    const decision = taken.decide(state, now);
    const events = isRefusal(decision) ? [] : decision;
    const before = state;
    state = fold(state, events);
    return { step: taken, now, before, after: state, events };
  });
}

const steps = fc.array(fc.record({ step, after: fc.integer({ min: 0, max: 90 }) }), { minLength: 1, maxLength: 60 });

/** Checks something of every run of commands. */
function always(check: (taken: readonly Taken[]) => void): void {
  fc.assert(
    fc.property(steps, (chosen) => check(run(chosen))),
    { numRuns: 300 },
  );
}

function registeredStates(taken: readonly Taken[]): RegisteredWorker[] {
  return taken.flatMap(({ after }) => (after.kind === 'registered' ? [after] : []));
}

describe('Whatever commands come in whatever order', () => {
  it('the state is one of the known ones, every field defined', () => {
    always((taken) => {
      for (const { after } of taken) {
        expect(['unregistered', 'registered', 'deregistered']).toContain(after.kind);
        expect(Object.values(after)).not.toContain(undefined);
      }
      for (const state of registeredStates(taken)) {
        expect(['up', 'pausing', 'down', 'resuming']).toContain(state.power.kind);
        expect(WORKER_STATUSES).toContain(state.status);
        expect(Object.values(state).some(Number.isNaN)).toBe(false);
        expect(state.recent_activity_events.length).toBeLessThanOrEqual(3);
      }
    });
  });

  it('a command repeated in its target state writes nothing', () => {
    always((taken) => {
      for (const { step: repeated, now, after } of taken) {
        if (!repeated.isWish) continue;
        const again = repeated.decide(after, now);
        expect(isRefusal(again) ? [] : again).toEqual([]);
      }
    });
  });

  it('each counter is the number of events of its reason', () => {
    always((taken) => {
      let counts: Record<string, number> = {};
      for (const { events, after } of taken) {
        for (const event of events) {
          if (event.type === 'WorkerRegistered') counts = {};
          if (event.type === 'WorkerPaused') count(counts, `${event.data.reason} pause`);
          if (event.type === 'WorkerResumed') count(counts, `${event.data.reason} resume`);
        }
        if (after.kind !== 'registered') continue;
        expect({
          'idle_timeout pause': after.auto_pause_count,
          'manual pause': after.manual_pause_count,
          'external pause': after.external_pause_count,
          'auto resume': after.auto_resume_count,
          'manual resume': after.manual_resume_count,
          'external resume': after.external_resume_count,
        }).toEqual({ ...NONE, ...counts });
      }
    });
  });

  it('last_activity_at never moves backwards within one registration', () => {
    always((taken) => {
      for (const { before, after, events } of taken) {
        if (before.kind !== 'registered' || after.kind !== 'registered') continue;
        if (events.some(({ type }) => type === 'WorkerRegistered')) continue;
        expect(after.last_activity_at ?? -Infinity).toBeGreaterThanOrEqual(before.last_activity_at ?? -Infinity);
      }
    });
  });

  it('pauses and resumes alternate', () => {
    always((taken) => {
      let last: string | null = null;
      for (const { type } of taken.flatMap(({ events }) => events)) {
        if (type === 'WorkerRegistered') last = null;
        if (type !== 'WorkerPaused' && type !== 'WorkerResumed') continue;
        expect(type).not.toBe(last);
        last = type;
      }
    });
  });

  it('an automatic pause is never asked for before its time', () => {
    always((taken) => {
      for (const { events, now, before } of taken) {
        for (const event of events) {
          if (event.type !== 'WorkerPauseRequested' || event.data.reason !== 'idle_timeout') continue;
          const worker = before as RegisteredWorker;
          const base = Math.max(worker.registered_at, worker.last_activity_at ?? 0, worker.last_resumed_at ?? 0);
          expect(now - base).toBeGreaterThanOrEqual((worker.idle_timeout_minutes ?? 60) * MINUTE);
          expect(now - (worker.last_resumed_at ?? 0)).toBeGreaterThanOrEqual(SETTINGS.snoozeMinutes * MINUTE);
          expect(worker).toMatchObject({ status: 'running', is_idle_detection_enabled: true });
        }
      }
    });
  });
});

const NONE = {
  'idle_timeout pause': 0,
  'manual pause': 0,
  'external pause': 0,
  'auto resume': 0,
  'manual resume': 0,
  'external resume': 0,
};

function count(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

describe('evolve', () => {
  const examples: CMLWorkerEvent[] = [
    registered(),
    registered({ status: 'stopped' }),
    statusChanged('terminated'),
    statusChanged('stopped'),
    active(10),
    checked(20),
    pauseRequested(),
    {
      type: 'WorkerPauseAbandoned',
      data: { pause_id: 'p1', reason: 'ec2_refused', detail: 'x', abandoned_at: time(1) },
    },
    paused(),
    resumeRequested(),
    {
      type: 'WorkerResumeAbandoned',
      data: { resume_id: 'r1', reason: 'terminated', detail: null, abandoned_at: time(1) },
    },
    resumed(5),
    {
      type: 'WorkerIdleDetectionToggled',
      data: { is_idle_detection_enabled: false, changed_by: 'ada', changed_at: time(1) },
    },
    {
      type: 'WorkerPolicyChanged',
      data: { previous_idle_timeout_minutes: null, idle_timeout_minutes: 5, changed_by: 'ada', changed_at: time(1) },
    },
    deregistered(),
  ];

  it('has an example of every registered event here', () => {
    expect(new Set(examples.map(({ type }) => type))).toEqual(new Set(Object.keys(cmlWorkerContract.types)));
  });

  it('never throws, on any event in any state, and never changes what it was given', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...examples), { maxLength: 30 }), (events) => {
        let state = CMLWorker.initialState;
        for (const event of events) {
          const before = structuredClone(state);
          const after = CMLWorker.evolve(state, event);
          expect(state).toEqual(before);
          state = after;
        }
      }),
    );
  });

  it('leaves the state as it is at an event of a type that it does not know', () => {
    const foreign = { type: 'WorkerPainted', data: {} } as unknown as CMLWorkerEvent;
    const state = fold(CMLWorker.initialState, [registered()]);
    expect(CMLWorker.evolve(state, foreign)).toBe(state);
  });
});
