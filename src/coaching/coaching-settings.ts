import type { ValidationArguments } from 'class-validator';
import { ValidateBy } from 'class-validator';
import { Decimal, Flag, Text } from '../platform/config/settings.js';
import { BUILT_IN_TOPICS, CoachingTopics } from './domain/coaching-topic.js';
import { INACTIVITY_CLOCKS } from './domain/inactivity-rule.js';
import type { InactivityClock } from './domain/inactivity-rule.js';
import { TopicsFileRefused, readTopicsFile } from './gateways/topics-file.js';

/** Longest interval that a Node timer can wait, in seconds. */
const LONGEST_INTERVAL = 2_147_483;

/** Settings of the coaching context. */
export class CoachingSettings {
  @Decimal({ above: 0, most: LONGEST_INTERVAL, unit: 'seconds' })
  COACHING_AUTO_PAUSE_INTERVAL: number = 300;

  /** How often sessions past their expires_at are looked for. They block nobody meanwhile. */
  @Decimal({ above: 0, most: LONGEST_INTERVAL, unit: 'seconds' })
  COACHING_EXPIRY_INTERVAL: number = 3600;

  /** Which of a session's times inactivity counts from. */
  @Text({
    pattern: new RegExp(`^(${INACTIVITY_CLOCKS.join('|')})$`),
    accepted: `${INACTIVITY_CLOCKS.join(' or ')} is accepted`,
  })
  COACHING_INACTIVITY_CLOCK: InactivityClock = 'updated_at';

  /** For trials: timeouts below five minutes, and decimals. */
  @Flag()
  COACHING_ALLOW_SHORT_TIMEOUTS: boolean = false;

  /** YAML or JSON: topics beside the built-in ones, and changes to those. */
  @TopicsFile()
  COACHING_TOPICS_FILE: string | null = null;
}

/**
 * The topics that the settings make.
 * @throws {TopicsFileRefused} the file has changed for the worse since the settings were checked
 */
export function topicsOf(settings: CoachingSettings): CoachingTopics {
  const { COACHING_TOPICS_FILE: path, COACHING_ALLOW_SHORT_TIMEOUTS: allowShortTimeouts } = settings;
  return new CoachingTopics(path === null ? BUILT_IN_TOPICS : readTopicsFile(path, { allowShortTimeouts }));
}

/** Path of a topics file that can be read and is in order now; the message is what is wrong with it, line by line. */
function TopicsFile(): PropertyDecorator {
  return ValidateBy({
    name: 'topicsFile',
    validator: {
      validate: (value, args) => value === null || problemsOf(value, args).length === 0,
      defaultMessage: (args) => problemsOf(args?.value, args).join('; '),
    },
  });
}

function problemsOf(path: unknown, args: ValidationArguments | undefined): readonly string[] {
  if (typeof path !== 'string') return ['the path of a YAML or JSON file is accepted'];
  const { COACHING_ALLOW_SHORT_TIMEOUTS: allowShortTimeouts } = (args?.object ?? {}) as Partial<CoachingSettings>;
  try {
    readTopicsFile(path, { allowShortTimeouts: allowShortTimeouts === true });
    return [];
  } catch (error) {
    if (error instanceof TopicsFileRefused) return error.problems;
    throw error;
  }
}
