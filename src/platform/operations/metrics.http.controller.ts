import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Gauge } from 'prom-client';
import { Clock } from '../clock.js';
import { JobScheduler } from '../jobs/job-scheduler.js';
import type { JobStatus } from '../jobs/job-scheduler.js';
import { Metrics } from '../observability/metrics.js';
import { ProjectionEngine } from '../projections/projection-engine.js';
import type { ProjectionStatus } from '../projections/projection-engine.js';

/** For Prometheus. What projections and jobs say is read when it is asked for. */
@ApiTags('operations')
@Controller('metrics')
export class MetricsHttpController {
  constructor(
    private readonly metrics: Metrics,
    private readonly projections: ProjectionEngine,
    private readonly jobs: JobScheduler,
    private readonly clock: Clock,
  ) {
    const registers = [metrics.registry];
    this.gauges = {
      lagEvents: new Gauge({
        name: 'dormouse_projection_lag_events',
        help: 'Positions that a projection is behind the event store.',
        labelNames: ['projection'],
        registers,
      }),
      lagSeconds: new Gauge({
        name: 'dormouse_projection_lag_seconds',
        help: 'Age of the oldest event that a projection has not applied.',
        labelNames: ['projection'],
        registers,
      }),
      parked: new Gauge({
        name: 'dormouse_projection_parked_streams',
        help: 'Streams that are parked because an event could not be applied.',
        labelNames: ['projection'],
        registers,
      }),
      lastRun: new Gauge({
        name: 'dormouse_job_last_run_timestamp_seconds',
        help: 'When the last run of a job ended.',
        labelNames: ['job', 'outcome'],
        registers,
      }),
      duration: new Gauge({
        name: 'dormouse_job_last_run_duration_seconds',
        help: 'How long the last run of a job took.',
        labelNames: ['job'],
        registers,
      }),
      sinceSuccess: new Gauge({
        name: 'dormouse_job_seconds_since_success',
        help: 'Time since a run of the job last succeeded.',
        labelNames: ['job'],
        registers,
      }),
    };
  }

  private readonly gauges: Record<
    'lagEvents' | 'lagSeconds' | 'parked' | 'lastRun' | 'duration' | 'sinceSuccess',
    Gauge
  >;

  @Get()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiOperation({ summary: 'Metrics for Prometheus' })
  @ApiOkResponse({ content: { 'text/plain': { schema: { type: 'string' } } } })
  async metricsText(): Promise<string> {
    for (const gauge of Object.values(this.gauges)) gauge.reset();
    // What a store that is away would have to tell is left out; the rest is wanted then more than ever.
    const [projections, jobs] = await Promise.allSettled([this.projections.status(), this.jobs.status()]);
    if (projections.status === 'fulfilled') this.showProjections(projections.value);
    if (jobs.status === 'fulfilled') this.showJobs(jobs.value);
    return this.metrics.registry.metrics();
  }

  private showProjections(projections: readonly ProjectionStatus[]): void {
    for (const projection of projections) {
      this.gauges.lagEvents.set({ projection: projection.name }, projection.lag_events);
      this.gauges.lagSeconds.set({ projection: projection.name }, projection.lag_seconds);
      this.gauges.parked.set({ projection: projection.name }, projection.parked_streams);
    }
  }

  private showJobs(jobs: readonly JobStatus[]): void {
    for (const { name, last_run, last_success_at } of jobs) {
      if (last_run) {
        this.gauges.lastRun.set({ job: name, outcome: last_run.outcome }, Date.parse(last_run.finished_at) / 1000);
        this.gauges.duration.set({ job: name }, last_run.duration_ms / 1000);
      }
      if (last_success_at) {
        this.gauges.sinceSuccess.set({ job: name }, (this.clock.now() - Date.parse(last_success_at)) / 1000);
      }
    }
  }
}
