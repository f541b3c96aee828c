import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { SettingsError } from '../platform/config/settings.js';
import { DormouseError } from '../platform/errors.js';
import { openService } from './open-service.js';
import type { HistoryNeeded } from './open-service.js';
import type { ServiceApi } from './service-api.js';
import { CliError } from './service-api.js';
import { Interrupted, interruption } from './terminal.js';
import type { Terminal } from './terminal.js';

/** What every command that talks to the service takes. */
export interface ServiceOptions {
  readonly url?: string;
  readonly json?: boolean;
}

/** Exit codes: done, failed, used wrongly. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** One call of the program: where it prints, what it was told, and how it ends. */
export class Cli {
  /** What the command ends with, unless it throws. */
  exitCode: number = EXIT.done;
  private interrupted: AbortSignal | undefined;

  constructor(
    readonly terminal: Terminal,
    readonly environment: NodeJS.ProcessEnv,
  ) {}

  /** Aborted when the person who started the command wants it to end. */
  get signal(): AbortSignal {
    this.interrupted ??= interruption();
    return this.interrupted;
  }

  /**
   * Opens the service, works with it, closes it.
   *
   * @param history `may_begin` for commands that a new history may begin with; others say that there is none
   */
  async withService<T>(
    options: ServiceOptions,
    work: (api: ServiceApi) => Promise<T>,
    history: HistoryNeeded = 'must_exist',
  ): Promise<T> {
    const api = await openService(options.url, this.environment, this.signal, history);
    try {
      return await work(api);
    } finally {
      await api.close();
    }
  }

  /** Prints an answer: as JSON for programs, else as `lines` make it. */
  print<T>(options: ServiceOptions, answer: T, lines: (answer: T) => readonly string[]): void {
    if (options.json) this.terminal.out(JSON.stringify(answer, null, 2));
    else for (const line of lines(answer)) this.terminal.out(line);
  }

  /** Says on standard error what went wrong. @returns the exit code that goes with it */
  report(error: unknown): number {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (error instanceof Interrupted || this.interrupted?.aborted) return EXIT.interrupted;
    const { message, lines } = failureOf(error);
    this.terminal.err(`dormouse: ${message}`);
    for (const line of lines) this.terminal.err(`  ${line}`);
    return EXIT.failed;
  }
}

/** What a command says about a failure. One that nobody has foreseen comes with its stack. */
export function failureOf(error: unknown): { code: string; message: string; lines: readonly string[] } {
  if (error instanceof CliError) return { code: error.code, message: error.message, lines: error.lines };
  if (error instanceof DormouseError) return { code: error.code, message: error.message, lines: [] };
  if (error instanceof SettingsError) return { code: 'settings_not_accepted', message: error.message, lines: [] };
  if (error instanceof Interrupted) return { code: 'interrupted', message: error.message, lines: [] };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'unexpected', message: text, lines: [] };
}

const ENVIRONMENT_HELP = `
Environment:
  DORMOUSE_URL  URL of the service, as --url
  DATA_DIR      without a URL: the data directory (default ./data). The service that runs on
                it is used; when none runs, the command works on the directory by itself.`;

/** Adds a command that talks to the service. @param examples complete command lines */
export function serviceCommand(
  parent: Command,
  usage: string,
  about: { readonly summary: string; readonly more?: string; readonly examples: readonly string[] },
): Command {
  return parent
    .command(usage)
    .summary(about.summary)
    .description(about.more === undefined ? about.summary : `${about.summary}\n\n${about.more}`)
    .option('--url <url>', 'the service to talk to, e.g. http://127.0.0.1:3000')
    .option('--json', 'print JSON, for programs')
    .addHelpText(
      'after',
      `\nExamples:\n${about.examples.map((line) => `  $ ${line}`).join('\n')}\n${ENVIRONMENT_HELP}`,
    );
}
