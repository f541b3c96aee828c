import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { SystemClock } from '../../platform/clock.js';
import { exportHistory } from '../../platform/event-transfer/export-history.js';
import type { HistorySummary } from '../../platform/event-transfer/history-format.js';
import { importHistory } from '../../platform/event-transfer/import-history.js';
import type { ImportPhase, ImportResult } from '../../platform/event-transfer/import-history.js';
import type { Cli, ServiceOptions } from '../cli.js';
import { serviceCommand } from '../cli.js';
import { inputFile, inputStream, outputFile, outputStream, STANDARD_STREAM } from '../history-files.js';
import type { Opened } from '../history-stores.js';
import { amount, count } from '../text.js';

const SHOW_EVERY_MS = 200;

interface ExportOptions extends ServiceOptions {
  readonly out: string;
  readonly category?: readonly string[];
}

/** `dormouse events export` and `dormouse events import`. */
export function addHistoryCommands(events: Command, cli: Cli): void {
  addExport(events, cli);
  addImport(events, cli);
}

function addExport(events: Command, cli: Cli): void {
  serviceCommand(events, 'export', {
    summary: 'write the whole history to a file',
    more:
      'One JSON object a line: a header, every event in the order it was written, and a checksum. The service may run\n' +
      'meanwhile; what is written is what was stored when the command began. A file that exists is not overwritten.\n' +
      'The result and the progress go to standard error when the history goes to standard output.',
    examples: [
      'dormouse events export --out history.ndjson',
      'dormouse events export --category cmlWorker --out workers.ndjson',
      'dormouse events export | gzip > history.ndjson.gz',
    ],
  })
    .option('--out <file>', 'the new file; - is standard output', STANDARD_STREAM)
    .option('--category <name...>', 'only streams named NAME-...; for a store that others use as well', categoryOf)
    .action(async (options: ExportOptions) => {
      const summary = await writeHistory(cli, options);
      const toStandardOutput = options.out === STANDARD_STREAM;
      if (!toStandardOutput) return cli.print(options, summary, exportText);
      for (const line of options.json ? [JSON.stringify(summary)] : exportText(summary)) cli.terminal.err(line);
    });
}

async function writeHistory(cli: Cli, { url, out, category = [] }: ExportOptions): Promise<HistorySummary> {
  const { openHistory } = await import('../history-stores.js');
  const history = await openHistory(url, category, cli.environment, cli.signal);
  try {
    const output = out === STANDARD_STREAM ? outputStream(process.stdout, cli.signal) : await outputFile(out);
    try {
      const show = progress(cli);
      const summary = await exportHistory(history.it, {
        exportedAt: new Date(new SystemClock().now()).toISOString(),
        write: (text) => output.write(text),
        onProgress: (done) => show(`exporting: ${amount(done, 'event')}`),
        signal: cli.signal,
      });
      await output.finish();
      return summary;
    } catch (error) {
      await output.discard();
      throw error;
    }
  } finally {
    await history.close();
  }
}

function addImport(events: Command, cli: Cli): void {
  events
    .command('import <file>')
    .summary('carry an exported history into an event store')
    .description(
      'Carries an exported history into the event store that the environment names: ids, revisions, metadata and the\n' +
        'order of all events are kept. FILE is what dormouse events export wrote; - is standard input. It is checked as a\n' +
        'whole before anything is written, and streams that hold other events already are refused.\n\n' +
        'No service may run on the store meanwhile. An import that was interrupted is continued by the same command.',
    )
    .option('--json', 'print JSON, for programs')
    .addHelpText(
      'after',
      `
Examples:
  $ DATA_DIR=/var/lib/dormouse dormouse events import history.ndjson
  $ EVENTSTORE_CONNECTION_STRING=esdb://... dormouse events import history.ndjson
  $ gunzip -c history.ndjson.gz | dormouse events import -

Environment:
  DATA_DIR                      the data directory to import into (default ./data)
  EVENTSTORE_CONNECTION_STRING  the EventStoreDB to import into instead`,
    )
    .action(async (file: string, options: { json?: boolean }) => {
      cli.print(options, await readHistory(cli, file), importText);
    });
}

async function readHistory(cli: Cli, name: string): Promise<ImportResult> {
  const { openTarget, refuseNamedService } = await import('../history-stores.js');
  refuseNamedService(cli.environment);
  const input = name === STANDARD_STREAM ? await inputStream(process.stdin, cli.signal) : await inputFile(name);
  let target: Opened<unknown> | undefined;
  try {
    const show = progress(cli);
    const open = async () => {
      const opened = await openTarget(cli.environment);
      target = opened;
      return opened.it;
    };
    return await importHistory(input.file, open, {
      signal: cli.signal,
      onProgress: (phase, done, total) => show(progressText(phase, done, total)),
    });
  } finally {
    await target?.close();
    await input.close();
  }
}

/** Shows a line now and then, on a terminal. */
function progress(cli: Cli): (line: string) => void {
  let shownAt = -Infinity;
  return (line) => {
    const now = performance.now();
    if (now - shownAt < SHOW_EVERY_MS) return;
    shownAt = now;
    cli.terminal.status(line);
  };
}

function progressText(phase: ImportPhase, done: number, total: number): string {
  return `${phase}: ${count(done)}${total === 0 ? '' : ` of ${count(total)}`} ${done === 1 ? 'event' : 'events'}`;
}

function exportText({ history, events, streams, sha256 }: HistorySummary): string[] {
  return [
    `${amount(events, 'event')} of ${amount(streams, 'stream')} exported from history ${history}.`,
    `SHA-256 ${sha256}`,
  ];
}

function importText({ history, target, events, streams, imported, present }: ImportResult): string[] {
  const there = present === 0 ? '' : ` ${amount(present, 'event')} had been imported before.`;
  return [
    `${amount(imported, 'event')} imported.${there}`,
    `History ${target} holds all of history ${history}: ${amount(events, 'event')} of ${amount(streams, 'stream')}.`,
  ];
}

function categoryOf(text: string, before: readonly string[] = []): readonly string[] {
  if (/^[\x21-\x7e]{1,190}$/.test(text) && !text.includes('-')) return [...before, text];
  throw new InvalidArgumentError('The part of a stream name before its first - is accepted, such as cmlWorker.');
}
