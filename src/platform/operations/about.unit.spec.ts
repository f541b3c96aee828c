import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '../clock.js';
import { PlatformSettings } from '../config/platform-settings.js';
import { loadSettings } from '../config/settings.js';
import type { EventStore } from '../event-store/event-store.port.js';
import { SoloLeases } from '../leases/solo-leases.js';
import type { ReadModelStore } from '../read-models/read-model-store.port.js';
import { VERSION } from '../version.js';
import { About } from './about.js';

const NOON = Date.parse('2026-03-04T12:00:00.000Z');

function about(environment: NodeJS.ProcessEnv = {}) {
  const clock = new ManualClock(NOON);
  const settings = loadSettings(PlatformSettings, environment);
  // Of the stores only their kinds are asked for.
  const store = { kind: 'embedded' };
  const made = new About(clock, settings, store as EventStore, store as ReadModelStore, new SoloLeases());
  return { made, clock };
}

describe('What the service says of itself', () => {
  it('is what it is, since when, and by which clock', () => {
    const { made, clock } = about();
    clock.advance(5_000);
    expect(made.service()).toEqual({
      name: 'dormouse',
      version: VERSION,
      notice: null,
      instance: null,
      event_store: 'embedded',
      read_models: 'embedded',
      started_at: NOON,
      now: NOON + 5_000,
      settings: {},
    });
  });

  it('is the version of the package', async () => {
    const text = await readFile(join(import.meta.dirname, '../../../package.json'), 'utf8');
    expect((JSON.parse(text) as { version: string }).version).toBe(VERSION);
  });

  it('has the settings that contexts tell of, each name once', () => {
    const { made } = about();
    made.tell({ idle_timeout_minutes: 60 });
    made.tell({ auto_pause_enabled: true });
    expect(made.service().settings).toEqual({ idle_timeout_minutes: 60, auto_pause_enabled: true });
    expect(() => made.tell({ idle_timeout_minutes: 5 })).toThrow('idle_timeout_minutes');
  });

  it('has the notice that the environment gives', () => {
    expect(about({ SERVICE_NOTICE: 'Simulated lab: all invented.' }).made.service().notice).toBe(
      'Simulated lab: all invented.',
    );
  });

  it.each(['x'.repeat(201), 'two\nlines', 'bell\u0007', 'left\u202eright'])('has no notice such as %j', (notice) => {
    expect(() => about({ SERVICE_NOTICE: notice })).toThrow('one line of at most 200 characters is accepted');
  });
});
