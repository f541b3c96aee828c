import { describe, expect, it } from '@jest/globals';
import type { PowerCall } from './ec2-log.js';
import type { WorkerRecord } from './invariants.js';
import {
  autoPausesAreFresh,
  factsAgreeWithEc2,
  historyIsWhole,
  powerMakesSense,
  projectionIsItsFold,
} from './invariants.js';
import { Ledger } from './ledger.js';
import type { StoredEvent } from './service-api.js';

const STREAM = 'cmlWorker-1';
const NOON = Date.parse('2026-03-04T12:00:00Z');

/** A worker's events, one second apart from noon on. */
function stream(...events: readonly (readonly [type: string, data?: Record<string, unknown>])[]): StoredEvent[] {
  return events.map(([type, data = {}], index) => ({
    id: `id-${index}`,
    stream: STREAM,
    revision: index,
    position: index + 1,
    type,
    recorded_at: new Date(NOON + index * 1000).toISOString(),
    data,
  }));
}

function call(
  action: PowerCall['action'],
  second: number,
  previous = action === 'StopInstances' ? 'running' : 'stopped',
): PowerCall {
  const states = { previous, current: action === 'StopInstances' ? 'stopping' : 'pending' };
  return {
    action,
    instanceId: 'i-1',
    signedBy: null,
    arrivedAt: at(second),
    doneAt: at(second),
    states,
    refusedWith: null,
  };
}

const at = (second: number): number => NOON + second * 1000;

const REGISTERED = ['WorkerRegistered', { status: 'running' }] as const;
const asked = (id: string) =>
  ['WorkerPauseRequested', { pause_id: id, reason: 'manual', requested_by: 'ann' }] as const;
const paused = (id: string, count: number, reason = 'manual') =>
  [
    'WorkerPaused',
    {
      pause_id: id,
      reason,
      paused_by: 'ann',
      auto_pause_count: 0,
      manual_pause_count: count,
      external_pause_count: 0,
    },
  ] as const;

function record(events: StoredEvent[], calls: PowerCall[] = [], ec2State = 'stopped'): WorkerRecord {
  return { name: 'worker', events, calls, ec2State };
}

describe('What the crash test checks', () => {
  const good = stream(REGISTERED, asked('p1'), paused('p1', 1));

  it('a pause with one stop between its intent and its event is as it should be', () => {
    const whole = record(good, [call('StopInstances', 1.5)]);
    expect(factsAgreeWithEc2(whole, true)).toEqual([]);
    expect(powerMakesSense(whole, true)).toEqual([]);
    expect(historyIsWhole(good)).toEqual([]);
  });

  it('a stop without its event is found once everything is settled', () => {
    const lost = record(good.slice(0, 2), [call('StopInstances', 1.5)]);
    expect(factsAgreeWithEc2(lost, false)).toEqual([]);
    expect(factsAgreeWithEc2(lost, true)).toEqual([
      expect.stringContaining('StopInstances of 2026-03-04T12:00:01.500Z at EC2 has no event'),
      expect.stringContaining('up by its events, and stopped by EC2'),
    ]);
  });

  it('a WorkerPaused that EC2 knows nothing of is found at once', () => {
    expect(factsAgreeWithEc2(record(good), false)).toEqual([expect.stringContaining('has no counterpart at EC2')]);
  });

  it('a WorkerPaused for a stop of another time is found', () => {
    expect(factsAgreeWithEc2(record(good, [call('StopInstances', 0.5)]), false)).toEqual([
      expect.stringContaining('was not recorded around'),
    ]);
  });

  it('a WorkerPaused where EC2 started the instance is found', () => {
    expect(factsAgreeWithEc2(record(good, [call('StartInstances', 1.5)]), false)).toEqual([
      expect.stringContaining('stands where EC2 did StartInstances'),
    ]);
  });

  it('a second stop of an instance that was stopped already is found', () => {
    const calls = [call('StopInstances', 1.5), call('StopInstances', 1.6, 'stopping')];
    expect(factsAgreeWithEc2(record(good, calls), true)).toEqual([
      expect.stringContaining('was sent to an instance that was stopping already'),
    ]);
  });

  it('two WorkerPaused for one stop are found', () => {
    const twice = stream(REGISTERED, asked('p1'), paused('p1', 1), paused('p1', 2));
    expect(powerMakesSense(record(twice), false)).toEqual([
      expect.stringContaining('without an open intent of that id and reason'),
    ]);
  });

  it('our own stop taken for an external one is found', () => {
    const external = stream(REGISTERED, asked('p1'), paused('p1', 0, 'external'));
    expect(powerMakesSense(record(external), false)).toEqual([expect.stringContaining('paused (external)')]);
  });

  it('an auto-pause carried out for the intent of an earlier process is found', () => {
    const auto = stream(
      REGISTERED,
      ['WorkerPauseRequested', { pause_id: 'p1', reason: 'idle_timeout' }],
      paused('p1', 0, 'idle_timeout'),
    );
    const stopped = record(auto, [call('StopInstances', 1.5)]);
    expect(autoPausesAreFresh(stopped, [at(0), at(1.2)])).toEqual([
      expect.stringContaining('was stopped for the intent of an earlier process'),
    ]);
    // The stop was carried out before the restart, and only its event was still missing.
    expect(autoPausesAreFresh(stopped, [at(0), at(1.7)])).toEqual([]);
  });

  it('a pause counted twice is found', () => {
    const counted = stream(REGISTERED, asked('p1'), paused('p1', 2));
    expect(powerMakesSense(record(counted), false)).toEqual([
      expect.stringContaining('manual_pause_count is 2 instead of 1'),
    ]);
  });

  it('an intent that nobody finished or abandoned is found once everything is settled', () => {
    const orphan = record(stream(REGISTERED, asked('p1')));
    expect(powerMakesSense(orphan, false)).toEqual([]);
    expect(powerMakesSense(orphan, true)).toEqual([expect.stringContaining('neither finished nor abandoned')]);
  });

  it('a missing revision and an id that is there twice are found', () => {
    const [first, second, third] = good as [StoredEvent, StoredEvent, StoredEvent];
    expect(historyIsWhole([first, third])).toEqual([expect.stringContaining('should have revision 1')]);
    expect(historyIsWhole([first, second, { ...third, id: first.id }])).toEqual([
      expect.stringContaining('is there twice'),
    ]);
  });

  it('a projection that differs from its fold is found', () => {
    expect(projectionIsItsFold('workers', { equal: false, documents: 2, differences: [{ id: 'a' }] })).toEqual([
      expect.stringContaining('projection workers differs from a fold of all events in 1 documents: a'),
    ]);
    expect(projectionIsItsFold('workers', { equal: true, documents: 2, differences: [] })).toEqual([]);
  });
});

describe('The ledger of what clients were told', () => {
  function acknowledged(position: number): Ledger {
    const ledger = new Ledger();
    const command = ledger.open('pause', 'ann', STREAM);
    command.attempts = 1;
    command.acknowledged = { position, later: false };
    return ledger;
  }

  const good = stream(REGISTERED, asked('p1'), paused('p1', 1));

  it('an acknowledged command whose events are there is as it should be', () => {
    expect(acknowledged(3).check(good, true)).toEqual([]);
  });

  it('an acknowledged command whose event is missing is found', () => {
    expect(acknowledged(2).check(good.slice(0, 2), false)).toEqual([
      'pause by ann in cmlWorker-1 was acknowledged: 0 WorkerPaused instead of 1',
    ]);
  });

  it('an acknowledged position that the history does not reach is found', () => {
    expect(acknowledged(4).check(good, false)).toEqual([
      'pause by ann in cmlWorker-1 was acknowledged up to position 4, where nothing is',
    ]);
  });

  it('a command that was carried out twice is found, acknowledged or not', () => {
    const twice = stream(REGISTERED, asked('p1'), paused('p1', 1), asked('p2'), paused('p2', 2));
    const ledger = new Ledger();
    ledger.open('pause', 'ann', STREAM);
    expect(ledger.check(twice, false)).toEqual([
      'pause by ann in cmlWorker-1 was sent: 2 WorkerPauseRequested instead of 0 or 1',
      'pause by ann in cmlWorker-1 was sent: 2 WorkerPaused instead of 0 or 1',
    ]);
  });

  it('a pause that has no event is excused by one late resume of the worker, and only where attempts may be late', () => {
    const resumed = stream(REGISTERED, ['WorkerResumeRequested', { resume_id: 'r1', requested_by: 'bob' }]);
    const [strict, patient] = [false, true].map((attemptsMayBeLate) => {
      const ledger = new Ledger(attemptsMayBeLate);
      ledger.open('blind resume', 'bob', STREAM).attempts = 2;
      for (const caller of ['ann', 'eve']) {
        const pause = ledger.open('pause', caller, STREAM);
        pause.acknowledged = { position: null, later: false };
      }
      return ledger.check(resumed, false);
    });
    expect(strict).toHaveLength(4);
    expect(patient).toEqual([
      'pause by eve in cmlWorker-1 was acknowledged: 0 WorkerPauseRequested instead of 1',
      'pause by eve in cmlWorker-1 was acknowledged: 0 WorkerPaused instead of 1',
    ]);
  });
});
