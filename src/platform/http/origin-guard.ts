import type { FastifyRequest } from 'fastify';
import { DormouseError } from '../errors.js';
import { isLoopback } from './loopback.js';

/**
 * As long as callers are not authenticated, being able to reach the service is the only permission. A web page that an
 * operator happens to have open must not have it: requests that a browser sends on behalf of another site are refused,
 * and so is a name that was bent to point at this machine (DNS rebinding).
 *
 * @param host the address that the service listens on
 * @throws {DormouseError} cross_site_request, 403
 */
export function refuseCrossSite(request: Pick<FastifyRequest, 'headers'>, host: string): void {
  const { origin, host: target } = request.headers;
  if (request.headers['sec-fetch-site'] === 'cross-site') throw crossSite();
  if (origin !== undefined && hostOf(origin) !== target) throw crossSite();
  if (isLoopback(host) && target !== undefined && !isLoopback(hostOf(`http://${target}`)?.replace(/:\d+$/, '') ?? '')) {
    throw crossSite();
  }
}

function hostOf(url: string): string | undefined {
  return URL.parse(url)?.host;
}

function crossSite(): DormouseError {
  return new DormouseError('cross_site_request', 403, 'Requests that a browser sends from another site are refused.');
}
