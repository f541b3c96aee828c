import * as Type from 'typebox';

/** The id of a coaching session. */
export const sessionId = (description: string) =>
  Type.String({ pattern: '^sess_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', description });
