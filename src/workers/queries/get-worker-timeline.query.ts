import { Inject } from '@nestjs/common';
import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import { EventCodec } from '../../platform/event-store/event-codec.js';
import { EventStore } from '../../platform/event-store/event-store.port.js';
import type { CMLWorkerEvent, WorkerActivityUpdated } from '../domain/cml-worker.events.js';
import { CMLWorker } from '../domain/cml-worker.js';
import { momentOf } from '../domain/worker-moments.js';
import type { WorkerMoment } from '../domain/worker-moments.js';
import { activityIn, changeOf, isAnchor, occurredAt, segmentsOf } from '../domain/worker-timeline.js';
import type { TimelineChange, TimelineSegment } from '../domain/worker-timeline.js';
import { WorkersSettings, idleSettingsOf } from '../workers-settings.js';
import { WorkerViews } from './worker-views.js';

const DAY = 86_400_000;

/** The most events that one answer reads: 31 days of checks every five minutes. */
export const MOST_EVENTS = 10_000;

/** A worker's last days. Times are epoch ms unless they are text. */
export interface WorkerTimeline {
  readonly workerId: string;
  readonly from: number;
  readonly to: number;
  /** What was before was not read, because there is more of it than {@link MOST_EVENTS}; null when all was. */
  readonly completeSince: number | null;
  readonly segments: readonly TimelineSegment[];
  /** When there was activity, oldest first. */
  readonly activity: readonly number[];
  /** Oldest first. */
  readonly moments: readonly WorkerMoment[];
  /** The last successful check, also one from before; null when none was read. */
  readonly lastCheck: WorkerActivityUpdated['data'] | null;
}

/**
 * What a worker was doing in the last days, and why. It is read from the worker's stream when somebody asks, backwards and
 * no further than needed: a read model of it would cost something with each check.
 */
export class GetWorkerTimelineQuery extends Query<WorkerTimeline> {
  constructor(
    readonly awsRegion: string,
    readonly workerId: string,
    readonly days: number,
  ) {
    super();
  }
}

/** What is kept of the events that were read: of thousands of checks, little. Newest first. */
interface Findings {
  readonly changes: TimelineChange[];
  readonly moments: WorkerMoment[];
  /** Times as the events have them: of one form, so that text of later ones compares as greater. */
  readonly activity: Set<string>;
  lastCheck: WorkerActivityUpdated['data'] | null;
  /** The oldest event was at this time. */
  oldestAt: number;
  /** Nothing is missing in the window. */
  complete: boolean;
}

@QueryHandler(GetWorkerTimelineQuery)
export class GetWorkerTimelineHandler implements IQueryHandler<GetWorkerTimelineQuery> {
  constructor(
    private readonly views: WorkerViews,
    private readonly events: EventStore,
    private readonly codec: EventCodec,
    private readonly clock: Clock,
    @Inject(WorkersSettings) private readonly settings: WorkersSettings,
  ) {}

  async execute({ awsRegion, workerId, days }: GetWorkerTimelineQuery): Promise<WorkerTimeline> {
    await this.views.get(awsRegion, workerId);
    const to = this.clock.now();
    const from = to - days * DAY;
    const found = await this.read(workerId, from, MOST_EVENTS);
    const activity = [...found.activity].sort().map((text) => Date.parse(text));
    const { idleTimeoutMinutes } = idleSettingsOf(this.settings);
    const inWindow = (at: number): boolean => at >= from && at <= to;
    return {
      workerId,
      from,
      to,
      completeSince: found.complete ? null : found.oldestAt,
      segments: segmentsOf(found.changes.reverse(), activity, { from, to }, idleTimeoutMinutes),
      activity: activity.filter(inWindow),
      moments: found.moments.reverse().filter(({ at }) => inWindow(at)),
      lastCheck: found.lastCheck,
    };
  }

  /** Goes back until it is known how things stood when the window began, and what the last check was. */
  private async read(workerId: string, from: number, limit: number): Promise<Findings> {
    const found: Findings = {
      changes: [],
      moments: [],
      activity: new Set(),
      lastCheck: null,
      oldestAt: from,
      complete: false,
    };
    const stream = `${CMLWorker.category}-${workerId}`;
    for await (const recorded of this.events.readStream(stream, { direction: 'backwards', limit })) {
      const { event } = this.codec.decode<CMLWorkerEvent>(recorded);
      take(found, event);
      found.complete ||= recorded.revision === 0 || (found.oldestAt <= from && isAnchor(event));
      if (found.complete && found.lastCheck !== null) break;
    }
    return found;
  }
}

function take(found: Findings, event: CMLWorkerEvent): void {
  found.oldestAt = occurredAt(event);
  const change = changeOf(event);
  if (change) found.changes.push(change);
  const moment = momentOf(event);
  if (moment) found.moments.push(moment);
  if (event.type !== 'WorkerActivityUpdated') return;
  found.lastCheck ??= event.data;
  for (const time of activityIn(event)) found.activity.add(time);
}
