import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { idleStateOf, pauseForecast } from '../../src/page/workers/worker-state.js';
import { decideIdle } from '../../src/workers/domain/idle-policy.js';
import { MINUTE, NOON, workerRow } from './support/worker-row.js';

/** Milliseconds since noon, and a worker's times: it was registered at noon, and maybe resumed and used after that. */
const situations = fc.record({
  now: fc.integer({ min: 0, max: 240 * MINUTE }),
  timeout: fc.integer({ min: 1, max: 90 }),
  snooze: fc.integer({ min: 0, max: 90 }),
  resumed: fc.option(fc.integer({ min: 0, max: 120 * MINUTE })),
  used: fc.option(fc.integer({ min: 0, max: 120 * MINUTE })),
});

describe('Between two looks at the service', () => {
  it('the page tells what the service would: idle from exactly the timeout on, due from exactly the target on', () => {
    fc.assert(
      fc.property(situations, ({ now, timeout, snooze, resumed, used }) => {
        const facts = {
          registered_at: NOON,
          last_activity_at: used === null ? null : NOON + used,
          last_resumed_at: resumed === null ? null : NOON + resumed,
          idle_timeout_minutes: timeout,
        };
        const decided = decideIdle(NOON + now, facts, false, { idleTimeoutMinutes: 60, snoozeMinutes: snooze });
        const row = workerRow({
          idle_since: new Date(decided.idle_since).toISOString(),
          idle_threshold_minutes: timeout,
          target_pause_at: new Date(decided.target_pause_at).toISOString(),
        });
        expect(idleStateOf(row, NOON + now)).toBe(decided.is_idle ? 'idle' : 'active');
        expect(pauseForecast(row, NOON + now).kind).toBe(
          decided.reason === 'idle_timeout_exceeded' ? 'due' : 'counting',
        );
      }),
    );
  });
});
