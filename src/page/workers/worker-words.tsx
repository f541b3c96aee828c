import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { WorkerRow, WorkerStatus } from '../api/answers.js';
import { State } from '../parts/state.js';
import type { StateColor } from '../parts/state.js';
import { Countdown } from '../parts/time.js';
import classes from '../parts/parts.module.css';
import { useNow } from '../shell/page-context.js';
import { autoPauseOf, forecastText, idleStateOf, idleText, pauseForecast } from './worker-state.js';

const STATUS: Readonly<Record<WorkerStatus, readonly [word: string, color: StateColor]>> = {
  pending: ['Pending', 'changing'],
  starting: ['Starting', 'changing'],
  running: ['Running', 'running'],
  stopping: ['Stopping', 'changing'],
  stopped: ['Stopped', 'paused'],
  'shutting-down': ['Shutting down', 'trouble'],
  terminated: ['Terminated', 'trouble'],
  unknown: ['Unknown', 'unknown'],
};

export const STATUS_CHOICES = Object.entries(STATUS).map(([value, [label]]) => ({ value, label }));

const POWER_CHANGE = { pausing: 'Pausing', resuming: 'Resuming' } as const;

/** What EC2 says of the machine, or what is just being made of it. */
export function StatusWord({ row }: { readonly row: Pick<WorkerRow, 'status' | 'power_change'> }): ReactNode {
  if (row.power_change !== null) return <State color="changing">{POWER_CHANGE[row.power_change]}</State>;
  const [word, color] = STATUS[row.status];
  return <State color={color}>{word}</State>;
}

/** Active, Idle and for how long, or Paused; crosses over by itself as time passes. */
export function IdleWord({ row }: { readonly row: WorkerRow }): ReactNode {
  const now = useNow();
  const state = idleStateOf(row, now);
  if (state === 'unknown') return <span className={classes['quiet']}>–</span>;
  const color: StateColor = state === 'active' ? 'running' : state;
  return (
    <>
      <State color={color}>{idleText(row, now)}</State>
      {state === 'paused' && row.pause_reason !== null && (
        <Text size="xs" c="dimmed">
          {pauseWords(row)}
        </Text>
      )}
    </>
  );
}

/** When it will be paused, counting down. */
export function Forecast({ row }: { readonly row: WorkerRow }): ReactNode {
  const now = useNow();
  const forecast = pauseForecast(row, now);
  if (forecast.kind === 'counting') return <Countdown to={forecast.at} />;
  if (forecast.kind === 'never') return <span className={classes['quiet']}>{forecastText(forecast, now)}</span>;
  return <span className={classes[forecast.kind === 'due' ? 'due' : 'quiet']}>{forecastText(forecast, now)}</span>;
}

export function AutoPauseWord({ row }: { readonly row: WorkerRow }): ReactNode {
  const state = autoPauseOf(row);
  if (state === 'on') return <span>On</span>;
  return <span className={classes['quiet']}>{state === 'off' ? 'Off' : 'Off everywhere'}</span>;
}

/** Why a worker was paused, and by whom, in a few words. */
export function pauseWords({ pause_reason, paused_by }: Pick<WorkerRow, 'pause_reason' | 'paused_by'>): string {
  switch (pause_reason) {
    case 'idle_timeout':
      return 'idle for too long';
    case 'manual':
      return `by ${paused_by ?? 'somebody'}`;
    case 'external':
      return 'outside of Dormouse';
    case null:
      return '';
  }
}
