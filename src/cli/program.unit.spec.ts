import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { CommanderError } from 'commander';
import { Cli, EXIT } from './cli.js';
import { programOf } from './program.js';
import { CliError } from './service-api.js';
import type { Terminal } from './terminal.js';

interface RecordingTerminal extends Terminal {
  readonly printed: string[];
  readonly complaints: string[];
}

function recordingTerminal(): RecordingTerminal {
  const printed: string[] = [];
  const complaints: string[] = [];
  return {
    printed,
    complaints,
    out: (line) => void printed.push(line),
    err: (line) => void complaints.push(line),
    paint: (_, text) => text,
    progress: (line) => void printed.push(line),
    status: () => undefined,
  };
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => void (text += part) });
  command.outputHelp();
  return text;
}

function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
}

const leaves = leavesOf(programOf(new Cli(recordingTerminal(), {})));

describe('The command line', () => {
  it.each(leaves.map((leaf) => [`${leaf.parent?.name()} ${leaf.name()}`, leaf] as const))(
    'explains `%s` with examples and the environment it reads',
    (_, leaf) => {
      const help = helpOf(leaf);
      expect(help).toMatch(/Usage: .+\n\n\S.+/);
      expect(help).toMatch(/Examples:\n {2}\S.*dormouse/);
      expect(help).toMatch(/Environment.*:\n {2}[A-Z_]+/);
    },
  );

  it('takes the region from the environment of the AWS SDK', () => {
    const help = (environment: NodeJS.ProcessEnv): string => {
      const program = programOf(new Cli(recordingTerminal(), environment));
      const list = leavesOf(program).find((leaf) => leaf.name() === 'list' && leaf.parent?.name() === 'workers');
      return String((list?.opts() as { region?: unknown }).region);
    };
    expect(help({})).toBe('us-east-1');
    expect(help({ AWS_DEFAULT_REGION: 'eu-west-1' })).toBe('eu-west-1');
    expect(help({ AWS_DEFAULT_REGION: 'eu-west-1', AWS_REGION: 'eu-central-1' })).toBe('eu-central-1');
  });

  it.each([[['bogus']], [['workers', 'list', '--status', 'asleep']], [['job']], [['events', 'tail', '--last', '-1']]])(
    'refuses `%s` as a wrong command line',
    async (args) => {
      const terminal = recordingTerminal();
      const cli = new Cli(terminal, {});
      const error: unknown = await programOf(cli)
        .parseAsync(args, { from: 'user' })
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(CommanderError);
      expect(cli.report(error)).toBe(EXIT.usage);
      expect(terminal.complaints[0]).toMatch(/^dormouse: /);
      expect(terminal.printed).toEqual([]);
    },
  );

  it('says a failure on standard error, with every field that is not accepted', () => {
    const terminal = recordingTerminal();
    const error = new CliError('invalid_input', 'Not accepted:', ['name: text is accepted', 'limit: a number is']);
    expect(new Cli(terminal, {}).report(error)).toBe(EXIT.failed);
    expect(terminal.complaints).toEqual([
      'dormouse: Not accepted:',
      '  name: text is accepted',
      '  limit: a number is',
    ]);
  });
});
