import type { WorkerRow } from '../api/answers.js';
import { idleStateOf } from './worker-state.js';
import type { IdleState } from './worker-state.js';

/** What somebody looks for among the workers; '' does not matter. */
export interface WorkerFilter {
  readonly text: string;
  readonly status: string;
  readonly idle: IdleState | '';
}

/** The workers that it lets through: every word of the text is somewhere in name, ids, region or status. */
export function filtered(rows: readonly WorkerRow[], filter: WorkerFilter, now: number): readonly WorkerRow[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter(
    (row) =>
      (filter.status === '' || row.status === filter.status) &&
      (filter.idle === '' || idleStateOf(row, now) === filter.idle) &&
      words.every((word) => searchable(row).includes(word)),
  );
}

function searchable({ name, worker_id, aws_region, aws_instance_id, status }: WorkerRow): string {
  return `${name} ${worker_id} ${aws_region} ${aws_instance_id} ${status}`.toLowerCase();
}
