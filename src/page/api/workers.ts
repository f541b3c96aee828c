import type {
  IdleDetectionResult,
  OperationResult,
  Page,
  WorkerActivity,
  WorkerRow,
  WorkerTimeline,
} from './answers.js';
import type { Caller, ServiceClient } from './client.js';

const PAGE = 1000;
/** The service takes as many ids in one request. */
const IDS_AT_ONCE = 100;

/** A worker by what names it in paths. */
export interface WorkerRef {
  readonly aws_region: string;
  readonly worker_id: string;
}

/** All workers of all regions. */
export async function listWorkers(client: ServiceClient, signal?: AbortSignal): Promise<WorkerRow[]> {
  const rows: WorkerRow[] = [];
  let after: string | null = null;
  do {
    const query = new URLSearchParams({ limit: String(PAGE), ...(after === null ? {} : { after }) });
    const page: Page<WorkerRow> = await client.get(`/workers?${query}`, signal);
    rows.push(...page.items);
    after = page.next;
  } while (after !== null);
  return rows;
}

/** Those of the workers that there still are. */
export async function workersByIds(client: ServiceClient, ids: readonly string[]): Promise<WorkerRow[]> {
  const rows: WorkerRow[] = [];
  for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
    const some = ids.slice(from, from + IDS_AT_ONCE).map((id): [string, string] => ['worker_id', id]);
    const query = new URLSearchParams([['limit', String(IDS_AT_ONCE)], ...some]);
    rows.push(...(await client.get<Page<WorkerRow>>(`/workers?${query}`)).items);
  }
  return rows;
}

export function getActivity(client: ServiceClient, worker: WorkerRef, signal?: AbortSignal): Promise<WorkerActivity> {
  return client.get(`${pathOf(worker)}/activity`, signal);
}

/** @param days 1 to 31 */
export function getTimeline(
  client: ServiceClient,
  worker: WorkerRef,
  days: number,
  signal?: AbortSignal,
): Promise<WorkerTimeline> {
  return client.get(`${pathOf(worker)}/timeline?days=${days}`, signal);
}

export function pauseWorker(client: ServiceClient, worker: WorkerRef, caller: Caller): Promise<OperationResult> {
  return client.command('POST', `${pathOf(worker)}/pause`, null, caller);
}

export function resumeWorker(client: ServiceClient, worker: WorkerRef, caller: Caller): Promise<OperationResult> {
  return client.command('POST', `${pathOf(worker)}/resume`, null, caller);
}

export function checkWorker(client: ServiceClient, worker: WorkerRef, caller: Caller): Promise<IdleDetectionResult> {
  return client.command('POST', `${pathOf(worker)}/detect-idle`, null, caller);
}

export function toggleDetection(
  client: ServiceClient,
  worker: WorkerRef,
  enabled: boolean,
  caller: Caller,
): Promise<OperationResult> {
  return client.command('POST', `${pathOf(worker)}/idle-detection/${enabled ? 'enable' : 'disable'}`, null, caller);
}

/** @param minutes null: the global setting holds */
export function changeTimeout(
  client: ServiceClient,
  worker: WorkerRef,
  minutes: number | null,
  caller: Caller,
): Promise<OperationResult> {
  return client.command('PATCH', `${pathOf(worker)}/policy`, { idle_timeout_minutes: minutes }, caller);
}

function pathOf({ aws_region, worker_id }: WorkerRef): string {
  return `/region/${encodeURIComponent(aws_region)}/workers/${encodeURIComponent(worker_id)}`;
}
