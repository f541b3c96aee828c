/**
 * No test to run: the compiler holds what the page reads against what the service answers. A field that the service no
 * longer has, or that may now be something else, is an error here.
 */
import type { SessionOverviewDto } from '../../src/coaching/http/coaching.answers.js';
import type * as page from '../../src/page/api/answers.js';
import type { JobStatus } from '../../src/platform/jobs/job-scheduler.js';
import type { AboutDto } from '../../src/platform/operations/about.http.controller.js';
import type { ReadinessReport } from '../../src/platform/operations/readiness.js';
import type {
  IdleDetectionResultDto,
  OperationResultDto,
  WorkerActivityDto,
  WorkerOverviewDto,
  WorkerTimelineDto,
} from '../../src/workers/http/workers.answers.js';
import type { RecordedIdleDecision } from '../../src/workers/domain/cml-worker.events.js';

/** What the service answers is what the page takes it for. */
type Is<Answered extends Read, Read> = [Answered, Read];

/** Where the answer's type is wider than what it holds: the domain's own type is in it. */
type Narrowed<T, Narrow> = Omit<T, keyof Narrow> & Narrow;

type LastCheck = Narrowed<NonNullable<WorkerTimelineDto['last_check']>, { decision: RecordedIdleDecision }>;

export type Agreements = [
  Is<WorkerOverviewDto, page.WorkerRow>,
  Is<WorkerActivityDto, page.WorkerActivity>,
  Is<Narrowed<WorkerTimelineDto, { last_check: LastCheck | null }>, page.WorkerTimeline>,
  Is<OperationResultDto, page.OperationResult>,
  Is<IdleDetectionResultDto, page.IdleDetectionResult>,
  Is<SessionOverviewDto, page.SessionRow>,
  Is<JobStatus, page.JobStatus>,
  Is<AboutDto, page.About>,
  Is<ReadinessReport, page.Readiness>,
];
