import { cursorOfPlace } from '../../platform/read-models/page-cursor.js';
import type { SessionDocument } from '../projections/coaching-sessions.projection.js';

/** The place of a session in the order by the time they were started, as text for the next page. */
export function cursorOf({ session_id, created_at }: Pick<SessionDocument, 'session_id' | 'created_at'>): string {
  return cursorOfPlace({ id: session_id, value: created_at });
}
