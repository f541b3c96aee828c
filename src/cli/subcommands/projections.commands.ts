import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { ProjectionStatus, RebuildProgress, Verification } from '../../platform/projections/projection-engine.js';
import type { Cli, ServiceOptions } from '../cli.js';
import { EXIT, serviceCommand } from '../cli.js';
import type { ServiceApi } from '../service-api.js';
import { CliError, segment } from '../service-api.js';
import { amount, count, duration, moment, printable, table } from '../text.js';

const LOOK_EVERY_MS = 250;

/** `dormouse projections ...` */
export function addProjectionsCommands(program: Command, cli: Cli): void {
  const projections = program
    .command('projections')
    .summary('show, rebuild and verify the read models')
    .description('Read models: how far they are, building them anew, comparing them with what the events say.');
  addStatus(projections, cli);
  addRebuild(projections, cli);
  addVerify(projections, cli);
}

function addStatus(projections: Command, cli: Cli): void {
  serviceCommand(projections, 'status', {
    summary: 'how far each projection is',
    examples: ['dormouse projections status', 'dormouse projections status --json'],
  }).action(async (options: ServiceOptions) => {
    await cli.withService(options, async (api) => {
      const { items } = await api.get<{ items: ProjectionStatus[] }>('/admin/projections');
      cli.print(options, items, statusText);
    });
  });
}

function addRebuild(projections: Command, cli: Cli): void {
  serviceCommand(projections, 'rebuild <projection>', {
    summary: 'build a read model anew from all events',
    more:
      'The new documents are built beside the old ones, checked and switched to; queries answer throughout.\n' +
      'Shows the progress and ends when the rebuild does. Interrupting the command does not interrupt the rebuild\n' +
      'of a service that runs by itself.',
    examples: ['dormouse projections rebuild workers'],
  }).action(async (name: string, options: ServiceOptions) => {
    await cli.withService(options, async (api) => {
      const rebuilt = await followRebuild(cli, api, name, options.json !== true);
      if (rebuilt.state === 'failed') throw new CliError('rebuild_failed', `The rebuild failed: ${rebuilt.error}`);
      cli.print(options, rebuilt, () => [
        `${printable(name)}: rebuilt from ${amount(rebuilt.events_done, 'event')}, ${amount(rebuilt.documents, 'document')}.`,
      ]);
    });
  });
}

async function followRebuild(cli: Cli, api: ServiceApi, name: string, show: boolean): Promise<RebuildProgress> {
  const path = `/admin/projections/${segment(name)}`;
  let { rebuild } = await api.post<ProjectionStatus>(`${path}/rebuild`);
  let shown = '';
  while (rebuild?.state === 'running') {
    const line = progressText(rebuild);
    if (show && line !== shown) cli.terminal.progress(line);
    shown = line;
    await sleep(LOOK_EVERY_MS, undefined, { signal: cli.signal });
    ({ rebuild } = await api.get<ProjectionStatus>(path));
  }
  if (rebuild) return rebuild;
  throw new CliError('rebuild_lost', `The service knows nothing of the rebuild any more. Has it been restarted?`);
}

function addVerify(projections: Command, cli: Cli): void {
  serviceCommand(projections, 'verify <projection>', {
    summary: 'compare a read model with what the events say',
    more: 'Folds all events anew and compares with the documents that are served. Exit code 1 when they differ.',
    examples: ['dormouse projections verify workers'],
  }).action(async (name: string, options: ServiceOptions) => {
    await cli.withService(options, async (api) => {
      const result = await api.post<Verification>(`/admin/projections/${segment(name)}/verify`);
      cli.print(options, result, (verification) => verificationText(name, verification));
      if (!result.equal) cli.exitCode = EXIT.failed;
    });
  });
}

function statusText(items: readonly ProjectionStatus[]): string[] {
  return [
    ...table(
      ['PROJECTION', 'STATE', 'VERSION', 'POSITION', 'LAG', 'PARKED'],
      items.map((item) => [
        item.name,
        item.state,
        versionText(item),
        `${item.position ?? '-'} of ${item.head ?? '-'}`,
        item.lag_events === 0 ? '-' : `${amount(item.lag_events, 'event')}, ${duration(item.lag_seconds * 1000)}`,
        item.parked_streams === 0 ? '-' : `${item.parked_streams} since ${moment(item.oldest_parked_at)}`,
      ]),
    ),
    ...items.flatMap(({ name, last_error }) =>
      last_error ? [`${name}: ${moment(last_error.at)} ${printable(last_error.message)}`] : [],
    ),
  ];
}

function versionText({ version, active_version, generation }: ProjectionStatus): string {
  const build = generation === null ? 'none' : `${active_version ?? '-'} (build ${generation})`;
  return active_version === null || active_version === version ? build : `${build}, next ${version}`;
}

function progressText({ events_done, position, head, documents }: RebuildProgress): string {
  const share = head === null || head === 0 ? 100 : Math.min(100, Math.floor(((position ?? 0) / head) * 100));
  return `rebuilding: ${share}%, ${amount(events_done, 'event')}, ${amount(documents, 'document')}`;
}

function verificationText(name: string, { equal, position, documents, differences }: Verification): string[] {
  const at = position === null ? 'before the first event' : `at position ${position}`;
  const head = `${printable(name)}: ${amount(documents, 'document')} compared ${at}`;
  if (equal) return [`${head}: equal to what the events say.`];
  return [
    `${head}: ${count(differences.length)} differ from what the events say:`,
    ...differences.flatMap(({ id, live, folded }) => [
      `  ${printable(id)}`,
      `    served: ${live === null ? 'nothing' : printable(JSON.stringify(live))}`,
      `    events: ${folded === null ? 'nothing' : printable(JSON.stringify(folded))}`,
    ]),
  ];
}
