/**
 * The runs of the jobs as the instances' logs tell them, and what must hold of them: one run of a job at a time, and each
 * turn of its schedule taken once. Pure but for reading the files.
 */
import { readFileSync } from 'node:fs';

/** A run. Times are epoch ms. */
export interface Run {
  readonly job: string;
  /** Which process it ran in: any name that no other one has. */
  readonly life: string;
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Succeeded, and was recorded as such as far as the log tells. */
  readonly succeeded: boolean;
}

interface LogLine {
  readonly msg?: string;
  readonly time?: string;
  readonly job?: string;
  readonly duration_ms?: number;
}

/** Clocks that read the same time twice, and timers that fire early, may make so much of a difference, ms. */
const EARLY_MS = 30;

/** @param life name of the process that wrote the log */
export function runsIn(logFile: string, life: string): Run[] {
  const runs: Run[] = [];
  for (const text of readFileSync(logFile, 'utf8').split('\n')) {
    if (!text.includes('"job.')) continue;
    const line = lineOf(text);
    if (line?.job === undefined || line.time === undefined) continue;
    if (line.msg === 'job.superseded') supersede(runs, line.job);
    if (line.msg !== 'job.succeeded' && line.msg !== 'job.failed') continue;
    const finishedAt = Date.parse(line.time);
    const startedAt = finishedAt - (line.duration_ms ?? 0);
    runs.push({ job: line.job, life, startedAt, finishedAt, succeeded: line.msg === 'job.succeeded' });
  }
  return runs;
}

/** The run was over, and could not be recorded any more: its successor does not know of it. */
function supersede(runs: Run[], job: string): void {
  const index = runs.findLastIndex((run) => run.job === job);
  const run = runs[index];
  if (run) runs[index] = { ...run, succeeded: false };
}

/** undefined for half a line: its process was killed while it wrote. */
function lineOf(text: string): LogLine | undefined {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined;
  }
}

/**
 * Two runs of a job that both succeeded never take place at the same time; one that lost its lease midway fails, so it may
 * overlap with its successor.
 */
export function oneRunAtATime(runs: readonly Run[]): string[] {
  return [...byJob(runs)].flatMap(([job, all]) =>
    all.slice(1).flatMap((run, index) => {
      const before = all[index];
      if (!before || run.startedAt >= before.finishedAt) return [];
      return [`job ${job}: ${nameOf(run)} began before ${nameOf(before)} was over, and both succeeded`];
    }),
  );
}

/**
 * A turn that was taken is not taken again by whoever takes over: the next run is due an interval after the last one that
 * was recorded. Runs of one process follow its own timer, which never fires more often than the interval says.
 *
 * @param intervals milliseconds, by job
 * @param mayBeUnrecorded whether the run's process was killed or frozen, or a store was away, after it was over and before
 * the next one began so that nobody could know of it
 */
export function eachTurnOnce(
  runs: readonly Run[],
  intervals: ReadonlyMap<string, number>,
  mayBeUnrecorded: (run: Run) => boolean,
): string[] {
  return [...byJob(runs)].flatMap(([job, all]) => {
    const interval = intervals.get(job);
    if (interval === undefined) return [];
    let first = 0;
    return all.slice(1).flatMap((run, index) => {
      const before = all[index];
      if (!before) return [];
      const apart = run.startedAt - before.startedAt;
      if (before.life !== run.life) {
        first = index + 1;
        if (apart >= interval - EARLY_MS || mayBeUnrecorded(before)) return [];
        return [`job ${job}: ${nameOf(run)} began ${apart} ms after ${nameOf(before)}, another instance's`];
      }
      if (mayBeUnrecorded(before)) first = index + 1;
      // A run may begin late, up to its successor's turn; but there are never more of them than turns.
      const turns = index + 1 - first;
      const begun = all[first];
      if (!begun || run.startedAt - begun.startedAt >= (turns - 1) * interval - EARLY_MS) return [];
      return [`job ${job}: ${turns + 1} runs within ${run.startedAt - begun.startedAt} ms up to ${nameOf(run)}`];
    });
  });
}

/** Those that succeeded, in order of their start. */
function byJob(runs: readonly Run[]): Map<string, Run[]> {
  const succeeded = runs.filter((run) => run.succeeded).toSorted((a, b) => a.startedAt - b.startedAt);
  return Map.groupBy(succeeded, ({ job }) => job);
}

function nameOf({ life, startedAt, finishedAt }: Run): string {
  return `the run of ${life} from ${new Date(startedAt).toISOString()} to ${new Date(finishedAt).toISOString()}`;
}
