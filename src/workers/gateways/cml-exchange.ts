import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import { messageOf } from '../../platform/errors.js';
import { TelemetryUnavailable } from './cml-api.port.js';
import type { CmlEndpoint } from './cml-endpoint.js';

export interface CmlExchangeOptions {
  readonly verifyTls: boolean;
  /** Certificates (PEM) that CML's own is checked against, instead of the well-known authorities. */
  readonly ca: string | null;
  /** For one request and its whole answer, body included. */
  readonly requestTimeoutMs: number;
}

export interface CmlRequest {
  readonly method: 'GET' | 'POST';
  /** Below the API's base path. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One request with its answer at a time: connections, TLS and the time limit, and what can go wrong with them. */
export class CmlExchange {
  private readonly agent: Agent;

  constructor(private readonly options: CmlExchangeOptions) {
    this.agent = new Agent({
      allowH2: false,
      // The signal below limits the whole exchange; these would end only one part of it, each with its own error.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        timeout: options.requestTimeoutMs,
        rejectUnauthorized: options.verifyTls,
        ...(options.ca === null ? {} : { ca: options.ca }),
      },
    });
  }

  /**
   * Sends the request and lets `receive` read the answer, both within the time limit. Redirects are not followed: they
   * would carry the password or the token to wherever the answer says. A body that is not read is cut off.
   *
   * @throws {TelemetryUnavailable} `timeout`, `tls` or `unreachable`, and whatever `receive` throws
   */
  async run<T>(
    endpoint: CmlEndpoint,
    request: CmlRequest,
    receive: (response: Dispatcher.ResponseData) => Promise<T>,
  ): Promise<T> {
    const signal = AbortSignal.timeout(this.options.requestTimeoutMs);
    let response: Dispatcher.ResponseData | undefined;
    try {
      response = await this.agent.request({
        origin: endpoint.origin,
        path: `${endpoint.basePath}${request.path}`,
        method: request.method,
        headers: { accept: 'application/json', ...request.headers },
        body: request.body ?? null,
        signal,
      });
      return await receive(response);
    } catch (error) {
      throw this.explain(endpoint, error, signal.aborted);
    } finally {
      // Destroying a body that was read to its end does nothing; the listener is for the error of one that was not.
      response?.body.on('error', () => undefined).destroy();
    }
  }

  /** Ends all connections; exchanges in flight fail. */
  async close(): Promise<void> {
    await this.agent.destroy();
  }

  /** The error as one of the port's, when it is one of the connection; anything else as it is. */
  private explain(endpoint: CmlEndpoint, error: unknown, timedOut: boolean): unknown {
    if (error instanceof TelemetryUnavailable) return error;
    const code = codeOf(error);
    const cml = `CML at ${endpoint.name}`;
    if (timedOut || code === 'UND_ERR_CONNECT_TIMEOUT') {
      const limit = `${this.options.requestTimeoutMs} ms (CML_REQUEST_TIMEOUT_MS)`;
      return unavailable('timeout', `${cml} did not answer in full within ${limit}.`, error);
    }
    if (code === null) return error;
    if (isTlsCode(code)) {
      const advice =
        'set CML_CA_FILE to the certificate of its authority, or CML_VERIFY_TLS=false to do without the check';
      return unavailable(
        'tls',
        `No trusted TLS connection to ${cml}: ${messageOf(error)} (${code}); ${advice}.`,
        error,
      );
    }
    const advice = 'check the address, and that the worker is up and may be reached from here';
    return unavailable('unreachable', `No connection to ${cml}: ${messageOf(error)} (${code}); ${advice}.`, error);
  }
}

function unavailable(
  failure: 'timeout' | 'tls' | 'unreachable',
  message: string,
  cause: unknown,
): TelemetryUnavailable {
  return new TelemetryUnavailable(failure, message, { cause });
}

/** The code of a system, TLS, HTTP parser or undici error; null for errors that are none of these. */
function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** OpenSSL's verification results have no common prefix; the rest of TLS has. */
const CERTIFICATE_CODES = /CERT|CRL|SIGNATURE|HOSTNAME_MISMATCH|CA$/;

function isTlsCode(code: string): boolean {
  return code === 'EPROTO' || /^ERR_(SSL|TLS)_/.test(code) || CERTIFICATE_CODES.test(code);
}
