import { Anchor, Button, Group, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { WorkerActivity, WorkerRow, WorkerTimeline } from '../api/answers.js';
import { Problem } from '../api/problem.js';
import { getActivity, getTimeline, workersByIds } from '../api/workers.js';
import type { WorkerRef } from '../api/workers.js';
import { keys } from '../live/query-keys.js';
import { BackIcon } from '../parts/icons.js';
import { Card, Failed, Loading, Nothing } from '../parts/surfaces.js';
import { usePage } from '../shell/page-context.js';
import { paths } from '../shell/routes.js';
import { ViewTitle } from '../shell/view-title.js';
import { useVisit } from '../shell/visit.js';
import { LifecycleCard } from './lifecycle-card.js';
import { NowCard } from './now-card.js';
import { RecentEvents } from './recent-events.js';
import { TimelineCard } from './timeline/timeline-card.js';
import { WhyCard } from './why-card.js';
import { WorkerActions } from './worker-actions.js';
import { StatusWord } from './worker-words.js';
import classes from './worker-view.module.css';

/** A failed check is no event of the feed. */
const LOOK_EVERY_MS = 30_000;
const TIMELINE_DAYS = 7;

/** One worker: what it does, why, what was before, and what can be done with it. */
export function WorkerView({ worker }: { readonly worker: WorkerRef }): ReactNode {
  const { client, queries } = usePage();
  const { worker_id } = worker;
  const row = useQuery({
    queryKey: keys.row(worker_id),
    queryFn: async () => (await workersByIds(client, [worker_id]))[0] ?? null,
    initialData: () =>
      queries.getQueryData<readonly WorkerRow[]>(keys.workers)?.find((other) => other.worker_id === worker_id),
    initialDataUpdatedAt: 0,
    refetchInterval: LOOK_EVERY_MS,
  });
  if (row.data && row.data.aws_region === worker.aws_region) return <Worker row={row.data} />;
  return (
    <>
      <Back />
      <ViewTitle title="Worker" />
      {row.error && !row.data ? (
        <Failed what="The worker" error={row.error} onRetry={() => void row.refetch()} />
      ) : row.data === undefined ? (
        <Loading what="the worker" />
      ) : (
        <Nothing title="There is no such worker">
          It may have been deregistered. <a href={paths.workers}>To the workers</a>
        </Nothing>
      )}
    </>
  );
}

function Worker({ row }: { readonly row: WorkerRow }): ReactNode {
  const { client } = usePage();
  const { worker_id } = row;
  const activity = useQuery({
    queryKey: keys.activity(worker_id),
    queryFn: ({ signal }) => getActivity(client, row, signal),
    refetchInterval: LOOK_EVERY_MS,
  });
  const timeline = useQuery({
    queryKey: keys.timeline(worker_id),
    queryFn: ({ signal }) => getTimeline(client, row, TIMELINE_DAYS, signal),
    refetchInterval: LOOK_EVERY_MS,
  });
  return (
    <>
      <Back />
      <ViewTitle title={row.name} />
      <Group justify="space-between" align="center" mt={-12} mb="lg" gap="sm">
        <Group gap="sm" className={classes['identity']}>
          <StatusWord row={row} />
          <Text size="sm" c="dimmed">
            {row.aws_region}
          </Text>
          <Text size="sm" c="dimmed">
            {row.aws_instance_id}
          </Text>
          {row.cml_endpoint !== null && (
            <Anchor size="sm" href={row.cml_endpoint} target="_blank" rel="noreferrer">
              CML
            </Anchor>
          )}
        </Group>
        <WorkerActions row={row} />
      </Group>
      <Title order={2} size="h4" mb="sm">
        Activity &amp; Lifecycle
      </Title>
      <Stack gap="md">
        <div className={classes['pair']}>
          <NowCard row={row} />
          <Part what="Why" query={timeline}>
            {(data) => <WhyCard row={row} timeline={data} activity={activity.data} />}
          </Part>
        </div>
        <Part what="The last 7 days" query={timeline}>
          {(data) => <TimelineCard timeline={data} />}
        </Part>
        <div className={classes['uneven']}>
          <Part what="Lifecycle" query={activity}>
            {(data) => <LifecycleCard activity={data} />}
          </Part>
          <Part what="Recent activity" query={activity}>
            {(data) => <RecentEvents activity={data} />}
          </Part>
        </div>
      </Stack>
    </>
  );
}

/** One answer's part of the view: the others are shown without it. */
function Part<T extends WorkerActivity | WorkerTimeline>({
  what,
  query: { data, error, refetch },
  children,
}: {
  readonly what: string;
  readonly query: { readonly data: T | undefined; readonly error: Error | null; readonly refetch: () => unknown };
  readonly children: (data: T) => ReactNode;
}): ReactNode {
  if (data) return children(data);
  return (
    <Card title={what}>
      {error ? (
        error instanceof Problem && error.status === 404 ? (
          <Nothing title="There is no such worker any more" />
        ) : (
          <Failed what={what} error={error} onRetry={() => void refetch()} />
        )
      ) : (
        <Loading what={what} rows={3} />
      )}
    </Card>
  );
}

/** Back to the table as it was: filtered, sorted and scrolled. */
function Back(): ReactNode {
  const cameFromWorkers = useVisit().from?.view === 'workers';
  return (
    <Button
      component="a"
      href={paths.workers}
      variant="subtle"
      color="gray"
      size="compact-sm"
      ml={-8}
      mb="xs"
      leftSection={<BackIcon size={16} />}
      onClick={(event) => {
        if (!cameFromWorkers || event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        window.history.back();
      }}
    >
      Workers
    </Button>
  );
}
