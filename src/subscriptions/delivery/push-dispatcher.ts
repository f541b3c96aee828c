import type { Logger } from 'pino';
import type { EventStore } from '../../platform/event-store/event-store.port.js';
import { LeaseLost } from '../../platform/leases/leases.port.js';
import type { Lease, Leases } from '../../platform/leases/leases.port.js';
import { messageOf } from '../../platform/errors.js';
import { OutageReasons } from '../../platform/observability/outage-reasons.js';
import type { BackgroundTask } from '../../platform/operations/background-work.js';
import { backoff, pause } from '../../platform/projections/pause.js';
import { StaleFence } from '../../platform/read-models/read-model-store.errors.js';
import type { DeliveryFigures } from '../subscriptions-metrics.js';
import type { PushContext } from './push-session.js';
import { PushSession } from './push-session.js';

/** Who holds it delivers for all subscriptions. */
export const PUSH_LEASE = 'push-delivery';

const BACKOFF = { backoffMinMs: 250, backoffMaxMs: 10_000 };

const NO_FIGURES: DeliveryFigures = { active: 0, failing: 0, oldestLagSeconds: 0 };

/**
 * The supervised loop of the deliveries: take the lease, deliver; whatever ends that, wait a little and begin again from
 * what was stored. Of several instances one delivers at a time.
 */
export class PushDispatcher implements BackgroundTask {
  readonly name = 'push delivery';
  private readonly log: Logger;
  private readonly events: EventStore;
  private readonly outage = new OutageReasons();
  private failures = 0;
  private session: PushSession | undefined;
  private running: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(
    private readonly context: PushContext,
    private readonly leases: Leases,
  ) {
    this.log = context.log;
    this.events = context.events;
    context.metrics.watch(() => this.session?.figures() ?? NO_FIGURES);
  }

  start(): void {
    if (this.running) return;
    const stop = new AbortController();
    this.running = { stop, ended: this.supervise(stop.signal) };
  }

  /** Sends nothing more, stores how far the deliveries are, and gives the lease back. */
  async stop(): Promise<void> {
    const { running } = this;
    running?.stop.abort(new Error('The service is stopping.'));
    await running?.ended;
    this.running = undefined;
  }

  /** Whether this instance delivers at the moment. */
  get isDelivering(): boolean {
    return this.session !== undefined;
  }

  /** Looks at what is due: for tests that have moved the clock. */
  wake(): void {
    this.session?.wake();
  }

  private async supervise(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        // Whoever cannot read the events leaves the deliveries to those who can.
        if (this.failures > 0 || this.leases.instance !== undefined) await this.events.head();
        const lease = await this.leases.acquire(PUSH_LEASE, stop);
        try {
          await this.deliver(lease, stop);
        } finally {
          await lease.release();
        }
      } catch (error) {
        if (stop.aborted) return;
        this.ended(error);
        await pause(backoff(Math.max(1, this.failures), BACKOFF), stop);
      }
    }
  }

  private async deliver(lease: Lease, stop: AbortSignal): Promise<never> {
    const session = await PushSession.open(this.context, lease, stop);
    try {
      return await session.run(() => {
        this.session = session;
        this.failures = 0;
        if (this.outage.over()) this.log.info('push.resumed');
      });
    } finally {
      this.session = undefined;
    }
  }

  private ended(error: unknown): void {
    if (error instanceof LeaseLost || error instanceof StaleFence) {
      this.log.info({ reason: error.message }, 'push.handed_over');
      return;
    }
    this.failures++;
    const line = { error: messageOf(error), failures: this.failures };
    this.log[this.outage.isNews(line.error) ? 'warn' : 'debug'](line, 'push.waiting');
  }
}
