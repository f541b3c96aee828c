import { describe, expect, it } from '@jest/globals';
import { loadSettings } from '../platform/config/settings.js';
import { WorkersSettings, idleSettingsOf, relevanceRuleOf } from './workers-settings.js';

describe('The settings of the workers', () => {
  it('have the source document’s defaults', () => {
    expect({ ...loadSettings(WorkersSettings, {}) }).toMatchObject({
      WORKER_IDLE_TIMEOUT_MINUTES: 60,
      WORKER_ACTIVITY_DETECTION_INTERVAL: 1800,
      WORKER_AUTO_PAUSE_ENABLED: true,
      WORKER_AUTO_PAUSE_SNOOZE_MINUTES: 60,
      WORKER_ACTIVITY_EVENTS_MAX_STORED: 10,
      WORKER_ACTIVITY_EXCLUDED_USER_PATTERN: '^00000000-0000-.*',
      WORKER_STATUS_SYNC_INTERVAL: 300,
      WORKER_DETECTION_CONCURRENCY: 5,
      CML_USERNAME: null,
      CML_PASSWORD: null,
      CML_VERIFY_TLS: true,
      CML_CA_FILE: null,
      CML_REQUEST_TIMEOUT_MS: 30_000,
    });
  });

  it('count both `wipe_lab`, the source’s name, and `wipe_node`, CML’s own', () => {
    const { categories } = relevanceRuleOf(loadSettings(WorkersSettings, {}));
    expect([...categories].sort()).toEqual(
      [
        'boot_node',
        'export_lab',
        'import_lab',
        'queue_node',
        'start_lab',
        'start_node',
        'stop_lab',
        'stop_node',
        'user_activity',
        'wipe_lab',
        'wipe_node',
      ].sort(),
    );
  });

  it('take seconds and decimals, so that a trial run is short', () => {
    const settings = loadSettings(WorkersSettings, {
      WORKER_IDLE_TIMEOUT_MINUTES: '0.1',
      WORKER_AUTO_PAUSE_SNOOZE_MINUTES: '0.05',
      WORKER_ACTIVITY_DETECTION_INTERVAL: '1.5',
      WORKER_STATUS_SYNC_INTERVAL: '.5',
      WORKER_AUTO_PAUSE_ENABLED: 'false',
    });
    expect(idleSettingsOf(settings)).toEqual({ idleTimeoutMinutes: 0.1, snoozeMinutes: 0.05, autoPauseEnabled: false });
    expect(settings).toMatchObject({ WORKER_ACTIVITY_DETECTION_INTERVAL: 1.5, WORKER_STATUS_SYNC_INTERVAL: 0.5 });
  });

  it.each([
    ['WORKER_IDLE_TIMEOUT_MINUTES', '0'],
    ['WORKER_IDLE_TIMEOUT_MINUTES', '-60'],
    ['WORKER_IDLE_TIMEOUT_MINUTES', 'sixty'],
    ['WORKER_ACTIVITY_DETECTION_INTERVAL', '0'],
    ['WORKER_ACTIVITY_DETECTION_INTERVAL', '2147484'],
    ['WORKER_AUTO_PAUSE_ENABLED', 'perhaps'],
    ['WORKER_AUTO_PAUSE_SNOOZE_MINUTES', '0'],
    ['WORKER_ACTIVITY_EVENTS_MAX_STORED', '0'],
    ['WORKER_ACTIVITY_EVENTS_MAX_STORED', '2.5'],
    ['WORKER_ACTIVITY_RELEVANT_CATEGORIES', ','],
    ['WORKER_ACTIVITY_EXCLUDED_USER_PATTERN', '['],
    ['WORKER_STATUS_SYNC_INTERVAL', '-1'],
    ['WORKER_DETECTION_CONCURRENCY', '0'],
    ['CML_USERNAME', 'x'.repeat(33)],
    ['CML_VERIFY_TLS', '2'],
    ['CML_CA_FILE', '/no/such/file.pem'],
    ['CML_REQUEST_TIMEOUT_MS', '0'],
  ])('refuse %s=%j, naming both and what is accepted', (name, value) => {
    expect(() => loadSettings(WorkersSettings, { [name]: value })).toThrow(
      expect.objectContaining({ problems: [expect.stringContaining(`${name}='${value}': `)] }),
    );
    expect(() => loadSettings(WorkersSettings, { [name]: value })).toThrow(/accepted$/);
  });
});
