/** EC2's instance states, and `unknown` for whatever else EC2 may say. */
export const WORKER_STATUSES = [
  'pending',
  'starting',
  'running',
  'stopping',
  'stopped',
  'shutting-down',
  'terminated',
  'unknown',
] as const;

export type WorkerStatus = (typeof WORKER_STATUSES)[number];

/** The status for an EC2 state name. A state that the service does not know is `unknown`, never a guess. */
export function workerStatusOf(ec2State: string | undefined): WorkerStatus {
  return WORKER_STATUSES.find((status) => status === ec2State) ?? 'unknown';
}
