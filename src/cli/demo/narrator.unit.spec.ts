import { beforeEach, describe, expect, it } from '@jest/globals';
import type { PauseEvidence, RecordedIdleDecision } from '../../workers/domain/cml-worker.events.js';
import type { TimedEvent } from './narrator.js';
import { Narrator } from './narrator.js';

const DECISION: RecordedIdleDecision = {
  reason: 'not_idle_yet',
  idle_since: '2026-03-04T12:00:00.000Z',
  idle_since_source: 'registered_at',
  idle_duration_minutes: 0.1,
  idle_threshold_minutes: 0.25,
  idle_threshold_source: 'setting',
  target_pause_at: '2026-03-04T12:00:15.000Z',
  snooze_until: null,
  not_acted_because: null,
};

const EVIDENCE: PauseEvidence = {
  last_activity_at: '2026-03-04T10:00:00.000Z',
  last_activity_event: { timestamp: '2026-03-04T10:00:00.000Z', category: 'start_node' },
  idle_since: '2026-03-04T12:00:00.000Z',
  idle_since_source: 'registered_at',
  idle_threshold_minutes: 0.25,
  idle_threshold_source: 'setting',
  checked_at: '2026-03-04T12:00:16.000Z',
};

function checked(decision: Partial<RecordedIdleDecision>, activityAt?: string): TimedEvent {
  const at = '2026-03-04T12:00:07.000Z';
  return {
    type: 'WorkerActivityUpdated',
    at,
    data: {
      checked_at: at,
      last_activity_at: null,
      new_activity_count: 0,
      recent_activity_events:
        activityAt === undefined ? [] : [{ timestamp: activityAt, category: 'start_node', data: {} }],
      next_idle_check_at: at,
      target_pause_at: null,
      telemetry_event_count: 312,
      telemetry_malformed_count: 0,
      telemetry_memory: { watermark: null, since: null, seen: [] },
      decision: { ...DECISION, ...decision },
    },
  };
}

function paused(reason: 'idle_timeout' | 'manual' | 'external', paused_by: string): TimedEvent {
  const at = '2026-03-04T12:00:17.000Z';
  return {
    type: 'WorkerPaused',
    at,
    data: {
      pause_id: null,
      reason,
      paused_by,
      paused_at: at,
      idle_duration_minutes: reason === 'idle_timeout' ? 0.3 : null,
      auto_pause_count: 1,
      manual_pause_count: 0,
      external_pause_count: 0,
      status: 'stopping',
      evidence: EVIDENCE,
    },
  };
}

describe('What the demo tells', () => {
  let narrator: Narrator;

  beforeEach(() => {
    narrator = new Narrator(30_000);
  });

  it('tells a decision once, and again when it has become another one', () => {
    expect(narrator.event('lab-a', checked({}))?.text).toBe(
      'not idle yet, will be paused at 12:00:15 (in 8 s) unless somebody uses it',
    );
    expect(narrator.event('lab-a', checked({}))).toBeNull();
    expect(narrator.event('lab-b', checked({}))).not.toBeNull();
    expect(narrator.event('lab-a', checked({ reason: 'idle_timeout_exceeded' }))?.text).toContain('a pause is due');
  });

  it('tells old activity that is new to the service from present use', () => {
    const now = narrator.event('lab-a', checked({ reason: 'recent_activity' }, '2026-03-04T12:00:05.000Z'));
    const old = narrator.event('lab-b', checked({ reason: 'recent_activity' }, '2026-03-04T10:00:07.000Z'));
    expect(now?.text).toBe('in use: start_node at 12:00:05');
    expect(old?.text).toBe('new to us: start_node 2 h ago; a check that finds something new never pauses');
  });

  it('tells an auto-pause with its reason and the whole evidence', () => {
    narrator.event('lab-a', checked({}));
    const told = narrator.event('lab-a', paused('idle_timeout', 'system'));
    expect(told?.tone).toBe('auto_pause');
    expect(told?.text).toBe('PAUSED by system: idle_timeout');
    const evidence = told?.more?.join('\n');
    expect(evidence).toContain('idle for 18 s; the timeout is 15 s (WORKER_IDLE_TIMEOUT_MINUTES)');
    expect(evidence).toContain('last activity: 2026-03-04T10:00:00.000Z (start_node in its telemetry)');
    expect(evidence).toContain('idle since 12:00:00 (registered_at), telemetry checked at 12:00:16, 312 events read');
  });

  it('takes a pause by a person or from outside for no auto-pause', () => {
    expect(narrator.event('lab-a', paused('manual', 'ada'))).toMatchObject({ tone: 'pause', text: 'PAUSED by ada' });
    expect(narrator.event('lab-a', paused('external', 'external'))).toMatchObject({ tone: 'pause' });
  });

  it('tells the same decision anew after a pause', () => {
    narrator.event('lab-a', checked({}));
    narrator.event('lab-a', paused('manual', 'ada'));
    expect(narrator.event('lab-a', checked({}))).not.toBeNull();
  });

  it('tells each kind of telemetry failure once for a worker', () => {
    const failure = { at: '2026-03-04T12:00:00.000Z', code: 'telemetry_unavailable', message: 'HTTP 500' };
    expect(narrator.checkFailed('lab-a', { ...failure, failure: 'http_status' })?.text).toContain(
      'a doubt never pauses',
    );
    expect(narrator.checkFailed('lab-a', { ...failure, failure: 'http_status' })).toBeNull();
    expect(narrator.checkFailed('lab-a', { ...failure, failure: 'not_json' })).not.toBeNull();
    expect(narrator.checkFailed('lab-b', { ...failure, failure: 'http_status' })).not.toBeNull();
  });

  it('tells what users do now and then, that they leave and what happens in the console always', () => {
    const at = (second: number): string => new Date(Date.UTC(2026, 2, 4, 12, 0, second)).toISOString();
    const user = { kind: 'user', worker: 'lab-a' } as const;
    expect(narrator.lab({ ...user, at: at(0), text: 'ada starts node r1' })).not.toBeNull();
    expect(narrator.lab({ ...user, at: at(4), text: 'ada stops node r1' })).toBeNull();
    expect(narrator.lab({ ...user, at: at(5), text: 'ada leaves and forgets to stop it' })).not.toBeNull();
    expect(narrator.lab({ ...user, at: at(40), text: 'ada starts node r1' })).not.toBeNull();
    expect(narrator.lab({ ...user, kind: 'console', at: at(41), text: 'somebody stops it' })).not.toBeNull();
    expect(narrator.lab({ ...user, kind: 'instance', at: at(42), text: 'running -> stopping' })).toBeNull();
  });
});
