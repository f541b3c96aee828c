import type { CloudEvent } from '../contracts/public-events.js';
import type { CutOff } from './cut-offs.js';

/**
 * Server-sent events as text (https://html.spec.whatwg.org/multipage/server-sent-events.html). An event of the feed is a
 * plain `message`: with an `event:` line, `onmessage` of an EventSource would not be called, and each type would need its
 * own listener. What type it is stands in the CloudEvent.
 */
export function eventFrame(event: CloudEvent): string {
  // JSON has no line breaks, so one `data:` line holds it.
  return `id: ${event.position}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** Sets what a client resumes from without telling it anything: without data, no event is dispatched. */
export function positionFrame(token: string): string {
  return `id: ${token}\n\n`;
}

/** Asks the client to come back so long after a connection was lost, milliseconds. */
export function retryLine(milliseconds: number): string {
  return `retry: ${milliseconds}\n`;
}

/** Keeps proxies from closing a quiet connection, and shows clients that it lives. */
export const HEARTBEAT = ': heartbeat\n\n';

/** For who looks at the stream with curl; an EventSource does not see it. */
export const STORE_AWAY = ': the event store cannot be reached, waiting for it\n\n';

/** Name of the last event of a stream that the service ends. */
export const CUT_OFF_EVENT = 'dormouse.cut_off';

/** The last frame of a stream that the service ends. It has no id: the client resumes after the last event it was given. */
export function cutOffFrame({ code, detail, retryMs }: CutOff): string {
  return `${retryLine(retryMs)}event: ${CUT_OFF_EVENT}\ndata: ${JSON.stringify({ code, detail })}\n\n`;
}
