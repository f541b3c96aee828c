import type { Command } from 'commander';
import { Option } from 'commander';
import type { Cli, ServiceOptions } from '../cli.js';
import { serviceCommand } from '../cli.js';
import { defaultRegion } from './worker-lookup.js';

/** What every command about workers takes. */
export interface RegionOptions extends ServiceOptions {
  readonly region: string;
}

/** Adds a command about the workers of one AWS region. */
export function regionCommand(
  parent: Command,
  cli: Cli,
  usage: string,
  about: Parameters<typeof serviceCommand>[2],
): Command {
  return serviceCommand(parent, usage, about)
    .addOption(
      new Option('--region <region>', 'AWS region').default(
        defaultRegion(cli.environment),
        `AWS_REGION, AWS_DEFAULT_REGION or us-east-1`,
      ),
    )
    .addHelpText('after', '  AWS_REGION    default of --region');
}
