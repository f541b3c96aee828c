import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import * as written from '../../../../test/support/subscription-history.js';
import { EventCodec } from '../../../platform/event-store/event-codec.js';
import type { RecordedEvent } from '../../../platform/event-store/event-store.port.js';
import { webhookSubscriptionContract } from '../../contracts/webhook-subscription.contract.js';
import { WebhookSubscription } from '../webhook-subscription.js';
import type { WebhookSubscriptionEvent } from '../webhook-subscription.events.js';

/** One committed event for each type and schema version that was ever stored, as the store hands it out. */
interface Sample {
  readonly file: string;
  readonly recorded: RecordedEvent;
}

const samples: Sample[] = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.json'))
  .map((file) => {
    const stored = JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8')) as RecordedEvent & {
      recorded_at: string;
    };
    const { recorded_at, ...event } = stored;
    return { file, recorded: { ...event, recordedAt: Date.parse(recorded_at) } };
  });

const codec = new EventCodec();
codec.registerCategory(webhookSubscriptionContract);

const WRITTEN_NOW: readonly WebhookSubscriptionEvent[] = [
  written.created({ types: ['a'], description: 'b', aggregate_kind: 'c' }),
  written.paused(1),
  written.resumed(1),
  written.suspended(1),
  written.redeliveryRequested(1),
  written.rotated(1),
  written.deleted(1),
];

describe('The samples of stored events', () => {
  const versions = Object.entries(webhookSubscriptionContract.types).flatMap(([type, { version }]) =>
    Array.from({ length: version }, (_, n) => `${type}.v${n + 1}.json`),
  );

  it('are there for each version of each registered type, and for nothing else', () => {
    expect(samples.map(({ file }) => file).sort()).toEqual(versions.sort());
  });

  it.each(samples)('$file is decoded to the present shape of its type', ({ file, recorded }) => {
    expect(file).toBe(`${recorded.type}.v${recorded.metadata.schema_version}.json`);
    const { event } = codec.decode(recorded);
    const now = WRITTEN_NOW.find(({ type }) => type === event.type);
    expect(shapeOf(event.data)).toEqual(shapeOf(now?.data ?? {}));
  });

  it('together are the story of one subscription', () => {
    const story = samples
      .map(({ recorded }) => recorded)
      .sort((a, b) => a.revision - b.revision)
      .map((recorded) => codec.decode<WebhookSubscriptionEvent>(recorded).event);
    expect(story.slice(0, -1).reduce(WebhookSubscription.evolve, WebhookSubscription.initialState)).toMatchObject({
      status: 'suspended',
      url: 'https://billing.example.com/hooks/dormouse',
      starts_after: 'beginning',
      redeliveries: 1,
      resumptions: 1,
      secret: { version: 2 },
      suspension: { reason: 'failing', suspended_at: Date.parse('2026-03-05T13:00:00.000Z') },
    });
    expect(story.reduce(WebhookSubscription.evolve, WebhookSubscription.initialState)).toEqual({ kind: 'deleted' });
  });
});

/** Kinds of values by name. */
function shapeOf(data: object): Record<string, string> {
  const kind = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value);
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, kind(value)]));
}
