import type { Command } from 'commander';
import { Argument } from 'commander';
import type {
  EC2InstanceStateDto,
  OperationResultDto,
  TelemetryEventsDto,
} from '../../workers/http/workers.answers.js';
import type { Cli } from '../cli.js';
import { amount, fields, moment, printable } from '../text.js';
import type { RegionOptions } from './region-command.js';
import { regionCommand } from './region-command.js';
import { workerPath } from './worker-lookup.js';
import { operationText } from './workers.text.js';

const WHICH_WORKER = 'WORKER is the id or the name of a worker.';

/** What takes the worker back to the global timeout. */
const GLOBAL = 'global';

/** `dormouse workers policy`, `idle-detection`, `deregister`, `telemetry` and `ec2-state`. */
export function addWorkerConfigurationCommands(workers: Command, cli: Cli): void {
  addPolicy(workers, cli);
  addIdleDetection(workers, cli);
  addDeregister(workers, cli);
  addTelemetry(workers, cli);
  addEc2State(workers, cli);
}

function addPolicy(workers: Command, cli: Cli): void {
  regionCommand(workers, cli, 'policy <worker>', {
    summary: 'give a worker its own idle timeout, or the global one back',
    more: WHICH_WORKER,
    examples: [
      'dormouse workers policy lab-7 --idle-timeout-minutes 240',
      `dormouse workers policy lab-7 --idle-timeout-minutes ${GLOBAL}`,
    ],
  })
    .requiredOption(
      '--idle-timeout-minutes <minutes>',
      `minutes, decimals allowed; ${GLOBAL}: WORKER_IDLE_TIMEOUT_MINUTES holds again`,
    )
    .action(async (worker: string, options: RegionOptions & { idleTimeoutMinutes: string }) => {
      await cli.withService(options, async (api) => {
        const path = await workerPath(api, options.region, worker);
        const body = { idle_timeout_minutes: timeoutOf(options.idleTimeoutMinutes) };
        const result = await api.patch<OperationResultDto>(`${path}/policy`, body);
        cli.print(options, result, (answer) => operationText(worker, 'changed', answer));
      });
    });
}

/** What is no number goes to the service as it is: its answer says what is accepted. */
function timeoutOf(text: string): number | string | null {
  if (text === GLOBAL) return null;
  return text.trim() === '' || !Number.isFinite(Number(text)) ? text : Number(text);
}

function addIdleDetection(workers: Command, cli: Cli): void {
  regionCommand(workers, cli, 'idle-detection <worker>', {
    summary: 'switch the idle detection of a worker on or off',
    more: `${WHICH_WORKER} A worker whose detection is off is never paused by itself.`,
    examples: ['dormouse workers idle-detection lab-7 off', 'dormouse workers idle-detection lab-7 on'],
  })
    .addArgument(new Argument('<state>').choices(['on', 'off']))
    .action(async (worker: string, state: 'on' | 'off', options: RegionOptions) => {
      await cli.withService(options, async (api) => {
        const path = await workerPath(api, options.region, worker);
        const verb = state === 'on' ? 'enable' : 'disable';
        const result = await api.post<OperationResultDto>(`${path}/idle-detection/${verb}`);
        cli.print(options, result, (answer) => operationText(worker, `idle detection is ${state}`, answer));
      });
    });
}

function addDeregister(workers: Command, cli: Cli): void {
  regionCommand(workers, cli, 'deregister <worker>', {
    summary: 'forget a worker; its instance is left alone and its history stays',
    more: `${WHICH_WORKER} 'dormouse workers import' registers it again.`,
    examples: ['dormouse workers deregister lab-7'],
  }).action(async (worker: string, options: RegionOptions) => {
    await cli.withService(options, async (api) => {
      await api.delete(await workerPath(api, options.region, worker));
      cli.print(options, { deregistered: true }, () => [`${printable(worker)}: deregistered.`]);
    });
  });
}

function addTelemetry(workers: Command, cli: Cli): void {
  regionCommand(workers, cli, 'telemetry <worker>', {
    summary: 'read what counts as activity from the CML server, newest first',
    more: WHICH_WORKER,
    examples: ['dormouse workers telemetry lab-7', 'dormouse workers telemetry lab-7 --limit 10 --json'],
  })
    .option('--limit <count>', 'at most so many events')
    .action(async (worker: string, options: RegionOptions & { limit?: string }) => {
      await cli.withService(options, async (api) => {
        const path = await workerPath(api, options.region, worker);
        const found = await api.get<TelemetryEventsDto>(`${path}/telemetry-events`, { limit: options.limit });
        cli.print(options, found, telemetryText);
      });
    });
}

function addEc2State(workers: Command, cli: Cli): void {
  regionCommand(workers, cli, 'ec2-state <worker>', {
    summary: 'ask EC2 how the instance is now',
    more: WHICH_WORKER,
    examples: ['dormouse workers ec2-state lab-7'],
  }).action(async (worker: string, options: RegionOptions) => {
    await cli.withService(options, async (api) => {
      const path = await workerPath(api, options.region, worker);
      const found = await api.get<EC2InstanceStateDto>(`${path}/ec2-state`);
      cli.print(options, found, (instance) => instanceText(worker, instance));
    });
  });
}

function telemetryText({ items, relevant_count, total_count, malformed_count }: TelemetryEventsDto): string[] {
  const all = `${amount(relevant_count, 'relevant event')} of ${amount(total_count, 'event')}`;
  const unread = malformed_count === 0 ? '' : `, ${malformed_count} could not be read`;
  return [
    ...items.map(({ timestamp, category }) => `${moment(timestamp)}  ${printable(category)}`),
    `${all}${unread}; ${items.length} shown.`,
  ];
}

function instanceText(worker: string, instance: EC2InstanceStateDto): string[] {
  return [
    `${printable(worker)}  ${printable(instance.aws_instance_id)}`,
    ...fields({
      state: instance.state,
      type: instance.instance_type ?? undefined,
      launched: moment(instance.launch_time),
      'private address': instance.private_ip_address ?? undefined,
      'public address': instance.public_ip_address ?? undefined,
      zone: instance.availability_zone ?? undefined,
      'changed because': instance.state_transition_reason || undefined,
    }),
  ];
}
