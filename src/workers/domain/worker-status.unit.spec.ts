import { describe, expect, it } from '@jest/globals';
import { LAUNCH_TOLERANCE, foundDown, foundUp, observeStatus } from './cml-worker.observation.js';
import { CMLWorker } from './cml-worker.js';
import type { CMLWorkerState } from './cml-worker.js';
import { WORKER_STATUSES, workerStatusOf } from './worker-status.js';
import type { WorkerStatus } from './worker-status.js';
import { specify } from '../../../test/support/given-when-then.js';
import {
  SETTINGS,
  active,
  at,
  deregistered,
  pauseRequested,
  paused,
  registered,
  resumeRequested,
  resumed,
  time,
} from '../../../test/support/worker-history.js';

const { given } = specify(CMLWorker);

const observe =
  (status: WorkerStatus, powerChanges: number, minutes = 3, launchTime: number | null = null) =>
  (state: CMLWorkerState) =>
    observeStatus(state, { status, launchTime, powerChanges, at: at(minutes) }, SETTINGS);

describe('What EC2 says', () => {
  it.each(['stopping', 'stopped'] as const)('running to %s not by us is an external pause', (status) => {
    given(registered(), active(1))
      .when(observe(status, 0))
      .thenEvents({
        type: 'WorkerPaused',
        data: {
          pause_id: null,
          reason: 'external',
          paused_by: 'external',
          idle_duration_minutes: null,
          external_pause_count: 1,
          auto_pause_count: 0,
          manual_pause_count: 0,
          evidence: { last_activity_at: time(1), checked_at: time(1) },
        },
      })
      .thenState({ status, power: { kind: 'down' }, pause_reason: 'external', was_auto_paused: false });
  });

  it.each(['pending', 'running'] as const)('stopped to %s not by us is an external resume', (status) => {
    given(registered({ status: 'stopped' }))
      .when(observe(status, 0))
      .thenEvents({
        type: 'WorkerResumed',
        data: { resume_id: null, reason: 'external', external_resume_count: 1, manual_resume_count: 0 },
      })
      .thenState({ status, power: { kind: 'up' }, last_resumed_at: at(3), target_pause_at: null });
  });

  it('about our own stop or start is a plain change of status', () => {
    given(registered(), pauseRequested(), paused())
      .when(observe('stopped', 2))
      .thenEvents({ type: 'WorkerStatusChanged', data: { previous_status: 'stopping', status: 'stopped' } })
      .thenState({ power: { kind: 'down' }, external_pause_count: 0 });
    given(registered(), paused(), resumeRequested(), resumed(5))
      .when(observe('running', 3))
      .thenEvents({ type: 'WorkerStatusChanged', data: { previous_status: 'pending', status: 'running' } });
  });

  it('before our own stop says nothing', () => {
    given(registered(), pauseRequested(), paused()).when(observe('running', 0)).thenNothing();
    given(registered(), pauseRequested(), paused()).when(observe('running', 1)).thenNothing();
  });

  it.each(['running', 'pending'] as const)('%s, launched since, is a stop and a start from outside', (status) => {
    const launched = at(40);
    given(registered(), active(1))
      .when(observe(status, 0, 42, launched))
      .thenEvents(
        {
          type: 'WorkerPaused',
          data: { pause_id: null, reason: 'external', paused_at: time(42), external_pause_count: 1, status: 'stopped' },
        },
        {
          type: 'WorkerResumed',
          data: { resume_id: null, reason: 'external', resumed_at: time(42), external_resume_count: 1, status },
        },
      )
      .thenState({
        status,
        power: { kind: 'up' },
        last_resumed_at: at(42),
        was_auto_paused: false,
        auto_pause_count: 0,
        manual_pause_count: 0,
      });
  });

  it('again about that restart changes nothing, whatever was known before', () => {
    const first = given(registered()).when(observe('running', 0, 42, at(40)));
    given(registered(), ...first.events)
      .when(observe('running', 2, 47, at(40)))
      .thenNothing();
  });

  it.each([
    ['before the registration', [registered()], at(-500)],
    ['within the tolerance after it', [registered()], at(0) + LAUNCH_TOLERANCE],
    ['never', [registered()], null],
    [
      'for our own resume',
      [registered(), paused(), resumeRequested(), resumed(30, { status: 'running' })],
      at(30) + 2_000,
    ],
    ['in a future that only a wrong clock can tell', [registered()], at(61)],
  ])('of an instance launched %s tells of no restart', (_, history, launchTime) => {
    given(...history)
      .when((state) =>
        observeStatus(
          state,
          {
            status: 'running',
            launchTime,
            powerChanges: state.kind === 'registered' ? state.power_changes : 0,
            at: at(60),
          },
          SETTINGS,
        ),
      )
      .thenNothing();
  });

  it('to the first stop, that it was down already, is an external pause instead of ours', () => {
    given(registered(), active(1), pauseRequested())
      .when((state) => foundDown(state, pauseRequested().data, 'stopped', at(3), SETTINGS))
      .thenEvents(
        { type: 'WorkerPauseAbandoned', data: { reason: 'already_down' } },
        { type: 'WorkerPaused', data: { pause_id: null, reason: 'external', external_pause_count: 1 } },
      )
      .thenState({ status: 'stopped', power: { kind: 'down' }, manual_pause_count: 0, auto_pause_count: 0 });
  });

  it('to the first stop, that it was down already, keeps the resume that was asked for meanwhile', () => {
    given(registered(), pauseRequested(), resumeRequested())
      .when((state) => foundDown(state, pauseRequested().data, 'stopped', at(3), SETTINGS))
      .thenEvents(
        { type: 'WorkerPauseAbandoned' },
        { type: 'WorkerPaused', data: { reason: 'external' } },
        { type: 'WorkerResumeRequested', data: resumeRequested().data },
      )
      .thenState({ power: { kind: 'resuming' } });
  });

  it('to the first start, that it was up already, is an external resume instead of ours', () => {
    given(registered(), paused(), resumeRequested())
      .when((state) => foundUp(state, resumeRequested().data, 'running', at(3), SETTINGS))
      .thenEvents(
        { type: 'WorkerResumeAbandoned', data: { reason: 'already_up' } },
        { type: 'WorkerResumed', data: { resume_id: null, reason: 'external', external_resume_count: 1 } },
      )
      .thenState({ status: 'running', power: { kind: 'up' }, manual_resume_count: 0 });
  });

  it('about an intent that is gone by now changes nothing', () => {
    given(registered(), pauseRequested(), paused())
      .when((state) => foundDown(state, pauseRequested().data, 'stopped', at(3), SETTINGS))
      .thenNothing();
    given(registered())
      .when((state) => foundUp(state, resumeRequested().data, 'running', at(3), SETTINGS))
      .thenNothing();
  });

  it('that is known already changes nothing', () => {
    given(registered()).when(observe('running', 0)).thenNothing();
  });

  it('of an instance that is gone ends its power for good', () => {
    given(registered())
      .when(observe('terminated', 0))
      .thenEvents({ type: 'WorkerStatusChanged', data: { status: 'terminated' } })
      .thenState({ power: { kind: 'down' } });
  });

  it('of a worker that is not registered says nothing', () => {
    given(registered(), deregistered()).when(observe('stopped', 0)).thenNothing();
  });

  it.each(WORKER_STATUSES.filter((status) => status !== 'unknown'))('%s is one of the states it knows', (status) => {
    expect(workerStatusOf(status)).toBe(status);
  });

  it.each(['', 'Running', 'hibernating', undefined])('%j is unknown, never pending', (state) => {
    expect(workerStatusOf(state)).toBe('unknown');
  });
});
