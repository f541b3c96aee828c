/**
 * What is stored of a webhook subscription. Nothing of it is published. When a shape changes: raise its version, add
 * `upcasters[old]`, and commit a sample of the new version beside the old ones (domain/samples).
 */
import { eventCategory } from '../../platform/contracts/event-category.js';
import { listOf, nullable, oneOf, ordinal, text, time } from '../../platform/contracts/fields.js';
import { SUSPENSION_REASONS } from '../domain/webhook-subscription.events.js';
import type { WebhookSubscriptionEvent } from '../domain/webhook-subscription.events.js';
import { WebhookSubscription } from '../domain/webhook-subscription.js';

const actor = (description: string) => text(`${description}: a user's id, or \`anonymous\``);
const keyId = text('Which of the service’s keys the secret is derived from: eight hexadecimal digits');
const startsAfter = (description: string) =>
  text(`${description}: \`beginning\`, \`now\` (the first event after this one), or a position of the feed`);

export const webhookSubscriptionContract = eventCategory<WebhookSubscriptionEvent>()({
  category: WebhookSubscription.category,
  kind: 'webhook_subscription',
  summary: 'A subscription that published events are pushed to a URL for.',
  id: { subscription_id: text('`sub_` and a UUID') },
  types: {
    SubscriptionCreated: {
      version: 1,
      summary: 'somebody wants events pushed to a URL',
      schema: {
        subscription_id: text('`sub_` and a UUID'),
        url: text('Where the events are sent'),
        description: nullable(text('What it is for, for people'), 'none was given'),
        types: nullable(listOf(text('Published name'), 'The published types that are wanted'), 'all are'),
        aggregate_kind: nullable(text('The kind of aggregates that are wanted'), 'all are'),
        aggregate_id: nullable(text('The only aggregate that is wanted'), 'all are'),
        starts_after: startsAfter('Where deliveries begin'),
        secret_version: ordinal('Counts the secrets'),
        key_id: keyId,
        created_by: actor('Who made it'),
        created_at: time('When'),
      },
    },
    SubscriptionPaused: {
      version: 1,
      summary: 'somebody wants no deliveries for now',
      schema: { paused_by: actor('Who paused it'), paused_at: time('When') },
    },
    SubscriptionResumed: {
      version: 1,
      summary: 'deliveries go on, after a pause or a suspension',
      schema: { resumed_by: actor('Who resumed it'), resumed_at: time('When') },
    },
    SubscriptionSuspended: {
      version: 1,
      summary: 'the service gave up, until somebody resumes it',
      schema: {
        reason: oneOf(SUSPENSION_REASONS, 'Nothing was accepted for too long, or the receiver says that it is gone'),
        failing_since: time('Since when nothing was accepted'),
        last_error: text('What the last attempt came to'),
        suspended_at: time('When'),
      },
    },
    SubscriptionRedeliveryRequested: {
      version: 1,
      summary: 'somebody wants deliveries to begin again elsewhere',
      schema: {
        after: startsAfter('Where they begin'),
        requested_by: actor('Who asked'),
        requested_at: time('When'),
      },
    },
    SubscriptionSecretRotated: {
      version: 1,
      summary: 'the secret was replaced; for 24 hours messages are signed with both',
      schema: {
        secret_version: ordinal('Counts the secrets'),
        key_id: keyId,
        rotated_by: actor('Who replaced it'),
        rotated_at: time('When'),
      },
    },
    SubscriptionDeleted: {
      version: 1,
      summary: 'nobody wants it any more',
      schema: { deleted_by: actor('Who deleted it'), deleted_at: time('When') },
    },
  },
});
