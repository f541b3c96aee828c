import type { EventNotReadable } from '../event-store/event-codec.js';
import { detailOfBlocked } from './feed.errors.js';

/** Why the service ends a stream. */
export type CutOffCode = 'slow_client' | 'shutting_down' | 'event_not_readable' | 'internal_error';

export interface CutOff {
  readonly code: CutOffCode;
  /** For people. */
  readonly detail: string;
  /** When to come back, milliseconds. */
  readonly retryMs: number;
}

/** How long a client waits before it comes back, milliseconds. */
export const RETRY_MS = 2_000;

/** What only an instance of a newer version can do is not there again in a moment. */
const RETRY_BLOCKED_MS = 10_000;

export const SHUTTING_DOWN: CutOff = {
  code: 'shutting_down',
  detail: 'The service is stopping. Nothing is lost: come back with the id of the last event.',
  retryMs: RETRY_MS,
};

export const UNEXPECTED: CutOff = {
  code: 'internal_error',
  detail: 'Something unexpected went wrong. The log tells what, under the correlation id.',
  retryMs: RETRY_BLOCKED_MS,
};

/** @param afterMs how long nothing was taken */
export function slowClient(afterMs: number): CutOff {
  return {
    code: 'slow_client',
    detail: `Nothing was taken for ${afterMs / 1000} s. Nothing is lost: come back with the id of the last event.`,
    retryMs: RETRY_MS,
  };
}

export function notReadable(blockedBy: EventNotReadable): CutOff {
  return { code: 'event_not_readable', detail: detailOfBlocked(blockedBy), retryMs: RETRY_BLOCKED_MS };
}
