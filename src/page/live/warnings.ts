import type { Readiness } from '../api/answers.js';
import { clockTime } from '../time/format.js';
import type { ConnectionState } from './connection-state.js';

/** Views that are behind for longer than a moment are worth a word. */
const LATE_FROM_SECONDS = 5;

/** Something that makes what is shown doubtful. */
export interface Warning {
  readonly key: string;
  readonly title: string;
  readonly text: string;
}

/**
 * What has to be said of what is shown.
 *
 * @param heardAt when the service was last heard of, epoch ms
 * @param health its latest report
 */
export function warningsOf(
  { feed, reachable, late }: ConnectionState,
  heardAt: number | null,
  health: Readiness | undefined,
): readonly Warning[] {
  if (feed === 'lost' || !reachable) {
    const since = heardAt === null ? '' : ` What you see is from ${clockTime(heardAt)}.`;
    return [{ key: 'lost', title: 'The connection is lost.', text: `Reconnecting by itself.${since}` }];
  }
  if (health?.status === 'not_ready') {
    return [{ key: 'not_ready', title: 'The service is not ready.', text: health.reasons.join(' ') }];
  }
  const behind = Math.max(0, ...(health?.projections ?? []).map(({ lag_seconds }) => lag_seconds));
  if (!late && behind < LATE_FROM_SECONDS) return [];
  const by = behind >= LATE_FROM_SECONDS ? ` by ${Math.round(behind)} seconds` : '';
  return [{ key: 'late', title: `The data is late${by}.`, text: 'What has just happened may not be shown yet.' }];
}
