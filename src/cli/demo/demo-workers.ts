import { setTimeout as sleep } from 'node:timers/promises';
import type { LabAnnouncement } from '../../simulated-lab/lab-announcement.js';
import type { WorkerDto } from '../../workers/http/workers.answers.js';
import { allWorkers, workersPath } from '../subcommands/worker-lookup.js';
import type { ServiceApi } from '../service-api.js';
import { Refused, segment } from '../service-api.js';

const SETTLE_TRIES = 20;
const SETTLE_EVERY_MS = 1_000;

type AnnouncedWorker = LabAnnouncement['workers'][number];

/** Registers the lab's workers, in the lab's order. @throws {Refused} @throws {ServiceUnreachable} */
export async function registerWorkers(
  api: ServiceApi,
  lab: LabAnnouncement,
  signal: AbortSignal,
): Promise<WorkerDto[]> {
  const registered: WorkerDto[] = [];
  for (const worker of lab.workers) registered.push(await register(api, lab.region, worker, signal));
  return registered;
}

async function register(
  api: ServiceApi,
  region: string,
  announced: AnnouncedWorker,
  signal: AbortSignal,
): Promise<WorkerDto> {
  try {
    return await importWorker(api, region, announced);
  } catch (error) {
    if (!isRefusal(error, 'worker_already_registered')) throw error;
  }
  // An earlier demo on the same data directory: same instance, but this lab's CML servers are at other addresses.
  const known = await registeredWorker(api, region, announced.aws_instance_id);
  if (known?.cml_endpoint === announced.cml_endpoint) return known;
  if (known) await forget(api, `${workersPath(region)}/${segment(known.worker_id)}`, signal);
  return importWorker(api, region, announced);
}

function importWorker(api: ServiceApi, region: string, announced: AnnouncedWorker): Promise<WorkerDto> {
  const { aws_instance_id, name, cml_endpoint } = announced;
  return api.post(`${workersPath(region)}/import`, { aws_instance_id, name, cml_endpoint });
}

async function registeredWorker(api: ServiceApi, region: string, instanceId: string): Promise<WorkerDto | undefined> {
  for await (const worker of allWorkers(api, region)) if (worker.aws_instance_id === instanceId) return worker;
  return undefined;
}

/** A pause that the earlier demo's end has cut off is settled by the service's own jobs first. */
async function forget(api: ServiceApi, path: string, signal: AbortSignal): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await api.delete(path);
    } catch (error) {
      if (!isRefusal(error, 'power_change_pending') || tries === SETTLE_TRIES) throw error;
    }
    await sleep(SETTLE_EVERY_MS, undefined, { signal });
  }
}

function isRefusal(error: unknown, code: string): boolean {
  return error instanceof Refused && error.code === code;
}
