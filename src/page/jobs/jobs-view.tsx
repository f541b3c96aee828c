import { Alert, Button, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import type { JobRun, JobStatus } from '../api/answers.js';
import type { ServiceClient } from '../api/client.js';
import { listJobs, runJob } from '../api/operations.js';
import { keys } from '../live/query-keys.js';
import type { Command } from '../parts/command-dialog.js';
import { CommandDialog } from '../parts/command-dialog.js';
import { PlayIcon } from '../parts/icons.js';
import { State } from '../parts/state.js';
import { Card, Facts, Failed, Loading, Nothing } from '../parts/surfaces.js';
import { Countdown, RelativeTime } from '../parts/time.js';
import { useNow, usePage } from '../shell/page-context.js';
import { ViewTitle } from '../shell/view-title.js';
import { counted, duration } from '../time/format.js';

/** Runs are no events of the feed. */
const LOOK_EVERY_MS = 3_000;

const PURPOSE: Readonly<Record<string, string>> = {
  'activity-detection': 'Checks the running workers for activity, and pauses those that have been idle for too long.',
  'worker-status-sync': 'Asks EC2 what has become of the workers, and settles pauses and resumes that were cut off.',
  'session-auto-pause': 'Pauses coaching sessions that have been quiet for their topic’s timeout.',
  'session-expiry': 'Ends coaching sessions that are open past their time.',
};

/** What runs on a schedule: what it did last, and when it runs next. */
export function JobsView(): ReactNode {
  const { client } = usePage();
  const [command, setCommand] = useState<Command | null>(null);
  const jobs = useQuery({
    queryKey: keys.jobs,
    queryFn: ({ signal }) => listJobs(client, signal),
    refetchInterval: LOOK_EVERY_MS,
  });
  return (
    <>
      <ViewTitle title="Jobs" />
      {jobs.data ? (
        <Stack gap="md">
          {jobs.data.length === 0 && <Nothing title="Nothing runs on a schedule" />}
          {byName(jobs.data).map((job) => (
            <JobCard key={job.name} job={job} onRun={() => setCommand(runCommand(client, job, () => jobs.refetch()))} />
          ))}
        </Stack>
      ) : jobs.error ? (
        <Failed what="The jobs" error={jobs.error} onRetry={() => void jobs.refetch()} />
      ) : (
        <Loading what="jobs" rows={4} />
      )}
      {command && <CommandDialog command={command} onClose={() => setCommand(null)} />}
    </>
  );
}

function JobCard({ job, onRun }: { readonly job: JobStatus; readonly onRun: () => void }): ReactNode {
  const { name, last_run: run } = job;
  return (
    <Card
      title={name}
      level={2}
      aside={
        <Button
          variant="default"
          size="xs"
          leftSection={<PlayIcon size={14} />}
          onClick={onRun}
          aria-label={`Run now: ${name}`}
        >
          Run now
        </Button>
      }
    >
      <Text size="sm" c="dimmed" mt={-8} mb="md">
        {PURPOSE[name] ?? 'Runs on a schedule.'} Every {duration(job.interval_seconds * 1000)}.
      </Text>
      <Facts
        facts={[
          ['Now', <Now key="now" job={job} />],
          ['Last run', run ? <RelativeTime key="last" at={run.started_at} /> : 'not yet'],
          ['It took', run ? tookText(run) : '–'],
          ['Outcome', <Outcome key="outcome" run={run} />],
          ['Next run', <NextRun key="next" at={job.next_run_at} running={job.running} />],
          ['Last success', <RelativeTime key="success" at={job.last_success_at} />],
        ]}
      />
      {run?.summary && (
        <Text size="sm" mt="md">
          <Text span c="dimmed">
            Result:{' '}
          </Text>
          {summaryText(run.summary)}
        </Text>
      )}
      {run?.error && (
        <Alert color="red" variant="outline" mt="md" title={run.error.code}>
          {run.error.message}
        </Alert>
      )}
    </Card>
  );
}

function Now({ job }: { readonly job: JobStatus }): ReactNode {
  if (!job.running) return <State color="unknown">Waiting</State>;
  return <State color="running">Running{job.running_on === undefined ? '' : ` on ${job.running_on}`}</State>;
}

function Outcome({ run }: { readonly run: JobRun | null }): ReactNode {
  if (!run) return '–';
  return run.outcome === 'succeeded' ? <State color="running">Succeeded</State> : <State color="trouble">Failed</State>;
}

function NextRun({ at, running }: { readonly at: string | null; readonly running: boolean }): ReactNode {
  const now = useNow();
  if (at === null) return running ? 'after this one' : 'not planned';
  const time = Date.parse(at);
  return now < time ? (
    <>
      in <Countdown to={time} />
    </>
  ) : (
    'now'
  );
}

function runCommand(client: ServiceClient, { name }: JobStatus, refresh: () => Promise<unknown>): Command {
  return {
    title: `Run ${name} now?`,
    explanation: (
      <>
        {PURPOSE[name] ?? 'The job runs once.'} It does now what it would do at its next run; a run that is under way is
        finished first.
      </>
    ),
    confirm: 'Run now',
    run: async (caller) => {
      const run = await runJob(client, name, caller);
      await refresh();
      const failed = run.outcome === 'failed';
      return {
        tone: failed ? 'nothing' : 'done',
        title: failed ? `${name} failed` : `${name} is done`,
        text: failed ? (run.error?.message ?? 'It did not say why.') : summaryText(run.summary ?? {}),
      };
    },
  };
}

function byName(jobs: readonly JobStatus[]): readonly JobStatus[] {
  return jobs.toSorted((a, b) => a.name.localeCompare(b.name));
}

function tookText({ duration_ms }: JobRun): string {
  return duration_ms < 1_000 ? counted(Math.round(duration_ms), 'millisecond') : duration(duration_ms);
}

/** "checked: 4, auto paused: 1". */
function summaryText(summary: Readonly<Record<string, number>>): string {
  const entries = Object.entries(summary);
  if (entries.length === 0) return 'nothing to do';
  return entries.map(([what, number]) => `${what.replaceAll('_', ' ')} ${number}`).join(', ');
}
