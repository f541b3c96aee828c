import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { WorkerActivity, WorkerRow, WorkerTimeline } from '../api/answers.js';
import { Card } from '../parts/surfaces.js';
import { useNow } from '../shell/page-context.js';
import { whyCheckFailed, whyDecided, whyNow } from './why.js';
import { idleStateOf } from './worker-state.js';
import classes from './worker-view.module.css';

const SETTLE_EVERY_MS = 5_000;

/** Why it runs or does not, and what the last check decided, with the numbers. */
export function WhyCard({
  row,
  timeline,
  activity,
}: {
  readonly row: WorkerRow;
  readonly timeline: WorkerTimeline;
  readonly activity: WorkerActivity | undefined;
}): ReactNode {
  const now = useNow(SETTLE_EVERY_MS);
  const failed = activity ? whyCheckFailed(activity, now) : null;
  const pausedFor = idleStateOf(row, now) === 'paused' ? row.pause_reason : null;
  const decided = timeline.last_check
    ? whyDecided(timeline.last_check, pausedFor, now)
    : ['No check has read its telemetry yet.'];
  return (
    <Card title="Why">
      <Text fw={600} mb="sm">
        {whyNow(row, now)}
      </Text>
      <ul className={classes['sentences']}>
        {failed !== null && <li className={classes['trouble']}>{failed}</li>}
        {decided.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
    </Card>
  );
}
