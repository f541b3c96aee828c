import { Anchor, Group, NativeSelect, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useEffect, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import type { WorkerRow } from '../api/answers.js';
import { listWorkers } from '../api/workers.js';
import { keys } from '../live/query-keys.js';
import { withListed } from '../live/worker-rows.js';
import { DataTable } from '../parts/data-table.js';
import type { Column } from '../parts/data-table.js';
import { SearchIcon } from '../parts/icons.js';
import { sorted, sortingOf, sortingText } from '../parts/sorting.js';
import type { Sorting } from '../parts/sorting.js';
import { Failed, Loading, Nothing } from '../parts/surfaces.js';
import { RelativeTime } from '../parts/time.js';
import { useNow, usePage } from '../shell/page-context.js';
import { paths } from '../shell/routes.js';
import { ViewTitle } from '../shell/view-title.js';
import { rememberQuery } from '../shell/visit.js';
import { counted } from '../time/format.js';
import { filtered } from './worker-filter.js';
import type { WorkerFilter } from './worker-filter.js';
import { forecastOrder, idleStateOf } from './worker-state.js';
import type { IdleState } from './worker-state.js';
import { AutoPauseWord, Forecast, IdleWord, STATUS_CHOICES, StatusWord } from './worker-words.js';
import classes from './workers-view.module.css';

/** Changes that are no events of the feed (a failed check) are seen at the latest after so long. */
const LOOK_EVERY_MS = 60_000;
/** Filters and order follow the clock this often; what the cells say follows it each second. */
const SETTLE_EVERY_MS = 5_000;

const IDLE_CHOICES: readonly { readonly value: IdleState | ''; readonly label: string }[] = [
  { value: '', label: 'Any' },
  { value: 'active', label: 'Active' },
  { value: 'idle', label: 'Idle' },
  { value: 'paused', label: 'Paused' },
];

const BY_NAME: Sorting = { by: 'name', descending: false };

function columnsAt(now: number): readonly Column<WorkerRow>[] {
  return [
    { key: 'name', header: 'Name', width: '2.2fr', cell: NameCell, sortValue: ({ name }) => name },
    {
      key: 'region',
      header: 'Region',
      width: '1.1fr',
      cell: (row) => row.aws_region,
      sortValue: (row) => row.aws_region,
    },
    {
      key: 'status',
      header: 'Status',
      width: '1.1fr',
      cell: (row) => <StatusWord row={row} />,
      sortValue: ({ status }) => status,
    },
    {
      key: 'idle',
      header: 'Idle state',
      width: '1.3fr',
      cell: (row) => <IdleWord row={row} />,
      sortValue: (row) => (row.status === 'running' ? Date.parse(row.idle_since) : null),
    },
    {
      key: 'activity',
      header: 'Last activity',
      width: '1.3fr',
      cell: ({ last_activity_at }) => <RelativeTime at={last_activity_at} never="none seen" />,
      sortValue: ({ last_activity_at }) => (last_activity_at === null ? null : Date.parse(last_activity_at)),
    },
    {
      key: 'pause',
      header: 'Pauses in',
      width: '1.6fr',
      cell: (row) => <Forecast row={row} />,
      sortValue: (row) => {
        const order = forecastOrder(row, now);
        return Number.isFinite(order) ? order : null;
      },
    },
    {
      key: 'auto',
      header: 'Auto-pause',
      width: '0.9fr',
      cell: (row) => <AutoPauseWord row={row} />,
      sortValue: (row) => (row.auto_pause_enabled && row.idle_detection_enabled ? 0 : 1),
    },
  ];
}

const COLUMN_KEYS = columnsAt(0).map(({ key }) => key);

function NameCell(row: WorkerRow): ReactNode {
  const { worker_id, aws_region, aws_instance_id, name, status } = row;
  const failed = status === 'running' && row.last_check_error !== null;
  return (
    <>
      <Anchor href={paths.worker({ aws_region, worker_id })} className={classes['name']}>
        {name}
      </Anchor>
      <Text size="xs" c={failed ? 'var(--page-warn)' : 'dimmed'}>
        {failed ? 'Last check failed' : aws_instance_id}
      </Text>
    </>
  );
}

/** All workers: what they do, and when each will be paused. */
export function WorkersView({ query }: { readonly query: URLSearchParams }): ReactNode {
  const { client, queries } = usePage();
  const workers = useQuery({
    queryKey: keys.workers,
    queryFn: async ({ signal }) =>
      withListed(queries.getQueryData<readonly WorkerRow[]>(keys.workers), await listWorkers(client, signal)),
    refetchInterval: LOOK_EVERY_MS,
  });
  return (
    <>
      <ViewTitle title="Workers">{workers.data && <Summary rows={workers.data} />}</ViewTitle>
      {workers.data ? (
        <FilteredWorkers rows={workers.data} query={query} />
      ) : workers.error ? (
        <Failed what="The workers" error={workers.error} onRetry={() => void workers.refetch()} />
      ) : (
        <Loading what="workers" />
      )}
    </>
  );
}

function FilteredWorkers({
  rows,
  query,
}: {
  readonly rows: readonly WorkerRow[];
  readonly query: URLSearchParams;
}): ReactNode {
  const [filter, setFilter] = useState<WorkerFilter>(() => filterOf(query));
  const [sorting, setSorting] = useState(() => sortingOf(query.get('sort'), COLUMN_KEYS, BY_NAME));
  const now = useNow(SETTLE_EVERY_MS);
  // Typing stays quick while the table follows.
  const applied = useDeferredValue(filter);
  const columns = useMemo(() => columnsAt(now), [now]);
  const shown = useMemo(
    () => sorted(filtered(rows, applied, now), columns, sorting),
    [rows, applied, now, columns, sorting],
  );
  useEffect(() => {
    const sort = sortingText(sorting);
    rememberQuery(paths.workers, {
      q: filter.text,
      status: filter.status,
      idle: filter.idle,
      sort: sort === sortingText(BY_NAME) ? '' : sort,
    });
  }, [filter, sorting]);

  if (rows.length === 0) return <NoWorkers />;
  return (
    <>
      <Filters filter={filter} onChange={setFilter} shown={shown.length} all={rows.length} />
      <div className={classes['surface']}>
        {shown.length === 0 ? (
          <Nothing title="No worker is like that">Other words, or another status, may find some.</Nothing>
        ) : (
          <DataTable
            label="Workers"
            columns={columns}
            rows={shown}
            rowKey={({ worker_id }) => worker_id}
            sorting={sorting}
            onSort={setSorting}
          />
        )}
      </div>
    </>
  );
}

function Filters({
  filter,
  onChange,
  shown,
  all,
}: {
  readonly filter: WorkerFilter;
  readonly onChange: (filter: WorkerFilter) => void;
  readonly shown: number;
  readonly all: number;
}): ReactNode {
  return (
    <Group role="search" aria-label="Filter the workers" align="flex-end" gap="sm" mb="md">
      <TextInput
        label="Find"
        placeholder="Name, instance, region"
        type="search"
        leftSection={<SearchIcon size={16} />}
        className={classes['find']}
        value={filter.text}
        onChange={({ currentTarget: { value } }) => onChange({ ...filter, text: value })}
      />
      <NativeSelect
        label="Status"
        className={classes['choice']}
        value={filter.status}
        onChange={({ currentTarget: { value } }) => onChange({ ...filter, status: value })}
        data={[{ value: '', label: 'Any' }, ...STATUS_CHOICES]}
      />
      <NativeSelect
        label="Idle state"
        className={classes['choice']}
        value={filter.idle}
        onChange={({ currentTarget: { value } }) => onChange({ ...filter, idle: idleOf(value) })}
        data={IDLE_CHOICES}
      />
      <Text size="sm" c="dimmed" role="status" pb={8} className={classes['count']}>
        {shown === all ? counted(all, 'worker') : `${shown} of ${counted(all, 'worker')}`}
      </Text>
    </Group>
  );
}

/** How many of them do what, at a glance. */
function Summary({ rows }: { readonly rows: readonly WorkerRow[] }): ReactNode {
  const now = useNow(SETTLE_EVERY_MS);
  const states = rows.map((row) => idleStateOf(row, now));
  const count = (state: IdleState): number => states.filter((other) => other === state).length;
  return (
    <Text c="dimmed" size="sm">
      {count('active')} active, {count('idle')} idle, {count('paused')} paused
    </Text>
  );
}

function NoWorkers(): ReactNode {
  return (
    <div className={classes['surface']}>
      <Nothing title="No workers yet">
        Register an EC2 instance with POST /region/&lt;region&gt;/workers/import; the <a href="/docs">API’s page</a>{' '}
        shows how.
      </Nothing>
    </div>
  );
}

function filterOf(query: URLSearchParams): WorkerFilter {
  const status = query.get('status') ?? '';
  return {
    text: query.get('q') ?? '',
    status: STATUS_CHOICES.some(({ value }) => value === status) ? status : '',
    idle: idleOf(query.get('idle') ?? ''),
  };
}

function idleOf(text: string): IdleState | '' {
  return IDLE_CHOICES.find(({ value }) => value === text)?.value ?? '';
}
