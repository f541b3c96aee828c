import type { Command } from 'commander';
import { Option } from 'commander';
import type {
  SubscriptionDetailsDto,
  SubscriptionDto,
  SubscriptionPageDto,
  SubscriptionStatusDto,
  SubscriptionWithSecretDto,
} from '../../subscriptions/http/subscriptions.answers.js';
import { SUBSCRIPTION_STATUSES } from '../../subscriptions/domain/webhook-subscription.js';
import type { Cli, ServiceOptions } from '../cli.js';
import { serviceCommand } from '../cli.js';
import type { ServiceApi } from '../service-api.js';
import { segment } from '../service-api.js';
import { printable } from '../text.js';
import { createdText, rotatedText, subscriptionTable, subscriptionText } from './subscriptions.text.js';

const SUBSCRIPTIONS = '/subscriptions';
const AFTER = '`beginning`, `now`, or a position that the event feed has given';

/** What of `create` becomes the request's body. */
interface CreateOptions extends ServiceOptions {
  readonly type?: string[];
  readonly kind?: string;
  readonly id?: string;
  readonly after?: string;
  readonly description?: string;
}

/** `dormouse subscriptions ...` */
export function addSubscriptionsCommands(program: Command, cli: Cli): void {
  const subscriptions = program
    .command('subscriptions')
    .summary('URLs that events are pushed to: list, show, create, pause, resume, deliver again')
    .description('Push subscriptions: published events are sent to a URL, signed, in order for each aggregate.');
  addList(subscriptions, cli);
  addShow(subscriptions, cli);
  addCreate(subscriptions, cli);
  addChange(subscriptions, cli, 'pause', 'paused', 'send nothing for now; what comes meanwhile is sent later');
  addChange(subscriptions, cli, 'resume', 'resumed', 'go on after a pause or a suspension');
  addRedeliver(subscriptions, cli);
  addRotateSecret(subscriptions, cli);
  addDelete(subscriptions, cli);
}

function addList(subscriptions: Command, cli: Cli): void {
  serviceCommand(subscriptions, 'list', {
    summary: 'list the subscriptions with how their deliveries stand',
    examples: ['dormouse subscriptions list', 'dormouse subscriptions list --state suspended --json'],
  })
    .addOption(new Option('--state <state>', 'only those in this state').choices(SUBSCRIPTION_STATUSES))
    .action(async (options: ServiceOptions & { state?: string }) => {
      await cli.withService(options, async (api) => {
        cli.print(options, await Array.fromAsync(allSubscriptions(api, options.state)), subscriptionTable);
      });
    });
}

function addShow(subscriptions: Command, cli: Cli): void {
  serviceCommand(subscriptions, 'show <subscription>', {
    summary: 'show one subscription: how far it is, what is behind, what failed last',
    examples: ['dormouse subscriptions show sub_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01'],
  }).action(async (id: string, options: ServiceOptions) => {
    await cli.withService(options, async (api) => {
      cli.print(options, await api.get<SubscriptionDetailsDto>(pathOf(id)), subscriptionText);
    });
  });
}

function addCreate(subscriptions: Command, cli: Cli): void {
  serviceCommand(subscriptions, 'create <url>', {
    summary: 'have events pushed to a URL; prints the secret, once',
    more: 'Without --type and --kind: all published events.',
    examples: [
      'dormouse subscriptions create https://billing.example.com/hooks/dormouse',
      'dormouse subscriptions create https://chat.example.com/hook --type dormouse.cml_worker.paused.v1 --after beginning',
    ],
  })
    .option('--type <types...>', 'only these published types')
    .option('--kind <kind>', 'only events of this kind of aggregate, such as cml_worker')
    .option('--id <id>', 'only events of this aggregate; needs --kind')
    .option('--after <position>', `where to begin (default now): ${AFTER}`)
    .option('--description <text>', 'what it is for')
    .action(async (url: string, options: CreateOptions) => {
      const { type: types, kind: aggregate_kind, id: aggregate_id, after, description } = options;
      await cli.withService(options, async (api) => {
        const body = { url, types, aggregate_kind, aggregate_id, after, description };
        cli.print(options, await api.post<SubscriptionWithSecretDto>(SUBSCRIPTIONS, body), createdText);
      });
    });
}

function addChange(subscriptions: Command, cli: Cli, verb: 'pause' | 'resume', done: string, summary: string): void {
  serviceCommand(subscriptions, `${verb} <subscription>`, {
    summary,
    examples: [`dormouse subscriptions ${verb} sub_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01`],
  }).action(async (id: string, options: ServiceOptions) => {
    await cli.withService(options, async (api) => {
      const answer = await api.post<SubscriptionDto>(`${pathOf(id)}/${verb}`);
      cli.print(options, answer, () => [`${printable(id)}: ${done}.`]);
    });
  });
}

function addRedeliver(subscriptions: Command, cli: Cli): void {
  serviceCommand(subscriptions, 'redeliver <subscription>', {
    summary: 'begin again after another position, further back or further on',
    more: 'Further on leaves out what lies between: the way past an event that a receiver never accepts.',
    examples: [
      'dormouse subscriptions redeliver sub_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01 --after beginning',
      'dormouse subscriptions redeliver sub_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01 --after 6f1f3f0e.1z',
    ],
  })
    .requiredOption('--after <position>', AFTER)
    .action(async (id: string, options: ServiceOptions & { after: string }) => {
      await cli.withService(options, async (api) => {
        const answer = await api.post<SubscriptionDto>(`${pathOf(id)}/redeliver`, { after: options.after });
        cli.print(options, answer, () => [`${printable(id)}: deliveries begin again.`]);
      });
    });
}

function addRotateSecret(subscriptions: Command, cli: Cli): void {
  serviceCommand(subscriptions, 'rotate-secret <subscription>', {
    summary: 'replace the secret; prints the new one, once',
    more: 'For 24 hours messages are signed with both.',
    examples: ['dormouse subscriptions rotate-secret sub_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01'],
  }).action(async (id: string, options: ServiceOptions) => {
    await cli.withService(options, async (api) => {
      const answer = await api.post<SubscriptionWithSecretDto>(`${pathOf(id)}/rotate-secret`);
      cli.print(options, answer, rotatedText);
    });
  });
}

function addDelete(subscriptions: Command, cli: Cli): void {
  serviceCommand(subscriptions, 'delete <subscription>', {
    summary: 'delete a subscription; nothing more is sent',
    examples: ['dormouse subscriptions delete sub_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01'],
  }).action(async (id: string, options: ServiceOptions) => {
    await cli.withService(options, async (api) => {
      await api.delete(pathOf(id));
      cli.print(options, { deleted: true }, () => [`${printable(id)}: deleted.`]);
    });
  });
}

async function* allSubscriptions(
  api: ServiceApi,
  state: string | undefined,
): AsyncGenerator<SubscriptionStatusDto, void, undefined> {
  for (let after: string | undefined; ;) {
    const page = await api.get<SubscriptionPageDto>(SUBSCRIPTIONS, { state, after });
    yield* page.items;
    if (page.next === null) return;
    after = page.next;
  }
}

function pathOf(id: string): string {
  return `${SUBSCRIPTIONS}/${segment(id)}`;
}
