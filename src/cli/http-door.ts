import { Agent, request } from 'undici';
import { messageOf } from '../platform/errors.js';
import type { Door, ServiceRequest, ServiceResponse } from './service-api.js';
import { CliError, ServiceUnreachable } from './service-api.js';

const CONNECT_WITHIN_MS = 5_000;

/** A service that listens somewhere. */
export class HttpDoor implements Door {
  readonly kind = 'http';
  private readonly base: string;
  /** Runs of jobs and verifications answer when they are done, however long that takes. */
  private readonly agent = new Agent({ connect: { timeout: CONNECT_WITHIN_MS }, headersTimeout: 0, bodyTimeout: 0 });

  /** @throws {CliError} bad_url */
  constructor(
    readonly where: string,
    private readonly signal?: AbortSignal,
  ) {
    const url = URL.parse(where);
    if (!url || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
      throw new CliError('bad_url', `'${where}' is not accepted as the service's URL: http://127.0.0.1:3000 is one.`);
    }
    this.base = url.href.replace(/\/$/, '');
  }

  async send({ method, path, headers, body }: ServiceRequest): Promise<ServiceResponse> {
    try {
      const answer = await request(`${this.base}${path}`, {
        dispatcher: this.agent,
        method,
        headers: { ...headers },
        ...(body === undefined ? {} : { body }),
        ...(this.signal ? { signal: this.signal } : {}),
      });
      const contentType = answer.headers['content-type'];
      return {
        status: answer.statusCode,
        contentType: typeof contentType === 'string' ? contentType : '',
        body: await answer.body.text(),
      };
    } catch (error) {
      this.signal?.throwIfAborted();
      throw new ServiceUnreachable(this.where, messageOf(error), { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }
}
