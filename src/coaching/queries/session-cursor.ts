import { InvalidInput } from '../../platform/errors.js';
import type { SessionDocument } from '../projections/coaching-sessions.projection.js';

/** A place in the order of sessions by the time they were started, those of one time by id. */
export interface SessionPlace {
  readonly id: string;
  /** Epoch ms. */
  readonly value: number;
}

/** The place of a session as text that callers hand back for the next page. */
export function cursorOf({ session_id, created_at }: Pick<SessionDocument, 'session_id' | 'created_at'>): string {
  return Buffer.from(JSON.stringify([created_at, session_id])).toString('base64url');
}

/** @throws {InvalidInput} no {@link cursorOf} of a session */
export function parseCursor(cursor: string): SessionPlace {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(parsed) && typeof parsed[0] === 'number' && typeof parsed[1] === 'string') {
      return { value: parsed[0], id: parsed[1] };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new InvalidInput([{ field: 'after', message: 'the `next` of an earlier page is accepted' }]);
}
