import type { IdleDetectionResult, OperationResult, WorkerRow } from '../api/answers.js';
import type { ServiceClient } from '../api/client.js';
import { checkWorker, pauseWorker, resumeWorker, toggleDetection } from '../api/workers.js';
import type { Command, Result } from '../parts/command-dialog.js';
import { minutesText } from '../time/format.js';

export function pauseCommand(client: ServiceClient, row: WorkerRow): Command {
  return {
    title: `Pause ${row.name}?`,
    explanation: (
      <>
        EC2 is asked to stop the instance {row.aws_instance_id}. Labs that run on it stop with it; its disks, and so the
        labs themselves, are kept. It stays paused until somebody resumes it.
      </>
    ),
    confirm: 'Pause worker',
    color: 'red',
    run: async (caller) =>
      told(await pauseWorker(client, row, caller), `${row.name} is paused`, 'EC2 stops the instance.', row.name),
  };
}

export function resumeCommand(client: ServiceClient, row: WorkerRow, snooze: string | null): Command {
  return {
    title: `Resume ${row.name}?`,
    explanation: (
      <>
        EC2 is asked to start the instance {row.aws_instance_id}, which costs money from then on. It takes a few minutes
        until CML answers.{snooze !== null && ` It is protected from auto-pause for ${snooze} after that.`}
      </>
    ),
    confirm: 'Resume worker',
    run: async (caller) =>
      told(await resumeWorker(client, row, caller), `${row.name} is resumed`, 'EC2 starts the instance.', row.name),
  };
}

export function checkCommand(client: ServiceClient, row: WorkerRow): Command {
  return {
    title: `Check ${row.name} now?`,
    explanation: 'Its telemetry is read from CML. If nobody has used the worker for its whole timeout, it is paused.',
    confirm: 'Check now',
    run: async (caller) => checkResult(await checkWorker(client, row, caller), row.name),
  };
}

export function detectionCommand(client: ServiceClient, row: WorkerRow): Command {
  const enable = !row.idle_detection_enabled;
  return {
    title: enable ? `Switch idle detection on for ${row.name}?` : `Switch idle detection off for ${row.name}?`,
    explanation: enable
      ? 'From the next check on it is paused when nobody has used it for its whole timeout. If that is over already, the next check pauses it.'
      : 'It is no longer checked and never paused automatically: it runs, and costs, until somebody pauses it.',
    confirm: enable ? 'Switch on' : 'Switch off',
    run: async (caller) =>
      told(
        await toggleDetection(client, row, enable, caller),
        `Idle detection is ${enable ? 'on' : 'off'}`,
        `${row.name} is ${enable ? 'watched' : 'not watched any more'}.`,
        row.name,
      ),
  };
}

/** What an operation's answer means to the one who asked for it. */
export function told({ data, detail }: OperationResult, title: string, text: string, name: string): Result {
  if (!data) return { tone: 'nothing', title: `${name} stays as it is`, text: detail ?? 'Something else came first.' };
  return { tone: 'done', title, text: detail ?? text };
}

function checkResult(result: IdleDetectionResult, name: string): Result {
  const idle = minutesText(result.idle_duration_minutes);
  const timeout = minutesText(result.idle_threshold_minutes);
  if (result.paused) {
    return {
      tone: 'done',
      title: `${name} is paused`,
      text: `It had been idle for ${idle}; its timeout is ${timeout}.`,
    };
  }
  return { tone: 'nothing', title: `${name} keeps running`, text: keptText(result, idle, timeout) };
}

function keptText(
  { reason, new_activity_count, not_acted_because }: IdleDetectionResult,
  idle: string,
  timeout: string,
): string {
  switch (reason) {
    case 'recent_activity':
      return `It is in use: ${new_activity_count} new activity event${new_activity_count === 1 ? '' : 's'}.`;
    case 'not_idle_yet':
      return `It has been idle for ${idle}; its timeout is ${timeout}.`;
    case 'in_snooze_period':
      return `It has been idle for ${idle}, but was resumed shortly before.`;
    case 'idle_timeout_exceeded':
      return `It has been idle for ${idle}, but is not paused: ${(not_acted_because ?? 'something came in between').replaceAll('_', ' ')}.`;
  }
}
