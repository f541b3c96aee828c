import type { Command } from 'commander';
import { SystemClock } from '../../platform/clock.js';
import type { JobRecord } from '../../platform/jobs/job.js';
import type { Cli } from '../cli.js';
import { EXIT, failureOf } from '../cli.js';
import { segment } from '../service-api.js';

/** `dormouse job NAME`, for external schedulers: one JSON line on standard output whatever happens. */
export function addJobCommand(program: Command, cli: Cli): void {
  program
    .command('job')
    .argument('<name>', 'activity-detection, worker-status-sync, session-auto-pause or session-expiry')
    .summary('run a job once')
    .description(
      'Runs a job once and waits for its end. Prints exactly one line of JSON on standard output: what the run counted,\n' +
        'such as paused_sessions, and {name, outcome, started_at, finished_at, duration_ms, summary, error}; summary has\n' +
        'the counts once more. Everything else goes to standard error.\n\n' +
        'Exit code 0: the run succeeded. 1: it failed, or could not begin; the line tells why.',
    )
    .option('--url <url>', 'the service to talk to, e.g. http://127.0.0.1:3000')
    .addHelpText(
      'after',
      `
Examples:
  $ dormouse job activity-detection
  $ npm run --silent job -- session-auto-pause
  */30 * * * *  DATA_DIR=/var/lib/dormouse dormouse job activity-detection >> jobs.log

Environment:
  DORMOUSE_URL  URL of the service, as --url
  DATA_DIR      without a URL: the data directory (default ./data). The service that runs on it runs the job;
                when none runs, this process does, with the settings of the environment (see dormouse serve).
  LOG_LEVEL     of the log on standard error (default warn)`,
    )
    .action(async (name: string, options: { url?: string }) => {
      const record = await runJob(cli, name, options);
      // For who reads one number of one job; the record's own names go before.
      cli.terminal.out(JSON.stringify({ ...record.summary, ...record }));
      cli.exitCode = record.outcome === 'succeeded' ? EXIT.done : EXIT.failed;
    });
}

async function runJob(cli: Cli, name: string, options: { url?: string }): Promise<JobRecord> {
  const clock = new SystemClock();
  const startedAt = clock.now();
  try {
    return await cli.withService(options, (api) => api.post<JobRecord>(`/jobs/${segment(name)}/run`), 'may_begin');
  } catch (error) {
    const { code, message, lines } = failureOf(error);
    const finishedAt = clock.now();
    return {
      name,
      outcome: 'failed',
      started_at: new Date(startedAt).toISOString(),
      finished_at: new Date(finishedAt).toISOString(),
      duration_ms: finishedAt - startedAt,
      summary: null,
      error: { code, message: [message, ...lines].join(' ') },
    };
  }
}
