import { TelemetryUnavailable } from './cml-api.port.js';

/** Where a CML server's API is. */
export interface CmlEndpoint {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path of the API, without a slash at the end. */
  readonly basePath: string;
  /** The endpoint as messages name it: without credentials, query or fragment. */
  readonly name: string;
}

/**
 * Reads a worker's `cml_endpoint`: an http or https URL, a path before `/api/v0` and slashes at the end allowed.
 *
 * @throws {TelemetryUnavailable} `no_endpoint`
 */
export function parseCmlEndpoint(text: string): CmlEndpoint {
  const url = URL.parse(text.trim());
  if (url === null || !['http:', 'https:'].includes(url.protocol)) throw noEndpoint(text);
  const prefix = url.pathname.replace(/(\/api\/v0)?\/*$/, '');
  return { origin: url.origin, basePath: `${prefix}/api/v0`, name: `${url.origin}${prefix}` };
}

function noEndpoint(text: string): TelemetryUnavailable {
  const shown = text.replace(/\/\/[^/]*@/, '//').slice(0, 200);
  const problem =
    shown.trim() === '' ? 'The worker has no cml_endpoint' : `The worker's cml_endpoint '${shown}' is no URL`;
  return new TelemetryUnavailable('no_endpoint', `${problem}: give it one such as https://cml.example.com.`);
}
