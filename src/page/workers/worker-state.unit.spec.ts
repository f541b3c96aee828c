import { describe, expect, it } from '@jest/globals';
import { MINUTE, NOON, time, workerRow } from '../../../test/page/support/worker-row.js';
import { filtered } from './worker-filter.js';
import { autoPauseOf, forecastOrder, forecastText, idleText, offers, pauseForecast } from './worker-state.js';
import { minutesOf } from './timeout-minutes.js';

const at = (minutes: number) => NOON + minutes * MINUTE;
const ERROR = { at: time(1), code: 'telemetry_unavailable', failure: 'http_500', message: 'CML answered 500.' };

describe('What a row says as time passes', () => {
  it('tells how long it has been idle, and nothing of idleness while it does not run', () => {
    expect(idleText(workerRow(), at(59.9))).toBe('Active');
    expect(idleText(workerRow(), at(72))).toBe('Idle (1 h 12 min)');
    expect(idleText(workerRow({ status: 'stopping' }), at(72))).toBe('Paused');
    expect(idleText(workerRow({ status: 'terminated' }), at(72))).toBe('–');
  });

  it('counts down to the pause, then to the check that makes it, then waits for that', () => {
    const row = workerRow({ next_idle_check_at: time(61) });
    const shown = (minutes: number) => forecastText(pauseForecast(row, at(minutes)), at(minutes));
    expect([shown(59), shown(60), shown(60.8), shown(61), shown(70)]).toEqual([
      '1:00',
      'Due at the next check, in 1:00',
      'Due at the next check, in 0:12',
      'Due now',
      'Due now',
    ]);
  });

  it('does not promise a pause that will not come', () => {
    const never = (row: Parameters<typeof workerRow>[0]) => pauseForecast(workerRow(row), at(90));
    expect(never({ auto_pause_enabled: false })).toEqual({ kind: 'never', because: 'auto_pause_disabled' });
    expect(never({ idle_detection_enabled: false })).toEqual({ kind: 'never', because: 'idle_detection_disabled' });
    expect(never({ status: 'stopped', target_pause_at: null })).toEqual({ kind: 'never', because: 'not_running' });
    expect(never({ last_check_error: ERROR })).toEqual({ kind: 'held_back' });
    expect(pauseForecast(workerRow({ last_check_error: ERROR }), at(59)).kind).toBe('counting');
  });

  it('sorts by when the pause comes: due, counting, held back, never', () => {
    const rows = [
      workerRow({ name: 'never', auto_pause_enabled: false }),
      workerRow({ name: 'later', target_pause_at: time(200) }),
      workerRow({ name: 'held', last_check_error: ERROR }),
      workerRow({ name: 'sooner', target_pause_at: time(100) }),
      workerRow({ name: 'due' }),
    ];
    const sorted = rows.toSorted((a, b) => forecastOrder(a, at(90)) - forecastOrder(b, at(90)) || 0);
    expect(sorted.map(({ name }) => name)).toEqual(['due', 'sooner', 'later', 'held', 'never']);
  });

  it('offers what makes sense, and tells who switched auto-pause off', () => {
    expect(offers('running')).toEqual({ pause: true, resume: false });
    expect(offers('stopping')).toEqual({ pause: false, resume: true });
    expect(offers('terminated')).toEqual({ pause: false, resume: false });
    expect(autoPauseOf(workerRow())).toBe('on');
    expect(autoPauseOf(workerRow({ idle_detection_enabled: false }))).toBe('off');
    expect(autoPauseOf(workerRow({ auto_pause_enabled: false }))).toBe('off_everywhere');
  });
});

describe('The filter', () => {
  const rows = [
    workerRow({ name: 'Alpha', aws_region: 'eu-west-1' }),
    workerRow({ name: 'beta', status: 'stopped' }),
    workerRow({ name: 'gamma', idle_since: time(-120) }),
  ];
  const names = (filter: Parameters<typeof filtered>[1]) => filtered(rows, filter, at(0)).map(({ name }) => name);

  it('finds every word somewhere, whatever its case', () => {
    expect(names({ text: '', status: '', idle: '' })).toEqual(['Alpha', 'beta', 'gamma']);
    expect(names({ text: ' EU  alp', status: '', idle: '' })).toEqual(['Alpha']);
    expect(names({ text: 'i-0123', status: '', idle: '' })).toHaveLength(3);
    expect(names({ text: 'alpha beta', status: '', idle: '' })).toEqual([]);
  });

  it('goes by the status and by the idle state of now', () => {
    expect(names({ text: '', status: 'stopped', idle: '' })).toEqual(['beta']);
    expect(names({ text: '', status: '', idle: 'idle' })).toEqual(['gamma']);
    expect(names({ text: '', status: '', idle: 'paused' })).toEqual(['beta']);
  });
});

describe('A typed timeout', () => {
  it('is a number of minutes that the service takes, with a comma or a point', () => {
    expect(['90', ' 0.25 ', '1,5', '525600'].map(minutesOf)).toEqual([90, 0.25, 1.5, 525_600]);
    expect(['', ' ', '0', '-1', 'ten', '525601', 'Infinity', '1 000'].map(minutesOf)).toEqual(Array(8).fill(null));
  });
});
