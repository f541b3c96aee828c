import { Alert, Group, NativeSelect, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useEffect, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import type { SessionRow, SessionStatus } from '../api/answers.js';
import { listSessions } from '../api/coaching.js';
import type { Sessions } from '../api/coaching.js';
import { keys } from '../live/query-keys.js';
import { DataTable } from '../parts/data-table.js';
import type { Column } from '../parts/data-table.js';
import { SearchIcon } from '../parts/icons.js';
import classes from '../parts/parts.module.css';
import { sorted, sortingOf, sortingText } from '../parts/sorting.js';
import type { Sorting } from '../parts/sorting.js';
import { State } from '../parts/state.js';
import type { StateColor } from '../parts/state.js';
import { Failed, Loading, Nothing } from '../parts/surfaces.js';
import { Countdown, RelativeTime } from '../parts/time.js';
import { useNow, usePage } from '../shell/page-context.js';
import { paths } from '../shell/routes.js';
import { ViewTitle } from '../shell/view-title.js';
import { rememberQuery } from '../shell/visit.js';
import tableClasses from '../workers/workers-view.module.css';
import { counted, minutesText } from '../time/format.js';

const LOOK_EVERY_MS = 60_000;

const STATUS: Readonly<Record<SessionStatus, readonly [word: string, color: StateColor]>> = {
  active: ['Active', 'running'],
  paused: ['Paused', 'paused'],
  completed: ['Completed', 'unknown'],
  cancelled: ['Cancelled', 'unknown'],
  abandoned: ['Abandoned', 'unknown'],
};

const BY_PAUSE: Sorting = { by: 'pause', descending: false };

const COLUMNS: readonly Column<SessionRow>[] = [
  {
    key: 'topic',
    header: 'Topic',
    width: '1.6fr',
    cell: ({ topic_name, session_id }) => (
      <>
        <Text fw={600} size="sm">
          {topic_name}
        </Text>
        <Text size="xs" c="dimmed">
          {session_id}
        </Text>
      </>
    ),
    sortValue: ({ topic_name }) => topic_name,
  },
  {
    key: 'user',
    header: 'User',
    width: '1.2fr',
    cell: ({ user_id, tenant_id }) => (
      <>
        {user_id}{' '}
        <Text size="xs" c="dimmed" span display="block">
          {tenant_id}
        </Text>
      </>
    ),
    sortValue: ({ tenant_id, user_id }) => `${user_id} ${tenant_id}`,
  },
  {
    key: 'status',
    header: 'State',
    width: '1.4fr',
    cell: (row) => <SessionState row={row} />,
    sortValue: ({ status }) => Object.keys(STATUS).indexOf(status),
  },
  {
    key: 'activity',
    header: 'Last activity',
    width: '1.2fr',
    cell: ({ last_activity_at }) => <RelativeTime at={last_activity_at} />,
    sortValue: ({ last_activity_at }) => Date.parse(last_activity_at),
  },
  {
    key: 'pause',
    header: 'Pauses in',
    width: '1.2fr',
    cell: (row) => <PausesIn row={row} />,
    sortValue: ({ status, auto_pause_at }) =>
      status === 'active' && auto_pause_at !== null ? Date.parse(auto_pause_at) : null,
  },
  {
    key: 'timeout',
    header: 'Timeout',
    width: '0.9fr',
    cell: ({ timeout_minutes }) => minutesText(timeout_minutes),
    sortValue: ({ timeout_minutes }) => timeout_minutes,
  },
];

const COLUMN_KEYS = COLUMNS.map(({ key }) => key);

/** Coaching sessions of all tenants, and when each will be paused. Nobody's words are shown here. */
export function CoachingView({ query }: { readonly query: URLSearchParams }): ReactNode {
  const { client } = usePage();
  const sessions = useQuery({
    queryKey: keys.sessions,
    queryFn: ({ signal }) => listSessions(client, signal),
    refetchInterval: LOOK_EVERY_MS,
  });
  return (
    <>
      <ViewTitle title="Coaching sessions">{sessions.data && <Summary rows={sessions.data.rows} />}</ViewTitle>
      {sessions.data ? (
        <SessionTable sessions={sessions.data} query={query} />
      ) : sessions.error ? (
        <Failed what="The sessions" error={sessions.error} onRetry={() => void sessions.refetch()} />
      ) : (
        <Loading what="coaching sessions" />
      )}
    </>
  );
}

function SessionTable({
  sessions: { rows, truncated },
  query,
}: {
  readonly sessions: Sessions;
  readonly query: URLSearchParams;
}): ReactNode {
  const [text, setText] = useState(query.get('q') ?? '');
  const [status, setStatus] = useState(query.get('status') ?? '');
  const [sorting, setSorting] = useState(() => sortingOf(query.get('sort'), COLUMN_KEYS, BY_PAUSE));
  const words = useDeferredValue(text);
  const shown = useMemo(() => {
    const chosen = rows.filter((row) => (status === '' || row.status === status) && isFound(row, words));
    return sorted(chosen, COLUMNS, sorting);
  }, [rows, words, status, sorting]);
  useEffect(() => {
    const sort = sortingText(sorting);
    rememberQuery(paths.coaching, { q: text, status, sort: sort === sortingText(BY_PAUSE) ? '' : sort });
  }, [text, status, sorting]);

  if (rows.length === 0) {
    return (
      <div className={tableClasses['surface']}>
        <Nothing title="No coaching sessions yet">They show up here when somebody starts one.</Nothing>
      </div>
    );
  }
  return (
    <>
      {truncated && (
        <Alert mb="md" color="yellow" variant="outline">
          There are more sessions than the {counted(rows.length, 'one')} listed here.
        </Alert>
      )}
      <Group role="search" aria-label="Filter the sessions" align="flex-end" gap="sm" mb="md">
        <TextInput
          label="Find"
          type="search"
          placeholder="Topic, user, tenant"
          leftSection={<SearchIcon size={16} />}
          className={tableClasses['find']}
          value={text}
          onChange={({ currentTarget: { value } }) => setText(value)}
        />
        <NativeSelect
          label="State"
          className={tableClasses['choice']}
          value={status}
          onChange={({ currentTarget: { value } }) => setStatus(value)}
          data={[{ value: '', label: 'Any' }, ...Object.entries(STATUS).map(([value, [label]]) => ({ value, label }))]}
        />
        <Text size="sm" c="dimmed" role="status" pb={8} className={tableClasses['count']}>
          {shown.length === rows.length ? '' : `${shown.length} of `}
          {counted(rows.length, 'session')}
        </Text>
      </Group>
      <div className={tableClasses['surface']}>
        {shown.length === 0 ? (
          <Nothing title="No session is like that" />
        ) : (
          <DataTable
            label="Coaching sessions"
            columns={COLUMNS}
            rows={shown}
            rowKey={({ session_id }) => session_id}
            sorting={sorting}
            onSort={setSorting}
          />
        )}
      </div>
    </>
  );
}

function SessionState({ row }: { readonly row: SessionRow }): ReactNode {
  const [word, color] = STATUS[row.status];
  const why =
    row.status !== 'paused'
      ? ''
      : row.pause_reason === 'inactivity'
        ? 'for inactivity'
        : `by ${row.paused_by ?? 'its user'}`;
  return (
    <>
      <State color={color}>{word}</State>
      {why && (
        <Text size="xs" c="dimmed">
          {why}
        </Text>
      )}
    </>
  );
}

function PausesIn({ row: { status, auto_pause_at } }: { readonly row: SessionRow }): ReactNode {
  const now = useNow();
  if (status !== 'active' || auto_pause_at === null) return <span className={classes['quiet']}>–</span>;
  const at = Date.parse(auto_pause_at);
  return now < at ? <Countdown to={at} /> : <strong>Due at the next sweep</strong>;
}

function Summary({ rows }: { readonly rows: readonly SessionRow[] }): ReactNode {
  const count = (status: SessionStatus): number => rows.filter((row) => row.status === status).length;
  return (
    <Text c="dimmed" size="sm">
      {count('active')} active, {count('paused')} paused
    </Text>
  );
}

function isFound({ topic_name, topic_id, user_id, tenant_id, session_id }: SessionRow, text: string): boolean {
  const searched = `${topic_name} ${topic_id} ${user_id} ${tenant_id} ${session_id}`.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => searched.includes(word));
}
