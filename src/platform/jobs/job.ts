import type { CommandContext } from '../commands/command-context.js';

/** Work that is done again and again, as data. The scheduler owns when, alone and with what record. */
export interface Job {
  /** Lower-case words with `-`; the name on the command line and over HTTP. */
  readonly name: string;
  /** Pause between two starts, seconds; may be a decimal. */
  readonly intervalSeconds: number;
  /**
   * One run. What it throws makes the run a failed one; a failure of a single item is its own to count.
   * @returns the run's summary: plain numbers by name
   */
  run(run: JobRun): Promise<JobSummary>;
}

export type JobSummary = Readonly<Record<string, number>>;

/** What a run is told. */
export interface JobRun {
  /** Commands of this run are made with it (`stepOf` for each of them). */
  readonly context: CommandContext;
  /** When the scheduler starts the next run, epoch ms. */
  readonly nextRunAt: number;
  /** Aborts when the process stops or the job's lease is lost: start nothing new. */
  readonly signal: AbortSignal;
}

/** How a run ended; what `POST /jobs/{name}/run` and `npm run job` answer. Times are ISO 8601 UTC. */
export interface JobRecord {
  readonly name: string;
  readonly outcome: 'succeeded' | 'failed';
  readonly started_at: string;
  readonly finished_at: string;
  readonly duration_ms: number;
  readonly summary: JobSummary | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}
