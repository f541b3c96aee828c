import type { Collection, Document, Fence, ReadModelStore } from '../read-models/read-model-store.port.js';
import type { JobRecord } from './job.js';

/** What is stored of a job's runs, under its name in `job_records`. Only the holder of `job/<name>` writes it. */
export interface JobDocument {
  /** The run under way. Whoever gets the job's lease and finds one has found a run that never finished. */
  readonly running: { readonly started_at: string; readonly instance: string | null } | null;
  readonly last_run: JobRecord | null;
  /** Instance that made the last run. */
  readonly last_run_on: string | null;
  readonly last_success_at: string | null;
}

/** What is stored of a job's schedule, under its name in `job_schedules`. Only the holder of `schedule/<name>` writes it. */
export interface ScheduleDocument {
  /** Instance that starts the runs. */
  readonly instance: string;
  readonly next_run_at: string;
}

const NOTHING_YET: JobDocument = { running: null, last_run: null, last_run_on: null, last_success_at: null };

/** The records of all jobs, where every instance sees them. */
export class JobRecords {
  private readonly opened = new Map<string, Promise<Collection<Document>>>();

  constructor(private readonly readModels: ReadModelStore) {}

  async runsOf(job: string): Promise<JobDocument> {
    const stored = await (await this.runs()).get(job);
    return { ...NOTHING_YET, ...stored?.document };
  }

  /** @throws {StaleFence} */
  async putRuns(job: string, document: JobDocument, fence: Fence | undefined): Promise<void> {
    await (await this.runs()).put(job, document, fence);
  }

  async scheduleOf(job: string): Promise<ScheduleDocument | undefined> {
    return (await (await this.schedules()).get(job))?.document;
  }

  /** @throws {StaleFence} */
  async putSchedule(job: string, document: ScheduleDocument, fence: Fence): Promise<void> {
    await (await this.schedules()).put(job, document, fence);
  }

  private runs(): Promise<Collection<JobDocument>> {
    return this.open<JobDocument>('job_records');
  }

  private schedules(): Promise<Collection<ScheduleDocument>> {
    return this.open<ScheduleDocument>('job_schedules');
  }

  private open<D extends Document>(name: string): Promise<Collection<D>> {
    const opening =
      this.opened.get(name) ??
      this.readModels.collection<Document>({ name }).catch((error: unknown) => {
        this.opened.delete(name);
        throw error;
      });
    this.opened.set(name, opening);
    // Each collection is opened under one name by one method above, which fixes its documents' type.
    return opening as Promise<Collection<D>>;
  }
}
