import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Run } from './job-runs.js';
import { eachTurnOnce, oneRunAtATime, runsIn } from './job-runs.js';

const INTERVALS = new Map([['sweep', 1_000]]);

function run(life: string, startedAt: number, finishedAt = startedAt + 10, succeeded = true): Run {
  return { job: 'sweep', life, startedAt, finishedAt, succeeded };
}

function turns(runs: readonly Run[], unrecorded: readonly Run[] = []): string[] {
  return eachTurnOnce(runs, INTERVALS, (each) => unrecorded.includes(each));
}

describe('Runs of a job', () => {
  it('that follow each other are fine, on one instance and on several', () => {
    const runs = [run('a', 0), run('a', 1_000), run('b', 3_200), run('a', 4_200)];
    expect(oneRunAtATime(runs)).toEqual([]);
    expect(turns(runs)).toEqual([]);
  });

  it('are not fine when two succeed at the same time', () => {
    expect(oneRunAtATime([run('a', 0, 500), run('b', 400)])).toEqual([expect.stringContaining('before')]);
  });

  it('may overlap when one has failed, having lost its lease', () => {
    expect(oneRunAtATime([run('a', 0, 5_000, false), run('b', 2_100)])).toEqual([]);
  });

  it('of different jobs have nothing to do with each other', () => {
    expect(oneRunAtATime([run('a', 0, 500), { ...run('b', 400), job: 'sync' }])).toEqual([]);
  });
});

describe('A turn', () => {
  it('that one instance has taken is not taken again by its successor', () => {
    expect(turns([run('a', 1_000), run('b', 1_400)])).toEqual([expect.stringContaining('400 ms after')]);
  });

  it('that was taken and could not be recorded is taken again', () => {
    const taken = run('a', 1_000);
    expect(turns([taken, run('b', 1_400)], [taken])).toEqual([]);
  });

  it('may be taken late, and the next one in time', () => {
    expect(turns([run('a', 0), run('a', 1_900), run('a', 2_050), run('a', 3_000)])).toEqual([]);
  });

  it('comes no more often than the interval says', () => {
    expect(turns([run('a', 0), run('a', 400), run('a', 800)])).toEqual([expect.stringContaining('3 runs within')]);
  });
});

describe('The log of an instance', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'job-runs-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const logOf = (...lines: object[]): string => {
    const file = join(directory, 'log');
    writeFileSync(file, [...lines.map((line) => JSON.stringify(line)), '{"msg":"job.succ'].join('\n'));
    return file;
  };
  const at = (second: number) => new Date(second * 1_000).toISOString();

  it('tells runs, up to the line in which it was killed', () => {
    const file = logOf(
      { msg: 'request.answered', time: at(1) },
      { msg: 'job.succeeded', job: 'sweep', time: at(2), duration_ms: 300 },
      { msg: 'job.failed', job: 'sweep', time: at(3), duration_ms: 100 },
    );
    expect(runsIn(file, 'a')).toEqual([run('a', 1_700, 2_000), run('a', 2_900, 3_000, false)]);
  });

  it('tells that a run was over but its successor does not know of it', () => {
    const file = logOf(
      { msg: 'job.succeeded', job: 'sweep', time: at(2), duration_ms: 300 },
      { msg: 'job.superseded', job: 'sweep', time: at(2.1) },
    );
    expect(runsIn(file, 'a')).toEqual([run('a', 1_700, 2_000, false)]);
  });
});
