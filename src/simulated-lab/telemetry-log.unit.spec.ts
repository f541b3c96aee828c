import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SeededRandom } from './seeded-random.js';
import { TelemetryLog, cmlTimestamp } from './telemetry-log.js';

describe('The telemetry of a simulated CML server', () => {
  it('writes times without a zone, with 0 to 9 fraction digits, none of them later than the instant they stand for', () => {
    const instant = fc.integer({ min: 0, max: Date.parse('2099-01-01T00:00:00Z') });
    fc.assert(
      fc.property(instant, fc.string(), (at, seed) => {
        const written = cmlTimestamp(at, new SeededRandom(seed));
        expect(written).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?$/);
        const asMilliseconds = Date.parse(`${written.slice(0, 23)}Z`);
        expect(asMilliseconds).toBeLessThanOrEqual(at);
        expect(at - asMilliseconds).toBeLessThan(1000);
      }),
    );
  });

  it('uses every number of fraction digits', () => {
    const random = new SeededRandom('digits');
    const lengths = Array.from({ length: 1000 }, () => cmlTimestamp(0, random).split('.')[1]?.length ?? 0);
    expect([...new Set(lengths)].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('loses nothing when it mixes up its order', () => {
    const log = new TelemetryLog(new SeededRandom('order'));
    for (let n = 0; n < 50; n++) log.add(n * 1000, 'system_stats', { n });
    const before = [...log.all()];
    log.shuffle();
    expect(log.all()).not.toEqual(before);
    expect(new Set(log.all())).toEqual(new Set(before));
  });

  it('forgets the oldest events, not the newest, when there are too many', () => {
    const log = new TelemetryLog(new SeededRandom('many'));
    for (let n = 0; n < 5003; n++) log.add(n * 1000, 'system_stats', { n });
    expect(log.all()).toHaveLength(5000);
    expect(log.all()[0]?.data).toEqual({ n: 3 });
  });
});
