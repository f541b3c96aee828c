import { Injectable } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { Gauge } from 'prom-client';
import { Metrics } from '../observability/metrics.js';

/** How many follow the feed at the moment, by the way they do. */
export interface FeedClients {
  readonly stream: number;
  readonly poll: number;
}

/** What the feed tells Prometheus. */
@Injectable()
export class FeedMetrics {
  /** Events that were written, by the way they went: `stream` or `page`. */
  readonly sent: Counter<'way'>;
  /** Streams that the service ended, by the code that their clients were told. */
  readonly cutOffs: Counter<'code'>;
  /** Seconds that the newest event was in the store before this instance handed it on. */
  readonly lag: Gauge;
  private readonly clients: Gauge<'way'>;
  private count: () => FeedClients = () => ({ stream: 0, poll: 0 });

  constructor(metrics: Metrics) {
    this.sent = metrics.counter('dormouse_feed_events_sent_total', 'Events given to clients of the feed.', ['way']);
    this.cutOffs = metrics.counter('dormouse_feed_cut_off_total', 'Event streams that were ended by the service.', [
      'code',
    ]);
    const registers = [metrics.registry];
    this.lag = new Gauge({
      name: 'dormouse_feed_lag_seconds',
      help: 'How long the newest event had been in the store when it was handed on to the clients of the feed.',
      registers,
    });
    const collect = () => {
      const { stream, poll } = this.count();
      this.clients.set({ way: 'stream' }, stream);
      this.clients.set({ way: 'poll' }, poll);
    };
    this.clients = new Gauge({
      name: 'dormouse_feed_clients',
      help: 'Event streams and long polls that are open.',
      labelNames: ['way'],
      registers,
      collect,
    });
  }

  /** @param count asked for each scrape */
  countClientsBy(count: () => FeedClients): void {
    this.count = count;
  }
}
