import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type {
  IdleDetectionResultDto,
  OperationResultDto,
  WorkerActivityDto,
  WorkerDto,
  WorkerIdleStatusDto,
} from '../../workers/http/workers.answers.js';
import { WORKER_STATUSES } from '../../workers/domain/worker-status.js';
import type { Cli } from '../cli.js';
import type { ServiceApi } from '../service-api.js';
import type { RegionOptions } from './region-command.js';
import { regionCommand } from './region-command.js';
import { addWorkerConfigurationCommands } from './worker-configuration.commands.js';
import { allWorkers, workerPath, workersPath } from './worker-lookup.js';
import { detectionText, operationText, workerTable, workerText } from './workers.text.js';
import type { WorkerDetails } from './workers.text.js';

/** `dormouse workers ...` */
export function addWorkersCommands(program: Command, cli: Cli): void {
  const workers = program
    .command('workers')
    .summary('list, show, pause, resume, configure and register CML workers')
    .description('CML workers of one AWS region.');
  addList(workers, cli);
  addShow(workers, cli);
  addPower(workers, cli, 'pause', 'paused', 'stop a worker; one that is stopped stays so');
  addPower(workers, cli, 'resume', 'resumed', 'start a worker; one that runs goes on');
  addDetectIdle(workers, cli);
  addImport(workers, cli);
  addWorkerConfigurationCommands(workers, cli);
}

function addList(workers: Command, cli: Cli): void {
  regionCommand(workers, cli, 'list', {
    summary: 'list the workers of a region',
    examples: ['dormouse workers list', 'dormouse workers list --region eu-central-1 --status running --json'],
  })
    .addOption(new Option('--status <status>', 'only workers of this status').choices(WORKER_STATUSES))
    .action(async (options: RegionOptions & { status?: string }) => {
      await cli.withService(options, async (api) => {
        const found = await Array.fromAsync(allWorkers(api, options.region, options.status));
        cli.print(options, found, (list) => workerTable(list, options.region));
      });
    });
}

function addShow(workers: Command, cli: Cli): void {
  regionCommand(workers, cli, 'show <worker>', {
    summary: 'show one worker: status, activity, idleness, pauses',
    more: 'WORKER is the id or the name of a worker.',
    examples: ['dormouse workers show lab-7', 'dormouse workers show lab-7 --json'],
  }).action(async (worker: string, options: RegionOptions) => {
    await cli.withService(options, async (api) => {
      const path = await workerPath(api, options.region, worker);
      const [found, activity, idle_status] = await Promise.all([
        api.get<WorkerDto>(path),
        api.get<WorkerActivityDto>(`${path}/activity`),
        api.get<WorkerIdleStatusDto>(`${path}/idle-status`),
      ]);
      cli.print<WorkerDetails>(options, { worker: found, activity, idle_status }, workerText);
    });
  });
}

function addPower(workers: Command, cli: Cli, verb: 'pause' | 'resume', done: string, summary: string): void {
  regionCommand(workers, cli, `${verb} <worker>`, {
    summary,
    more: 'WORKER is the id or the name of a worker.',
    examples: [`dormouse workers ${verb} lab-7`, `dormouse workers ${verb} lab-7 --region eu-central-1`],
  }).action(async (worker: string, options: RegionOptions) => {
    await cli.withService(options, async (api) => {
      const path = await workerPath(api, options.region, worker);
      const result = await api.post<OperationResultDto>(`${path}/${verb}`);
      cli.print(options, result, (answer) => operationText(worker, done, answer));
      cli.exitCode = result.data ? 0 : 1;
    });
  });
}

function addDetectIdle(workers: Command, cli: Cli): void {
  regionCommand(workers, cli, 'detect-idle <worker>', {
    summary: 'check a worker now, and pause it if that is due',
    more: 'WORKER is the id or the name of a worker. Its telemetry is read, the decision recorded and acted on.',
    examples: ['dormouse workers detect-idle lab-7'],
  }).action(async (worker: string, options: RegionOptions) => {
    await cli.withService(options, async (api) => {
      const path = await workerPath(api, options.region, worker);
      const result = await api.post<IdleDetectionResultDto>(`${path}/detect-idle`);
      cli.print(options, result, (answer) => detectionText(worker, answer));
    });
  });
}

function addImport(workers: Command, cli: Cli): void {
  regionCommand(workers, cli, 'import <instance-id>', {
    summary: 'register an EC2 instance as a worker',
    examples: [
      'dormouse workers import i-0123456789abcdef0',
      'dormouse workers import i-0123456789abcdef0 --name lab-7 --cml-endpoint https://lab-7.example.com',
    ],
  })
    .option('--name <name>', "default: the instance's Name tag")
    .option('--cml-endpoint <url>', "base URL of its CML server (default: https and the instance's address)")
    .option('--idle-timeout-minutes <minutes>', 'its own idle timeout (default: the global setting)', numberOf)
    .action(async (instanceId: string, options: ImportOptions) => {
      const register = async (api: ServiceApi): Promise<void> => {
        const worker = await api.post<WorkerDto>(`${workersPath(options.region)}/import`, {
          aws_instance_id: instanceId,
          ...(options.name === undefined ? {} : { name: options.name }),
          ...(options.cmlEndpoint === undefined ? {} : { cml_endpoint: options.cmlEndpoint }),
          ...(options.idleTimeoutMinutes === undefined ? {} : { idle_timeout_minutes: options.idleTimeoutMinutes }),
        });
        cli.print(options, worker, (registered) => workerTable([registered], options.region));
      };
      await cli.withService(options, register, 'may_begin');
    });
}

interface ImportOptions extends RegionOptions {
  readonly name?: string;
  readonly cmlEndpoint?: string;
  readonly idleTimeoutMinutes?: number;
}

function numberOf(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('A number is accepted.');
  return value;
}
