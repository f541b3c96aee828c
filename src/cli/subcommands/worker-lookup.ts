import type { WorkerDto, WorkerPageDto } from '../../workers/http/workers.answers.js';
import type { ServiceApi } from '../service-api.js';
import { CliError, segment } from '../service-api.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const PAGE = 1000;

/** The region that a command is about when it does not say: the AWS SDK's variables, then us-east-1. */
export function defaultRegion(environment: NodeJS.ProcessEnv): string {
  return environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'] || 'us-east-1';
}

/** Path of a region's workers. */
export function workersPath(region: string): string {
  return `/region/${segment(region)}/workers`;
}

/** Path of the worker that a person means. @throws as {@link workerIdOf} */
export async function workerPath(api: ServiceApi, region: string, worker: string): Promise<string> {
  return `${workersPath(region)}/${segment(await workerIdOf(api, region, worker))}`;
}

/** Every worker of a region, by name, page after page. */
export async function* allWorkers(api: ServiceApi, region: string, status?: string): AsyncGenerator<WorkerDto> {
  let after: string | undefined;
  do {
    const page = await api.get<WorkerPageDto>(workersPath(region), { status, after, limit: PAGE });
    yield* page.items;
    after = page.next ?? undefined;
  } while (after !== undefined);
}

/**
 * The id of the worker that a person means.
 *
 * @param worker its id or its name
 * @throws {CliError} worker_not_found, ambiguous_name
 */
export async function workerIdOf(api: ServiceApi, region: string, worker: string): Promise<string> {
  if (UUID.test(worker)) return worker.toLowerCase();
  const found: WorkerDto[] = [];
  for await (const candidate of allWorkers(api, region)) if (candidate.name === worker) found.push(candidate);
  const [first, second] = found;
  if (!first) {
    throw new CliError(
      'worker_not_found',
      `No worker in ${region} is called '${worker}'. See 'dormouse workers list'.`,
    );
  }
  if (!second) return first.worker_id;
  const lines = found.map(({ worker_id, aws_instance_id }) => `${worker_id}  ${aws_instance_id}`);
  throw new CliError(
    'ambiguous_name',
    `${found.length} workers in ${region} are called '${worker}'; give an id:`,
    lines,
  );
}
