import type { Command } from 'commander';
import type { ParkedStream, ParkedStreamDetails, ReplayOutcome } from '../../platform/projections/projection-engine.js';
import type { Cli, ServiceOptions } from '../cli.js';
import { EXIT, serviceCommand } from '../cli.js';
import { segment } from '../service-api.js';
import { amount, fields, moment, printable, table } from '../text.js';

/** `dormouse parked ...` */
export function addParkedCommands(program: Command, cli: Cli): void {
  const parked = program
    .command('parked')
    .summary('streams whose event a read model could not take')
    .description(
      'Parked streams: an event could not be applied to a read model, so the later events of its stream wait there;\n' +
        'all other streams go on. Retry after a fix, or skip the event.',
    );
  addList(parked, cli);
  addShow(parked, cli);
  addReplay(parked, cli, 'retry', 'try again from the event that failed');
  addReplay(parked, cli, 'skip', 'leave out the event that failed and apply what waits behind it');
}

function addList(parked: Command, cli: Cli): void {
  serviceCommand(parked, 'list', { summary: 'list the parked streams', examples: ['dormouse parked list'] }).action(
    async (options: ServiceOptions) => {
      await cli.withService(options, async (api) => {
        const { items } = await api.get<{ items: ParkedStream[] }>('/admin/parked');
        cli.print(options, items, listText);
      });
    },
  );
}

function addShow(parked: Command, cli: Cli): void {
  serviceCommand(parked, 'show <projection> <stream>', {
    summary: 'show a parked stream with the event that failed',
    examples: ['dormouse parked show workers cmlWorker-5f0c...'],
  }).action(async (projection: string, stream: string, options: ServiceOptions) => {
    await cli.withService(options, async (api) => {
      const found = await api.get<ParkedStreamDetails>(pathOf(projection, stream));
      cli.print(options, found, detailsText);
    });
  });
}

function addReplay(parked: Command, cli: Cli, verb: 'retry' | 'skip', summary: string): void {
  serviceCommand(parked, `${verb} <projection> <stream>`, {
    summary,
    more: 'Exit code 1 when the stream is parked still.',
    examples: [`dormouse parked ${verb} workers cmlWorker-5f0c...`],
  }).action(async (projection: string, stream: string, options: ServiceOptions) => {
    await cli.withService(options, async (api) => {
      const outcome = await api.post<ReplayOutcome>(`${pathOf(projection, stream)}/${verb}`);
      cli.print(options, outcome, outcomeText);
      if (outcome.parked) cli.exitCode = EXIT.failed;
    });
  });
}

function pathOf(projection: string, stream: string): string {
  return `/admin/parked/${segment(projection)}/${segment(stream)}`;
}

function listText(items: readonly ParkedStream[]): string[] {
  if (items.length === 0) return ['No stream is parked.'];
  return table(
    ['PROJECTION', 'STREAM', 'EVENT', 'PARKED AT', 'TRIED', 'WAITING', 'ERROR'],
    items.map((item) => [
      item.projection,
      item.stream,
      `${item.event_type} (revision ${item.revision})`,
      moment(item.parked_at),
      String(item.attempts),
      String(item.waiting),
      item.error,
    ]),
  );
}

function detailsText({ record, event }: ParkedStreamDetails): string[] {
  return [
    `${printable(record.stream)} is parked in ${record.projection}`,
    ...fields({
      event: `${record.event_type}, revision ${record.revision}, position ${record.position}`,
      'event id': record.event_id,
      error: record.error,
      tried: amount(record.attempts, 'time'),
      'parked at': moment(record.parked_at),
      waiting: amount(record.waiting, 'later event'),
    }),
    ...(event ? JSON.stringify(event.data, null, 2).split('\n').map(printable) : ['The event is not in its stream.']),
  ];
}

function outcomeText({ applied, parked }: ReplayOutcome): string[] {
  if (!parked) return [`${amount(applied, 'event')} applied; the stream is parked no longer.`];
  return [
    `${amount(applied, 'event')} applied; still parked at ${parked.event_type} (revision ${parked.revision}): ${printable(parked.error)}`,
  ];
}
