import { Decimal, Flag, Text, Whole } from '../platform/config/settings.js';

/** Settings of the push subscriptions. `null` is "not set". */
export class SubscriptionsSettings {
  /**
   * What the subscriptions' secrets are derived from. Unset, with the events in DATA_DIR: a key that is made there. With
   * shared stores all instances need the same.
   */
  @Text({
    secret: true,
    pattern: /^\S{32,512}$/,
    accepted: 'a secret of 32 to 512 characters without spaces is accepted',
  })
  WEBHOOK_SIGNING_KEY: string | null = null;

  /** For targets in one's own network: then whoever may subscribe can make the service send requests there. */
  @Flag()
  WEBHOOK_ALLOW_PRIVATE_TARGETS: boolean = false;

  /** For one delivery with its whole answer. */
  @Whole({ least: 50, most: 120_000, unit: 'milliseconds' })
  WEBHOOK_TIMEOUT_MS: number = 15_000;

  /** A subscription of which nothing was accepted for so long is suspended. */
  @Decimal({ above: 0, most: 8_760, unit: 'hours' })
  WEBHOOK_SUSPEND_AFTER_HOURS: number = 24;

  /** Each of them may keep some connections and a megabyte busy. */
  @Whole({ least: 1, most: 1_000, unit: 'subscriptions' })
  WEBHOOK_MAX_SUBSCRIPTIONS: number = 100;
}
