import { Button, Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import type { About, WorkerRow } from '../api/answers.js';
import { keys } from '../live/query-keys.js';
import { CommandDialog } from '../parts/command-dialog.js';
import { Card, Facts } from '../parts/surfaces.js';
import { Countdown, RelativeTime } from '../parts/time.js';
import { useNow, usePage } from '../shell/page-context.js';
import { minutesText } from '../time/format.js';
import { TimeoutDialog } from './timeout-dialog.js';
import { currentState, snoozeText } from './why.js';
import { detectionCommand } from './worker-commands.js';
import { Forecast } from './worker-words.js';
import classes from './worker-view.module.css';

/** What the worker does now, and what comes next. */
export function NowCard({ row }: { readonly row: WorkerRow }): ReactNode {
  const now = useNow();
  const snooze = snoozeText(row, now);
  return (
    <Card title="Now">
      <Text className={classes['lead']} mb="lg">
        <Text span size="xs" c="dimmed" fw={400} display="block">
          Current state
        </Text>
        {currentState(row, now)}
      </Text>
      <Facts
        inTwo
        facts={[
          ['Last activity', <RelativeTime key="activity" at={row.last_activity_at} never="none seen" />],
          ['Auto-pause in', <Forecast key="pause" row={row} />],
          ['Next check', <NextCheck key="check" row={row} />],
          ['Snooze', snooze ?? 'Not protected'],
        ]}
      />
      <Policy row={row} />
    </Card>
  );
}

function NextCheck({ row }: { readonly row: WorkerRow }): ReactNode {
  const { next_idle_check_at, status, idle_detection_enabled } = row;
  const now = useNow();
  if (status !== 'running') return 'none while it does not run';
  if (!idle_detection_enabled) return 'none while idle detection is off';
  // The first one has not been yet; each plans the one after it.
  if (next_idle_check_at === null) return 'with the next run of activity-detection';
  const at = Date.parse(next_idle_check_at);
  return now < at ? (
    <>
      in <Countdown to={at} />
    </>
  ) : (
    'now'
  );
}

/** By what rule it goes, and the buttons that change it. */
function Policy({ row }: { readonly row: WorkerRow }): ReactNode {
  const { client, queries } = usePage();
  const [changing, setChanging] = useState<'detection' | 'timeout' | null>(null);
  const settings = useQuery<About>({ queryKey: keys.about, enabled: false }).data?.settings;
  const global = settings?.['idle_timeout_minutes'];
  const close = (): void => {
    setChanging(null);
    void queries.invalidateQueries({ queryKey: keys.worker(row.worker_id) });
  };
  return (
    <>
      <Group mt="lg" gap="sm" justify="space-between">
        <Text size="sm">
          Idle timeout: <strong>{minutesText(row.idle_threshold_minutes)}</strong>{' '}
          <Text span c="dimmed">
            ({row.idle_threshold_source === 'worker' ? 'its own' : 'the global setting'})
          </Text>
        </Text>
        <Button variant="default" size="xs" onClick={() => setChanging('timeout')}>
          Change timeout
        </Button>
      </Group>
      <Group mt="xs" gap="sm" justify="space-between">
        <Text size="sm">
          Idle detection: <strong>{row.idle_detection_enabled ? 'on' : 'off'}</strong>
          {!row.auto_pause_enabled && (
            <Text span c="dimmed">
              {' '}
              (automatic pauses are off for the whole service)
            </Text>
          )}
        </Text>
        <Button variant="default" size="xs" onClick={() => setChanging('detection')}>
          Switch {row.idle_detection_enabled ? 'off' : 'on'}
        </Button>
      </Group>
      {changing === 'timeout' && (
        <TimeoutDialog row={row} globalMinutes={typeof global === 'number' ? global : null} onClose={close} />
      )}
      {changing === 'detection' && <CommandDialog command={detectionCommand(client, row)} onClose={close} />}
    </>
  );
}
