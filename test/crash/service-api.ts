/** The service as its clients see it: HTTP, and an answer may never come. */

export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  /** `Idempotency-Key`. */
  readonly key?: string;
  /** `X-User-Id`. */
  readonly caller?: string;
  /** `X-Tenant-Id`. */
  readonly tenant?: string;
  /** `Consistency-Token` to read at. */
  readonly token?: string | null;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** The answer's `Consistency-Token`. */
  readonly token: string | null;
}

/** An event as `GET /admin/events` shows it. */
export interface StoredEvent {
  readonly id: string;
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
  readonly type: string;
  /** ISO 8601. */
  readonly recorded_at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The connection was lost or refused: nobody knows what became of the request. */
export class Unanswered extends Error {}

/** A client waits so long for an answer, ms. */
const ANSWER_WITHIN_MS = 20_000;

export class ServiceApi {
  constructor(
    readonly url: string,
    private readonly withinMs = ANSWER_WITHIN_MS,
  ) {}

  /** @throws {Unanswered} */
  async call({ method, path, body, key, caller, tenant, token }: Call): Promise<Answer> {
    const headers: Record<string, string> = {};
    if (body) headers['content-type'] = 'application/json';
    if (key !== undefined) headers['idempotency-key'] = key;
    if (caller !== undefined) headers['x-user-id'] = caller;
    if (tenant !== undefined) headers['x-tenant-id'] = tenant;
    if (token) headers['consistency-token'] = token;
    const options = { method, headers, signal: AbortSignal.timeout(this.withinMs) };
    try {
      const response = await fetch(`${this.url}${path}`, body ? { ...options, body: JSON.stringify(body) } : options);
      const text = await response.text();
      const answered: unknown = text === '' ? null : JSON.parse(text);
      return { status: response.status, body: answered, token: response.headers.get('consistency-token') };
    } catch (error) {
      throw new Unanswered(`${method} ${path}`, { cause: error });
    }
  }

  /** The body of a 200. @throws {Unanswered} also for another status: the service is not up yet, or no more */
  async read<T>(path: string, method: 'GET' | 'POST' = 'GET'): Promise<T> {
    const { status, body } = await this.call({ method, path });
    if (status !== 200) throw new Unanswered(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
    return body as T;
  }

  /** Newest first. @throws {Unanswered} */
  async newestOf(stream: string, limit: number): Promise<StoredEvent[]> {
    const path = `/admin/streams/${stream}?direction=backwards&limit=${limit}`;
    const { status, body } = await this.call({ method: 'GET', path });
    if (status === 404) return [];
    if (status !== 200) throw new Unanswered(`${path}: ${status}`);
    return body as StoredEvent[];
  }
}
