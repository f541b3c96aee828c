import { Injectable } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { Metrics } from '../platform/observability/metrics.js';

/** What this process did with coaching sessions, for Prometheus. The history itself is in the events. */
@Injectable()
export class CoachingMetrics {
  /** Sessions that became active, by what made them: start, manual, message. */
  readonly activations: Counter<'reason'>;
  /** Starts and resumes that were refused because another user is active in the topic. */
  readonly conflicts: Counter;
  /** By role: user, assistant. */
  readonly messages: Counter<'role'>;
  readonly autoPauses: Counter;
  /** Sessions that a sweep could not pause or end; they are tried again by the next one. */
  readonly sweepFailures: Counter<'job'>;

  constructor(metrics: Metrics) {
    this.activations = metrics.counter('dormouse_coaching_activations_total', 'Sessions that became active.', [
      'reason',
    ]);
    this.conflicts = metrics.counter(
      'dormouse_coaching_conflicts_total',
      'Starts and resumes refused because another user is active in the topic.',
      [],
    );
    this.messages = metrics.counter('dormouse_coaching_messages_total', 'Messages taken.', ['role']);
    this.autoPauses = metrics.counter('dormouse_coaching_auto_pauses_total', 'Sessions paused by the sweep.', []);
    this.sweepFailures = metrics.counter(
      'dormouse_coaching_sweep_failures_total',
      'Sessions that a sweep could not settle.',
      ['job'],
    );
  }
}
