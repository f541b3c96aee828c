import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseTelemetryTimestamp } from './telemetry-timestamp.js';

const iso = (text: string): string => new Date(parseTelemetryTimestamp(text)).toISOString();

describe('a telemetry timestamp', () => {
  it.each([
    ['2025-11-19T21:11:59Z', '2025-11-19T21:11:59.000Z'],
    ['2025-11-19T21:11:59z', '2025-11-19T21:11:59.000Z'],
    ['2025-11-19 21:11:59', '2025-11-19T21:11:59.000Z'],
    ['2025-11-19T21:11:59.5', '2025-11-19T21:11:59.500Z'],
    ['2025-11-19T21:11:59.123456+00:00', '2025-11-19T21:11:59.123Z'],
    ['2025-11-19T21:11:59.999999999Z', '2025-11-19T21:11:59.999Z'],
    ['2025-11-19T23:11:59+02:00', '2025-11-19T21:11:59.000Z'],
    ['2025-11-19T15:41:59.25-0530', '2025-11-19T21:11:59.250Z'],
    ['2025-11-20T00:11:59+03', '2025-11-19T21:11:59.000Z'],
    ['2024-02-29T00:00:00', '2024-02-29T00:00:00.000Z'],
    ['2000-02-29T00:00:00', '2000-02-29T00:00:00.000Z'],
    ['1969-12-31T23:59:59.999', '1969-12-31T23:59:59.999Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('reads %s', (text, expected) => {
    expect(iso(text)).toBe(expected);
  });

  it.each([
    '',
    '2025-11-19',
    '2025-11-19T21:11',
    '2025-13-01T00:00:00Z',
    '2025-00-01T00:00:00Z',
    '2025-04-31T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2025-11-00T00:00:00Z',
    '2025-11-19T24:00:00Z',
    '2025-11-19T21:60:00Z',
    '2025-11-19T23:59:60Z',
    '2025-11-19T21:11:59.Z',
    '2025-11-19T21:11:59.1234567890Z',
    '2025-11-19T21:11:59Z ',
    '2025-11-19T21:11:59ZZ',
    '2025-11-19T21:11:59+24:00',
    '2025-11-19T21:11:59+02:60',
    '2025-11-19T21:11:59+2:00',
    '2025-11-19T21:11:59+02:0',
    '2025-11-19T21:11:59+',
    '2025-11-19T21:11:59 UTC',
    '2025/11/19T21:11:59Z',
    '2025-11-19X21:11:59Z',
    '20２5-11-19T21:11:59Z',
    '0000-12-31T00:00:00Z',
    '0001-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59-01:00',
    'yesterday afternoon at tea',
  ])('refuses %p', (text) => {
    expect(parseTelemetryTimestamp(text)).toBeNaN();
  });

  it('is the instant that it was made from, for any instant, offset and number of digits', () => {
    const instant = fc.date({
      min: new Date('0001-01-02T00:00:00Z'),
      max: new Date('9999-12-30T00:00:00Z'),
      noInvalidDate: true,
    });
    const offset = fc.integer({ min: -1439, max: 1439 });
    fc.assert(
      fc.property(instant, offset, fc.integer({ min: 0, max: 6 }), (date, minutes, moreDigits) => {
        const local = new Date(date.getTime() + minutes * 60_000).toISOString().slice(0, -1) + '9'.repeat(moreDigits);
        const size = Math.abs(minutes);
        const zone = `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
        expect(parseTelemetryTimestamp(local + zone)).toBe(date.getTime());
      }),
    );
  });

  it.each(['America/Los_Angeles', 'Asia/Kathmandu', 'Pacific/Kiritimati'])(
    'means UTC without a zone, also on a host in %s',
    (zone) => {
      const text = '2025-07-01T12:00:00';
      const source = new URL('./telemetry-timestamp.ts', import.meta.url).href;
      const program = `import { parseTelemetryTimestamp as parse } from '${source}';
        console.log(JSON.stringify({ ours: parse('${text}'), hosts: new Date('${text}').getTime() }));`;
      const child = ['--no-warnings', '--input-type=module', '--eval', program];
      const env = { TZ: zone };
      const said = JSON.parse(execFileSync(process.execPath, child, { env, encoding: 'utf8' })) as Record<
        string,
        number
      >;
      const meant = Date.UTC(2025, 6, 1, 12);
      expect(said['ours']).toBe(meant);
      expect(said['hosts']).not.toBe(meant);
    },
  );

  it('never throws, and answers an instant in four-digit years or NaN', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0123456789-:.TZ+ ') })), (text) => {
        const at = parseTelemetryTimestamp(text);
        if (!Number.isNaN(at)) expect(new Date(at).toISOString()).toHaveLength(24);
      }),
    );
  });
});

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
