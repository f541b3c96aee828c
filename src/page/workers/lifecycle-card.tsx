import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { WorkerActivity } from '../api/answers.js';
import { Card, Facts } from '../parts/surfaces.js';
import { RelativeTime } from '../parts/time.js';
import { pauseWords } from './worker-words.js';
import classes from './worker-view.module.css';

const RESUMED = { manual: 'by hand', external: 'outside of Dormouse', auto: 'automatically' } as const;

/** How often it was paused and resumed, and the last time of each. */
export function LifecycleCard({ activity }: { readonly activity: WorkerActivity }): ReactNode {
  const counts = [
    ['Automatically', activity.auto_pause_count, activity.auto_resume_count],
    ['By hand', activity.manual_pause_count, activity.manual_resume_count],
    ['Outside of Dormouse', activity.external_pause_count, activity.external_resume_count],
  ] as const;
  return (
    <Card title="Lifecycle">
      <Facts
        inTwo
        facts={[
          ['Last paused', <LastPaused key="paused" activity={activity} />],
          ['Last resumed', <LastResumed key="resumed" activity={activity} />],
        ]}
      />
      <table className={`${classes['table']} ${classes['numbers']}`} style={{ marginTop: 20 }}>
        <caption className={classes['unseen']}>How often it was paused and resumed</caption>
        <thead>
          <tr>
            <th scope="col">How</th>
            <th scope="col">Paused</th>
            <th scope="col">Resumed</th>
          </tr>
        </thead>
        <tbody>
          {counts.map(([how, paused, resumed]) => (
            <tr key={how}>
              <th scope="row">{how}</th>
              <td>{paused}</td>
              <td>{resumed}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function LastPaused({ activity }: { readonly activity: WorkerActivity }): ReactNode {
  if (activity.last_paused_at === null) return 'never';
  return (
    <>
      <RelativeTime at={activity.last_paused_at} />
      <Text size="sm" c="dimmed">
        {pauseWords(activity)}
        {activity.pause_reason !== 'manual' && activity.paused_by !== null && ` (${activity.paused_by})`}
      </Text>
    </>
  );
}

function LastResumed({
  activity: { last_resumed_at, resumed_by, resume_reason },
}: {
  readonly activity: WorkerActivity;
}): ReactNode {
  if (last_resumed_at === null) return 'never';
  return (
    <>
      <RelativeTime at={last_resumed_at} />
      <Text size="sm" c="dimmed">
        {resume_reason === 'manual' || resume_reason === null
          ? `by ${resumed_by ?? 'somebody'}`
          : `${RESUMED[resume_reason]}${resumed_by === null ? '' : ` (${resumed_by})`}`}
      </Text>
    </>
  );
}
