import type { About, JobRun, JobStatus, Readiness } from './answers.js';
import type { Caller, ServiceClient } from './client.js';

export function getAbout(client: ServiceClient, signal?: AbortSignal): Promise<About> {
  return client.get('/about', signal);
}

/** The report, ready or not. */
export function getReadiness(client: ServiceClient, signal?: AbortSignal): Promise<Readiness> {
  return client.getAnyStatus('/health/ready', signal);
}

export async function listJobs(client: ServiceClient, signal?: AbortSignal): Promise<readonly JobStatus[]> {
  return (await client.get<{ readonly items: readonly JobStatus[] }>('/jobs', signal)).items;
}

/** Answers when the run is done, failed or not. */
export function runJob(client: ServiceClient, name: string, caller: Caller): Promise<JobRun> {
  return client.command('POST', `/jobs/${encodeURIComponent(name)}/run`, null, caller);
}
