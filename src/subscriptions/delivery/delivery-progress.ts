import { Injectable } from '@nestjs/common';
import type { Position } from '../../platform/event-store/event-store.port.js';
import type { Collection, Fence } from '../../platform/read-models/read-model-store.port.js';
import { ReadModelStore } from '../../platform/read-models/read-model-store.port.js';
import type { SubscriptionDocument } from '../projections/webhook-subscriptions.projection.js';
import type { FailingEvent, WindowState } from './delivery-window.js';

/** What the last attempt that failed came to. */
export interface DeliveryError {
  readonly message: string;
  /** Stable, machine-readable: how it failed. */
  readonly code: string;
  /** HTTP status; null when there was no answer. */
  readonly status: number | null;
  readonly event_id: string | null;
  /** Epoch ms. */
  readonly at: number;
}

/**
 * How far the deliveries of a subscription are: kept beside the read models, written by whoever holds the lease. It may be
 * lost without losing an event: deliveries then begin again where the subscription began. Times are epoch ms.
 */
export interface DeliveryProgress {
  readonly subscription_id: string;
  /** Positions mean something in this history only. */
  readonly history: string;
  /** The subscription's counts when it was written: progress from before a redelivery or a resume does not count. */
  readonly redeliveries: number;
  readonly resumptions: number;
  readonly position: Position | null;
  readonly accepted: readonly Position[];
  readonly failing: readonly FailingEvent[];
  /** Since when the event has failed that has failed for longest, or nothing can be sent at all; null: all is well. */
  readonly failing_since: number | null;
  readonly next_attempt_at: number | null;
  /** Deliveries that were accepted, repeats included. */
  readonly delivered: number;
  readonly last_delivery_at: number | null;
  readonly last_error: DeliveryError | null;
}

/** Where the window of a subscription begins, and what is known of its deliveries. */
export type ProgressAtStart = WindowState & Pick<DeliveryProgress, 'delivered' | 'last_delivery_at' | 'last_error'>;

const COLLECTION = 'push_progress';

/** The progress of all subscriptions. */
@Injectable()
export class DeliveryProgresses {
  private opened: Promise<Collection<DeliveryProgress>> | undefined;

  constructor(private readonly readModels: ReadModelStore) {}

  async get(subscriptionId: string): Promise<DeliveryProgress | undefined> {
    return (await (await this.collection()).get(subscriptionId))?.document;
  }

  async getMany(subscriptionIds: readonly string[]): Promise<ReadonlyMap<string, DeliveryProgress>> {
    const found = await (await this.collection()).getMany(subscriptionIds);
    return new Map(found.map(({ id, document }) => [id, document]));
  }

  /** Ids of all that is kept. */
  async ids(): Promise<readonly string[]> {
    return (await (await this.collection()).find({})).map(({ id }) => id);
  }

  /** Those that have failed since before a moment, the longest first. @param limit at most so many */
  async failingSinceBefore(at: number, limit: number): Promise<readonly DeliveryProgress[]> {
    const orderBy = { field: 'failing_since', direction: 'asc' } as const;
    const found = await (await this.collection()).find({ where: { failing_since: { lt: at } }, orderBy, limit });
    return found.map(({ document }) => document);
  }

  /** @throws {StaleFence} */
  async put(progress: DeliveryProgress, fence: Fence | undefined): Promise<void> {
    await (await this.collection()).put(progress.subscription_id, progress, fence);
  }

  /** @throws {StaleFence} */
  async delete(subscriptionId: string, fence: Fence | undefined): Promise<void> {
    await (await this.collection()).delete(subscriptionId, fence);
  }

  private collection(): Promise<Collection<DeliveryProgress>> {
    // A store that was away when it was first asked is asked again.
    this.opened ??= this.readModels
      .collection<DeliveryProgress>({ name: COLLECTION, indexes: [{ fields: ['failing_since'] }] })
      .catch((error: unknown) => {
        this.opened = undefined;
        throw error;
      });
    return this.opened;
  }
}

/**
 * What deliveries go on from.
 *
 * @param kept what was written last, if anything was
 * @param beginning where the subscription itself says that it begins
 */
export function progressAtStart(
  kept: DeliveryProgress | undefined,
  { redeliveries, resumptions }: Pick<SubscriptionDocument, 'redeliveries' | 'resumptions'>,
  { beginning, history, head }: { beginning: Position | null; history: string; head: Position | null },
): ProgressAtStart {
  const told = {
    delivered: kept?.delivered ?? 0,
    last_delivery_at: kept?.last_delivery_at ?? null,
    last_error: kept?.last_error ?? null,
  };
  if (!kept || kept.history !== history || kept.redeliveries !== redeliveries) {
    return { ...told, position: beginning, accepted: [], failing: [] };
  }
  const failing = kept.resumptions === resumptions ? kept.failing : [];
  if (kept.position === null || (head !== null && kept.position <= head)) {
    const accepted = kept.accepted.filter((position) => head !== null && position <= head);
    return { ...told, position: kept.position, accepted, failing };
  }
  // The history is shorter than what was delivered: a backup was restored. What it still has was delivered.
  return { ...told, position: head, accepted: [], failing: [] };
}
