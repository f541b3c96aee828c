import { Decimal, Flag, NameList, Pattern, CertificateFile, Text, Whole } from '../platform/config/settings.js';
import type { IdleSettings } from './domain/idle-policy.js';
import type { RelevanceRule } from './domain/telemetry.js';

const YEAR_IN_MINUTES = 525_600;
/** Longest interval that a Node timer can wait, in seconds. */
const LONGEST_INTERVAL = 2_147_483;

/** Settings of the workers context; names and defaults are the source document's. */
export class WorkersSettings {
  @Decimal({ above: 0, most: YEAR_IN_MINUTES, unit: 'minutes' })
  WORKER_IDLE_TIMEOUT_MINUTES: number = 60;

  @Decimal({ above: 0, most: LONGEST_INTERVAL, unit: 'seconds' })
  WORKER_ACTIVITY_DETECTION_INTERVAL: number = 1800;

  @Flag()
  WORKER_AUTO_PAUSE_ENABLED: boolean = true;

  @Decimal({ above: 0, most: YEAR_IN_MINUTES, unit: 'minutes' })
  WORKER_AUTO_PAUSE_SNOOZE_MINUTES: number = 60;

  @Whole({ least: 1, most: 100, unit: 'events' })
  WORKER_ACTIVITY_EVENTS_MAX_STORED: number = 10;

  /** `wipe_lab` is the source's name, `wipe_node` is CML's own. */
  @NameList()
  WORKER_ACTIVITY_RELEVANT_CATEGORIES: string[] = [
    'start_lab',
    'stop_lab',
    'wipe_lab',
    'import_lab',
    'export_lab',
    'start_node',
    'stop_node',
    'wipe_node',
    'queue_node',
    'boot_node',
    'user_activity',
  ];

  @Pattern()
  WORKER_ACTIVITY_EXCLUDED_USER_PATTERN: string = '^00000000-0000-.*';

  @Decimal({ above: 0, most: LONGEST_INTERVAL, unit: 'seconds' })
  WORKER_STATUS_SYNC_INTERVAL: number = 300;

  @Whole({ least: 1, most: 100 })
  WORKER_DETECTION_CONCURRENCY: number = 5;

  @Text({ most: 32 })
  CML_USERNAME: string | null = null;

  @Text({ secret: true })
  CML_PASSWORD: string | null = null;

  @Flag()
  CML_VERIFY_TLS: boolean = true;

  @CertificateFile()
  CML_CA_FILE: string | null = null;

  @Whole({ least: 1, most: 600_000, unit: 'milliseconds' })
  CML_REQUEST_TIMEOUT_MS: number = 30_000;

  /**
   * The service's own logins may show up as `user_activity`. When its CML account is used by nobody else, its own
   * activity can be left out exactly. Off by default: on a shared account it would hide a person.
   */
  @Flag()
  CML_EXCLUDE_OWN_ACTIVITY: boolean = false;
}

export function idleSettingsOf(settings: WorkersSettings): IdleSettings {
  return {
    idleTimeoutMinutes: settings.WORKER_IDLE_TIMEOUT_MINUTES,
    snoozeMinutes: settings.WORKER_AUTO_PAUSE_SNOOZE_MINUTES,
    autoPauseEnabled: settings.WORKER_AUTO_PAUSE_ENABLED,
  };
}

export function relevanceRuleOf(settings: WorkersSettings): RelevanceRule {
  return {
    categories: settings.WORKER_ACTIVITY_RELEVANT_CATEGORIES,
    excludedUserPattern: settings.WORKER_ACTIVITY_EXCLUDED_USER_PATTERN,
  };
}
