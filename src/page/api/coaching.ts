import type { Page, SessionRow } from './answers.js';
import type { ServiceClient } from './client.js';

const PAGE = 1000;
/** Beyond that a table on a page is not how anybody looks for a session. */
const MOST = 5000;

/** Coaching sessions of all tenants. */
export interface Sessions {
  readonly rows: readonly SessionRow[];
  /** There are more than are listed. */
  readonly truncated: boolean;
}

export async function listSessions(client: ServiceClient, signal?: AbortSignal): Promise<Sessions> {
  const rows: SessionRow[] = [];
  let after: string | null = null;
  do {
    const query = new URLSearchParams({ limit: String(PAGE), ...(after === null ? {} : { after }) });
    const page: Page<SessionRow> = await client.get(`/admin/coaching/sessions?${query}`, signal);
    rows.push(...page.items);
    after = page.next;
  } while (after !== null && rows.length < MOST);
  return { rows, truncated: after !== null };
}
