import { Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import type { Counter } from 'prom-client';
import { Metrics } from '../platform/observability/metrics.js';

/** What the instance that delivers can say of its deliveries. */
export interface DeliveryFigures {
  /** Active subscriptions. */
  readonly active: number;
  /** Those of them with an event that fails, or that cannot be sent. */
  readonly failing: number;
  /** Age of the oldest event that is on its way, seconds. */
  readonly oldestLagSeconds: number;
}

/** What this process did with push subscriptions, for Prometheus. Instances that do not deliver show zeros. */
@Injectable()
export class SubscriptionsMetrics {
  /** Requests to receivers, by outcome: see DELIVERY_OUTCOMES. */
  readonly deliveries: Counter<'outcome'>;
  private figures: () => DeliveryFigures = () => ({ active: 0, failing: 0, oldestLagSeconds: 0 });

  constructor(metrics: Metrics) {
    this.deliveries = metrics.counter('dormouse_push_deliveries_total', 'Webhooks sent, by outcome.', ['outcome']);
    this.gauge(metrics, 'active_subscriptions', 'Push subscriptions that are delivered by this process.', 'active');
    this.gauge(metrics, 'failing_subscriptions', 'Those of them of which something is not accepted.', 'failing');
    this.gauge(metrics, 'oldest_lag_seconds', 'Age of the oldest event that is on its way.', 'oldestLagSeconds');
  }

  /** From now on the gauges show what `figures` says when they are asked. */
  watch(figures: () => DeliveryFigures): void {
    this.figures = figures;
  }

  private gauge(metrics: Metrics, name: string, help: string, figure: keyof DeliveryFigures): void {
    const figures = () => this.figures()[figure];
    new Gauge({
      name: `dormouse_push_${name}`,
      help,
      registers: [metrics.registry],
      collect() {
        this.set(figures());
      },
    });
  }
}
