import { describe, expect, it } from '@jest/globals';
import { observeStatus } from './cml-worker.decisions.js';
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
  (status: WorkerStatus, powerChanges: number, minutes = 3) =>
  (state: CMLWorkerState) =>
    observeStatus(state, { status, powerChanges, at: at(minutes) }, SETTINGS);

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
