import { Command } from 'commander';
import { Cli } from './cli.js';
import { addDemoCommand } from './subcommands/demo.command.js';
import { addEventsCommands } from './subcommands/events.commands.js';
import { addJobCommand } from './subcommands/job.command.js';
import { addParkedCommands } from './subcommands/parked.commands.js';
import { addProjectionsCommands } from './subcommands/projections.commands.js';
import { addSubscriptionsCommands } from './subcommands/subscriptions.commands.js';
import { addWorkersCommands } from './subcommands/workers.commands.js';
import { processTerminal } from './terminal.js';

const AFTER_HELP = `
Each command tells more with --help.

Exit codes:
  0  done
  1  failed; standard error tells why
  2  the command line is wrong

Environment:
  DORMOUSE_URL  the service that commands talk to
  DATA_DIR      without DORMOUSE_URL: the data directory (default ./data); the service that runs on it
                is used, and when none runs, commands work on the directory by themselves`;

/**
 * Runs one command line.
 *
 * @param args without the program's own name
 * @returns the exit code
 */
export async function runProgram(args: readonly string[]): Promise<number> {
  const cli = new Cli(processTerminal(), process.env);
  try {
    await programOf(cli).parseAsync(args, { from: 'user' });
    return cli.exitCode;
  } catch (error) {
    return cli.report(error);
  }
}

/** The whole command line. */
export function programOf(cli: Cli): Command {
  const program = new Command('dormouse')
    .description('Puts idle things to sleep, and keeps every step.')
    .addHelpText('after', AFTER_HELP)
    .showHelpAfterError("See 'dormouse --help', or --help after a command.")
    .configureOutput({
      writeErr: (text) => cli.terminal.err(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: /, 'dormouse: ')),
    })
    .exitOverride();
  addServeCommand(program, cli);
  addDemoCommand(program, cli);
  addJobCommand(program, cli);
  addWorkersCommands(program, cli);
  addProjectionsCommands(program, cli);
  addParkedCommands(program, cli);
  addEventsCommands(program, cli);
  addSubscriptionsCommands(program, cli);
  return program;
}

function addServeCommand(program: Command, cli: Cli): void {
  program
    .command('serve')
    .summary('run the service')
    .description('Runs the service until SIGTERM or SIGINT. It is configured by the environment, like npm start.')
    .addHelpText(
      'after',
      `
Examples:
  $ dormouse serve
  $ WORKER_AUTO_PAUSE_ENABLED=false CML_USERNAME=reader CML_PASSWORD=... dormouse serve

Environment (some of it; docs/operations.md has all):
  DATA_DIR                            where the history is kept (default ./data)
  HOST, PORT                          where it listens (default 127.0.0.1, 3000)
  LOG_LEVEL                           fatal, error, warn, info (default), debug or trace
  CML_USERNAME, CML_PASSWORD          login of the CML servers
  WORKER_IDLE_TIMEOUT_MINUTES         idle for so long is idle (default 60)
  WORKER_ACTIVITY_DETECTION_INTERVAL  seconds between two checks (default 1800)
  WORKER_STATUS_SYNC_INTERVAL         seconds between two looks at EC2 (default 300)
  WORKER_AUTO_PAUSE_ENABLED           false: decide and record, but pause nothing
  WORKER_AUTO_PAUSE_SNOOZE_MINUTES    no auto-pause for so long after a resume (default 60)
  AWS_*                               as the AWS SDK understands them`,
    )
    .action(async () => {
      const { runService } = await import('../main.js');
      await runService(cli.environment);
    });
}
