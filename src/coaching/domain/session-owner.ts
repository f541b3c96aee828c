import type { SessionRefusal } from './coaching-session.decisions.js';
import { NOT_FOUND } from './coaching-session.decisions.js';
import type { StartedSession } from './coaching-session.js';

/** Who calls, and whose sessions are meant. */
export interface SessionOwner {
  readonly tenantId: string;
  readonly userId: string;
}

/**
 * Whether somebody may see and change a session: undefined when they may. That another tenant's session exists is not told;
 * another user's in the same tenant is refused.
 */
export function accessTo(
  session: Pick<StartedSession, 'tenant_id' | 'user_id'> | undefined,
  { tenantId, userId }: SessionOwner,
): SessionRefusal | undefined {
  if (!session || session.tenant_id !== tenantId) return NOT_FOUND;
  if (session.user_id === userId) return undefined;
  return { refused: 'session_forbidden', message: 'The session is another user’s.' };
}
