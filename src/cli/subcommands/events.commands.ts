import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Cli, ServiceOptions } from '../cli.js';
import { serviceCommand } from '../cli.js';
import type { ServiceApi } from '../service-api.js';
import { addHistoryCommands } from './history.commands.js';
import {
  endOfEvents,
  eventLine,
  eventsAfter,
  eventText,
  findEvent,
  lastEvents,
  namesOneEvent,
  streamEvents,
} from './stored-events.js';
import type { EventSelection, StoredEvent } from './stored-events.js';

const LOOK_EVERY_MS = 500;

interface TailOptions extends ServiceOptions {
  readonly after?: number;
  readonly last: number;
  readonly type?: string;
  readonly stream?: string;
  readonly once?: boolean;
}

/** `dormouse events ...` */
export function addEventsCommands(program: Command, cli: Cli): void {
  const events = program
    .command('events')
    .summary('read, export and import the stored history')
    .description('The stored history: every event, in the order it was written.');
  addTail(events, cli);
  addShow(events, cli);
  addHistoryCommands(events, cli);
}

function addTail(events: Command, cli: Cli): void {
  serviceCommand(events, 'tail', {
    summary: 'print the last events and follow what comes',
    more:
      'One line per event; with --json one JSON object per line. Ends with Ctrl-C. Without a running service there\n' +
      'is nothing to follow: the command prints what is stored and ends.',
    examples: [
      'dormouse events tail',
      'dormouse events tail --type WorkerPaused --last 100 --once',
      'dormouse events tail --stream cmlWorker-5f0c --after 1200 --json',
    ],
  })
    .option('--last <count>', 'begin with so many events before the end', wholeFrom(0, 1000), 10)
    .option('--after <position>', 'begin after this position instead', wholeFrom(0, Number.MAX_SAFE_INTEGER))
    .option('--type <type>', 'only events of this type')
    .option('--stream <prefix>', 'only streams whose name begins so')
    .option('--once', 'print what is there and end')
    .action(async (options: TailOptions) => {
      await cli.withService(options, (api) => tail(cli, api, options));
    });
}

async function tail(cli: Cli, api: ServiceApi, options: TailOptions): Promise<void> {
  const { type, stream } = options;
  const selection: EventSelection = {
    ...(type === undefined ? {} : { type }),
    ...(stream === undefined ? {} : { stream_prefix: stream }),
  };
  const print = (found: readonly StoredEvent[]): void => {
    for (const event of found) cli.terminal.out(options.json ? JSON.stringify(event) : eventLine(event));
  };
  let position = options.after;
  if (position === undefined) {
    // The end first: what is written between the two reads is left to the following, and shown once.
    position = await endOfEvents(api);
    const found = await lastEvents(api, options.last, selection);
    print(found.filter((event) => event.position <= (position ?? -1)));
  }
  const follow = !options.once && api.kind === 'http';
  if (!follow && !options.once) cli.terminal.err(`dormouse: no service runs on ${api.where}: nothing to follow.`);
  await printFrom(cli, api, position, selection, follow, print);
}

async function printFrom(
  cli: Cli,
  api: ServiceApi,
  start: number | undefined,
  selection: EventSelection,
  follow: boolean,
  print: (found: readonly StoredEvent[]) => void,
): Promise<void> {
  let position = start;
  try {
    for (;;) {
      const page = await eventsAfter(api, position, selection);
      print(page.items);
      position = page.position ?? position;
      if (page.live && !follow) return;
      if (page.live) await sleep(LOOK_EVERY_MS, undefined, { signal: cli.signal });
    }
  } catch (error) {
    // Ctrl-C is how following ends.
    if (!cli.signal.aborted) throw error;
  }
}

function addShow(events: Command, cli: Cli): void {
  serviceCommand(events, 'show <stream-or-event>', {
    summary: 'show the events of a stream, or one event in full',
    more: 'Takes the name of a stream, the id of an event, or its position in the history.',
    examples: [
      'dormouse events show cmlWorker-5f0cf5b0-7c0e-5f4e-9a53-0d7f1d1f2a11',
      'dormouse events show 1207',
      'dormouse events show 0d0c9f6e-3a55-5a0e-8c1b-2f4f6f3f9f10 --json',
    ],
  }).action(async (reference: string, options: ServiceOptions) => {
    await cli.withService(options, async (api) => {
      if (namesOneEvent(reference)) return cli.print(options, await findEvent(api, reference), eventText);
      cli.print(options, await Array.fromAsync(streamEvents(api, reference)), (found) => found.map(eventLine));
    });
  });
}

function wholeFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`A whole number from ${least} to ${most} is accepted.`);
  };
}
