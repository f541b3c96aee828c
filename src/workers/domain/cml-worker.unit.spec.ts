import { describe, it } from '@jest/globals';
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
import type { PauseRequest, Registration } from './cml-worker.decisions.js';
import type { CMLWorkerEvent } from './cml-worker.events.js';
import { CMLWorker } from './cml-worker.js';
import type { CMLWorkerState } from './cml-worker.js';
import { specify } from '../../../test/support/given-when-then.js';
import {
  EVIDENCE,
  SETTINGS,
  WORKER_ID,
  active,
  at,
  checked,
  deregistered,
  pauseRequested,
  paused,
  registered,
  resumeRequested,
  resumed,
  statusChanged,
  time,
} from '../../../test/support/worker-history.js';

const { given } = specify(CMLWorker);

const registration: Registration = {
  workerId: WORKER_ID,
  awsRegion: 'us-east-1',
  awsInstanceId: 'i-0123456789abcdef0',
  name: 'lab',
  cmlEndpoint: null,
  idleTimeoutMinutes: null,
  status: 'running',
  by: 'ada',
  at: at(0),
};

const pause = (overrides: Partial<PauseRequest> = {}) => {
  const request = { pauseId: 'p1', reason: 'manual', by: 'ada', at: at(1), settings: SETTINGS, ...overrides } as const;
  return (state: CMLWorkerState) => requestPause(state, request);
};
const autoPause = (minutes: number, settings = SETTINGS) =>
  pause({ reason: 'idle_timeout', by: 'system', at: at(minutes), settings });
const resume = (state: CMLWorkerState) => requestResume(state, { resumeId: 'r1', by: 'bob', at: at(2) });

describe('Registration', () => {
  it('makes an unknown instance a worker, its detection on', () => {
    given()
      .when((state) => registerWorker(state, registration))
      .thenEvents(registered())
      .thenState({
        kind: 'registered',
        status: 'running',
        is_idle_detection_enabled: true,
        idle_timeout_minutes: null,
        last_activity_at: null,
        auto_pause_count: 0,
        external_resume_count: 0,
      });
  });

  it('of a registered one is refused', () => {
    given(registered())
      .when((state) => registerWorker(state, registration))
      .thenRefused('worker_already_registered');
  });

  it.each(['terminated', 'shutting-down'] as const)('of a %s instance is refused', (status) => {
    given()
      .when((state) => registerWorker(state, { ...registration, status }))
      .thenRefused('worker_terminated');
  });

  it('is possible again after deregistration, with nothing left of the life before', () => {
    given(registered(), active(10), pauseRequested(), paused(), deregistered())
      .when((state) => registerWorker(state, registration))
      .thenState({ kind: 'registered', last_activity_at: null, manual_pause_count: 0, power: { kind: 'up' } });
  });
});

describe('Deregistration', () => {
  it('forgets the worker', () => {
    given(registered())
      .when((state) => deregisterWorker(state, 'ada', at(9)))
      .thenEvents(deregistered())
      .thenState({ kind: 'deregistered' });
  });

  it('of one that is not registered is refused', () => {
    given(registered(), deregistered())
      .when((state) => deregisterWorker(state, 'ada', at(9)))
      .thenRefused('worker_not_found');
  });

  it.each([
    ['pause', [pauseRequested()]],
    ['resume', [paused(), resumeRequested()]],
  ] as const)('waits for a %s that is not settled', (_, events) => {
    given(registered(), ...events)
      .when((state) => deregisterWorker(state, 'ada', at(9)))
      .thenRefused('power_change_pending');
  });
});

describe('The wish to pause', () => {
  it('is recorded as an intent with the evidence, before anything is done', () => {
    given(registered(), active(10))
      .when(pause({ at: at(20) }))
      .thenEvents({
        type: 'WorkerPauseRequested',
        data: {
          pause_id: 'p1',
          reason: 'manual',
          requested_by: 'ada',
          requested_at: time(20),
          idle_duration_minutes: null,
          evidence: {
            last_activity_at: time(10),
            last_activity_event: { timestamp: time(10), category: 'start_lab' },
            idle_since: time(10),
            idle_since_source: 'last_activity_at',
            idle_threshold_minutes: 60,
            idle_threshold_source: 'setting',
            checked_at: time(10),
          },
        },
      })
      .thenState({ power: { kind: 'pausing' }, status: 'running', manual_pause_count: 0 });
  });

  it.each(['stopping', 'stopped'] as const)('for a %s worker changes nothing', (status) => {
    given(registered({ status })).when(pause()).thenNothing();
    given(registered(), pauseRequested(), paused({ status })).when(pause()).thenNothing();
  });

  it('while a pause is under way changes nothing', () => {
    given(registered(), pauseRequested())
      .when(pause({ pauseId: 'p2' }))
      .thenNothing();
  });

  it('behind a resume whose outcome is unknown is refused', () => {
    given(registered(), paused(), resumeRequested()).when(pause()).thenRefused('power_change_pending');
  });

  it.each(['terminated', 'shutting-down'] as const)('for a %s worker is refused', (status) => {
    given(registered(), statusChanged(status)).when(pause()).thenRefused('worker_terminated');
  });

  it('for an unknown worker is refused', () => {
    given().when(pause()).thenRefused('worker_not_found');
    given(registered(), deregistered()).when(pause()).thenRefused('worker_not_found');
  });
});

describe('The wish to pause for idleness', () => {
  it('is recorded from exactly the timeout on, with the idle duration', () => {
    given(registered(), checked(60))
      .when(autoPause(60))
      .thenEvents({ type: 'WorkerPauseRequested', data: { reason: 'idle_timeout', idle_duration_minutes: 60 } });
    given(registered(), checked(59)).when(autoPause(59.99)).thenNothing();
  });

  const off = { is_idle_detection_enabled: false, changed_by: 'ada', changed_at: time(1) };
  it.each<[string, CMLWorkerEvent[]]>([
    ['there was activity since', [active(50)]],
    ['it was resumed since', [paused(), resumed(50, { status: 'running' })]],
    ['its detection was switched off since', [{ type: 'WorkerIdleDetectionToggled', data: off }]],
    ['it is not running any more', [statusChanged('pending')]],
    ['it was paused since', [pauseRequested(), paused()]],
    ['a resume waits', [paused(), resumeRequested()]],
    ['our clock has gone back', [checked(500)]],
  ])('changes nothing when %s', (_, events) => {
    given(registered(), ...events)
      .when(autoPause(90))
      .thenNothing();
  });

  it('changes nothing when auto-pause is off', () => {
    given(registered())
      .when(autoPause(90, { ...SETTINGS, autoPauseEnabled: false }))
      .thenNothing();
  });

  it('follows a policy at once, longer or shorter', () => {
    const policy = (idle_timeout_minutes: number | null): CMLWorkerEvent => ({
      type: 'WorkerPolicyChanged',
      data: { previous_idle_timeout_minutes: null, idle_timeout_minutes, changed_by: 'ada', changed_at: time(1) },
    });
    given(registered(), policy(120)).when(autoPause(90)).thenNothing();
    given(registered(), policy(5))
      .when(autoPause(6))
      .thenEvents({
        type: 'WorkerPauseRequested',
        data: { evidence: { idle_threshold_minutes: 5, idle_threshold_source: 'worker' } },
      });
  });
});

describe('A pause that EC2 has carried out', () => {
  const confirm =
    (intent = pauseRequested().data) =>
    (state: CMLWorkerState) =>
      confirmPause(state, intent, 'stopping', at(4));

  it('manual: moves the manual counter and names the caller', () => {
    given(registered(), pauseRequested())
      .when(confirm())
      .thenEvents(paused({ paused_at: time(4) }))
      .thenState({
        power: { kind: 'down' },
        status: 'stopping',
        manual_pause_count: 1,
        auto_pause_count: 0,
        last_paused_at: at(4),
        paused_by: 'ada',
        pause_reason: 'manual',
        was_auto_paused: false,
        target_pause_at: null,
        next_idle_check_at: null,
      });
  });

  it('auto: moves the auto counter, with the evidence that it was decided on', () => {
    const intent = pauseRequested({ reason: 'idle_timeout', requested_by: 'system', idle_duration_minutes: 61.5 });
    given(registered(), intent)
      .when(confirm(intent.data))
      .thenEvents({
        type: 'WorkerPaused',
        data: {
          reason: 'idle_timeout',
          paused_by: 'system',
          idle_duration_minutes: 61.5,
          auto_pause_count: 1,
          manual_pause_count: 0,
          external_pause_count: 0,
          evidence: EVIDENCE,
        },
      })
      .thenState({ was_auto_paused: true });
  });

  it('is recorded once, however often it is confirmed', () => {
    given(registered(), pauseRequested(), paused()).when(confirm()).thenNothing();
    given(registered(), pauseRequested(), resumeRequested(), paused()).when(confirm()).thenNothing();
  });

  it('is recorded even when its intent was abandoned meanwhile: no stop without its event', () => {
    const abandoned: CMLWorkerEvent = {
      type: 'WorkerPauseAbandoned',
      data: { pause_id: 'p1', reason: 'decided_afresh', detail: null, abandoned_at: time(3) },
    };
    given(registered(), pauseRequested(), abandoned)
      .when(confirm())
      .thenEvents({ type: 'WorkerPaused', data: { manual_pause_count: 1 } });
  });

  it('leads on to the resume that was asked for meanwhile', () => {
    given(registered(), pauseRequested(), resumeRequested())
      .when(confirm())
      .thenState({ power: { kind: 'resuming', resume: { resume_id: 'r1' } }, manual_pause_count: 1 });
  });
});

describe('A pause that is given up', () => {
  const abandon = (id: string) => (state: CMLWorkerState) => abandonPause(state, id, 'recent_activity', null, at(4));

  it('leaves the worker up and the counters as they were', () => {
    given(registered(), pauseRequested())
      .when(abandon('p1'))
      .thenEvents({ type: 'WorkerPauseAbandoned', data: { pause_id: 'p1', reason: 'recent_activity' } })
      .thenState({ power: { kind: 'up' }, manual_pause_count: 0, last_paused_at: null });
  });

  it('must be the one that is under way', () => {
    given(registered(), pauseRequested()).when(abandon('p0')).thenNothing();
    given(registered(), pauseRequested(), paused()).when(abandon('p1')).thenNothing();
    given(registered()).when(abandon('p1')).thenNothing();
  });
});

describe('The wish to resume', () => {
  it('is recorded as an intent for a worker that is down', () => {
    given(registered(), paused())
      .when(resume)
      .thenEvents(resumeRequested())
      .thenState({ power: { kind: 'resuming' }, manual_resume_count: 0 });
  });

  it('is recorded while a pause is under way, and noticed by it', () => {
    given(registered(), pauseRequested())
      .when(resume)
      .thenEvents(resumeRequested())
      .thenState({ power: { kind: 'pausing', resume: { resume_id: 'r1' } } });
  });

  it.each<[string, CMLWorkerEvent[]]>([
    ['runs', []],
    ['is resuming', [paused(), resumeRequested()]],
    ['is pausing with a resume waiting', [pauseRequested(), resumeRequested()]],
    ['is starting', [paused(), resumed(2)]],
  ])('changes nothing when the worker %s', (_, events) => {
    given(registered(), ...events)
      .when(resume)
      .thenNothing();
  });

  it('for a terminated or an unknown worker is refused', () => {
    given(registered(), statusChanged('terminated')).when(resume).thenRefused('worker_terminated');
    given().when(resume).thenRefused('worker_not_found');
  });
});

describe('A resume that EC2 has carried out', () => {
  const confirm = (state: CMLWorkerState) => confirmResume(state, resumeRequested().data, 'pending', at(5));

  it('moves the manual counter, names the caller, and begins the snooze without a target', () => {
    const auto = paused({ reason: 'idle_timeout', auto_pause_count: 1, manual_pause_count: 0 });
    given(registered(), active(10), auto, resumeRequested())
      .when(confirm)
      .thenEvents(resumed(5, { was_auto_paused: true }))
      .thenState({
        power: { kind: 'up' },
        last_resumed_at: at(5),
        resumed_by: 'bob',
        resume_reason: 'manual',
        manual_resume_count: 1,
        target_pause_at: null,
        next_idle_check_at: null,
        last_activity_at: at(10),
      });
  });

  it('is recorded once', () => {
    given(registered(), paused(), resumeRequested(), resumed(5)).when(confirm).thenNothing();
  });

  it('is nothing any more once the instance has been terminated', () => {
    given(registered(), paused(), resumeRequested(), resumed(5), statusChanged('terminated'))
      .when(confirm)
      .thenNothing();
  });

  it('or given up leaves the worker down', () => {
    const abandon = (id: string) => (state: CMLWorkerState) => abandonResume(state, id, 'ec2_refused', 'Full', at(5));
    given(registered(), paused(), resumeRequested())
      .when(abandon('r1'))
      .thenEvents({ type: 'WorkerResumeAbandoned', data: { resume_id: 'r1', reason: 'ec2_refused', detail: 'Full' } })
      .thenState({ power: { kind: 'down' }, manual_resume_count: 0 });
    given(registered(), paused(), resumeRequested()).when(abandon('r0')).thenNothing();
  });
});

describe('The switch and the policy', () => {
  const toggle = (enabled: boolean) => (state: CMLWorkerState) => toggleIdleDetection(state, enabled, 'ada', at(1));
  const policy = (minutes: number | null) => (state: CMLWorkerState) => changePolicy(state, minutes, 'ada', at(1));

  it('write one event for a real change, none for its repetition', () => {
    const off = given(registered()).when(toggle(false));
    off.thenEvents({ type: 'WorkerIdleDetectionToggled', data: { is_idle_detection_enabled: false } });
    given(registered(), ...off.events)
      .when(toggle(false))
      .thenNothing();
    given(registered()).when(toggle(true)).thenNothing();

    const own = given(registered()).when(policy(5));
    own.thenEvents({
      type: 'WorkerPolicyChanged',
      data: { previous_idle_timeout_minutes: null, idle_timeout_minutes: 5 },
    });
    given(registered(), ...own.events)
      .when(policy(5))
      .thenNothing();
    given(registered(), ...own.events)
      .when(policy(null))
      .thenState({ idle_timeout_minutes: null });
  });

  it('are refused for a worker that is not registered', () => {
    given().when(toggle(true)).thenRefused('worker_not_found');
    given(registered(), deregistered()).when(policy(5)).thenRefused('worker_not_found');
  });
});
