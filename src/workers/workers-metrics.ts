import { Injectable } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { Metrics } from '../platform/observability/metrics.js';

/** What this process did with workers, for Prometheus. The history itself is in the events. */
@Injectable()
export class WorkersMetrics {
  /** By decision: recent_activity, not_idle_yet, in_snooze_period, idle_timeout_exceeded. */
  readonly checks: Counter<'reason'>;
  /** By failure: timeout, unreachable, not_json, ... A doubt that kept a worker running. */
  readonly telemetryFailures: Counter<'failure'>;
  /** By reason: idle_timeout, manual. */
  readonly pauses: Counter<'reason'>;
  /** By reason: recent_activity, resume_requested, ec2_refused, ... */
  readonly abandonedPauses: Counter<'reason'>;
  readonly resumes: Counter<'reason'>;

  constructor(metrics: Metrics) {
    this.checks = metrics.counter('dormouse_worker_checks_total', 'Checks of telemetry that succeeded.', ['reason']);
    this.telemetryFailures = metrics.counter(
      'dormouse_worker_telemetry_failures_total',
      'Checks that could not read telemetry.',
      ['failure'],
    );
    this.pauses = metrics.counter('dormouse_worker_pauses_total', 'Workers paused by the service.', ['reason']);
    this.abandonedPauses = metrics.counter(
      'dormouse_worker_pauses_abandoned_total',
      'Pauses given up before or at the stop.',
      ['reason'],
    );
    this.resumes = metrics.counter('dormouse_worker_resumes_total', 'Workers resumed by the service.', ['reason']);
  }
}
