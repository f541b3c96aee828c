import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { amount, duration, fields, minutes, moment, printable, table, timeOfDay } from './text.js';

describe('Text for people', () => {
  it('never hands a control character to the terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
    expect(table(['NAME'], [['\u001b[2Jlab']]).join('\n')).not.toContain('\u001b');
    expect(fields({ name: 'a\r\nb' })[0]).not.toMatch(/[\r\n]/);
  });

  it('leaves ordinary text as it is', () => {
    expect(printable('Büro-Labor 7 (日本)')).toBe('Büro-Labor 7 (日本)');
  });

  it('lines up the columns of a table and leaves no blanks at the ends of its lines', () => {
    expect(
      table(
        ['NAME', 'STATUS'],
        [
          ['lab-7', 'running'],
          ['a', ''],
        ],
      ),
    ).toEqual(['NAME   STATUS', 'lab-7  running', 'a']);
  });

  it('leaves out fields without a value', () => {
    expect(fields({ status: 'running', error: undefined })).toEqual(['  status  running']);
  });

  it.each([
    [0, '0 s'],
    [400, '0 s'],
    [15_000, '15 s'],
    [59_600, '1 min'],
    [150_000, '2 min 30 s'],
    [3_600_000, '1 h'],
    [3_661_000, '1 h 1 min'],
    [3_605_000, '1 h'],
    [90_000_000, '1 d 1 h'],
  ])('says %d ms as %s', (milliseconds, text) => {
    expect(duration(milliseconds)).toBe(text);
  });

  it('says times in UTC, without fractions', () => {
    expect(moment('2026-01-01T10:00:00.123Z')).toBe('2026-01-01 10:00:00Z');
    expect(moment(null)).toBe('-');
    expect(timeOfDay('2026-01-01T10:00:00.123Z')).toBe('10:00:00');
    expect(minutes(0.25)).toBe('15 s');
    expect(amount(1, 'event')).toBe('1 event');
    expect(amount(12_345, 'event')).toBe('12,345 events');
  });
});
