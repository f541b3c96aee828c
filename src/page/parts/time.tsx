import { Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import { useNow } from '../shell/page-context.js';
import { countdown, exactTime, relativeTime } from '../time/format.js';
import classes from './parts.module.css';

const HOUR = 3_600_000;

/** "2 hours ago", and the exact time for who points at it or tabs to it. */
export function RelativeTime({
  at,
  never = 'never',
}: {
  readonly at: string | null;
  readonly never?: string;
}): ReactNode {
  return at === null ? <span className={classes['quiet']}>{never}</span> : <Relative at={Date.parse(at)} iso={at} />;
}

function Relative({ at, iso }: { readonly at: number; readonly iso: string }): ReactNode {
  const now = useNow();
  const exact = exactTime(at);
  return (
    <Exact text={exact}>
      <time dateTime={iso} tabIndex={0} className={classes['time']}>
        {relativeTime(at, now)}
      </time>
    </Exact>
  );
}

/** What is left until a time. A timer to screen readers, which do not read each of its seconds. */
export function Countdown({ to }: { readonly to: number }): ReactNode {
  const now = useNow();
  return (
    <Exact text={exactTime(to)}>
      <span role="timer" tabIndex={0} className={classes['countdown']}>
        {countdown(to - now)}
      </span>
    </Exact>
  );
}

/** A time of the last or next day is shown by the clock, others with their date. */
export function isNear(at: number, now: number): boolean {
  return Math.abs(now - at) < 12 * HOUR;
}

function Exact({ text, children }: { readonly text: string; readonly children: ReactNode }): ReactNode {
  return (
    <Tooltip label={text} events={{ hover: true, focus: true, touch: true }} withArrow>
      {children}
    </Tooltip>
  );
}
