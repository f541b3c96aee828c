import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Cli } from '../cli.js';
import { EXIT } from '../cli.js';
import { endWithNpm } from '../node-process.js';

/** `dormouse demo` */
export function addDemoCommand(program: Command, cli: Cli): void {
  program
    .command('demo')
    .summary('see it work: the service against a simulated lab')
    .description(
      'Starts a simulated lab, which speaks the protocols of CML and EC2, and the ordinary service against it, and tells\n' +
        'what happens. Within half a minute an idle worker and a forgotten coaching session are paused. Nothing outside this\n' +
        'machine is touched. Ctrl-C ends everything.',
    )
    .option('--seconds <seconds>', 'end after so long; exit code 1 when no worker was paused by then', secondsOf)
    .addHelpText(
      'after',
      `
Examples:
  $ dormouse demo
  $ PORT=8080 DATA_DIR=./demo-data dormouse demo

Environment:
  PORT      of the service (default 3000, or any free one when that is taken)
  HOST      it listens on (default 127.0.0.1)
  DATA_DIR  for the history (default: a temporary directory, removed at the end)
  LAB_SEED  the same seed gives the same instances, users and histories
  LAB_PACE  every duration of the lab times this number (default 1)`,
    )
    .action(async ({ seconds }: { seconds?: number }) => {
      const { signal } = cli;
      endWithNpm(cli.environment);
      const { runDemo } = await import('../demo/run-demo.js');
      const until = seconds === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]);
      const autoPauses = await runDemo(cli.terminal, cli.environment, until);
      cli.exitCode = signal.aborted || autoPauses > 0 ? EXIT.done : EXIT.failed;
    });
}

function secondsOf(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 86_400) return value;
  throw new InvalidArgumentError('A number of seconds above 0 to 86400 is accepted.');
}
