import type { FastifyRequest } from 'fastify';
import { DormouseError } from '../errors.js';
import { isLoopback } from './loopback.js';
import { isOfPage } from './page.js';

type Incoming = Pick<FastifyRequest, 'headers' | 'method' | 'url'>;

/**
 * As long as callers are not authenticated, being able to reach the service is the only permission. A web page that an
 * operator happens to have open must not have it: requests that a browser sends on behalf of another site are refused,
 * and so is a name that was bent to point at this machine (DNS rebinding). A link to the page may be anywhere: who follows
 * it sees the page in a window of its own, and the other site learns nothing.
 *
 * @param host the address that the service listens on
 * @throws {DormouseError} cross_site_request, 403
 */
export function refuseCrossSite(request: Incoming, host: string): void {
  const { origin, host: target } = request.headers;
  if (request.headers['sec-fetch-site'] === 'cross-site' && !followsLinkToPage(request)) throw crossSite();
  if (origin !== undefined && hostOf(origin) !== target) throw crossSite();
  if (isLoopback(host) && target !== undefined && !isLoopback(hostOf(`http://${target}`)?.replace(/:\d+$/, '') ?? '')) {
    throw crossSite();
  }
}

/** By the headers that a browser sets and no page can: a document in a window or tab, not in a frame, image or script. */
function followsLinkToPage({ headers, method, url }: Incoming): boolean {
  const navigates = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  return navigates && method === 'GET' && isOfPage(url);
}

function hostOf(url: string): string | undefined {
  return URL.parse(url)?.host;
}

function crossSite(): DormouseError {
  return new DormouseError('cross_site_request', 403, 'Requests that a browser sends from another site are refused.');
}
