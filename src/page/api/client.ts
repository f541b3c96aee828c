import { Problem, problemOf, Unreachable } from './problem.js';

const CONSISTENCY_TOKEN = 'Consistency-Token';

/** Beyond that an answer is not waited for. A pause asks EC2 and CML, and takes its time. */
const READ_WITHIN_MS = 20_000;
const COMMAND_WITHIN_MS = 120_000;

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What a command is sent with. */
export interface Caller {
  /** Written down as the one who did it. */
  readonly user: string;
  /** The same key is the same command: it cannot be done twice. */
  readonly idempotencyKey: string;
}

/** What the client learns from answers, for banners and clocks. */
export interface ClientListener {
  /** An answer came, whatever it says; or none did. */
  reached(reachable: boolean): void;
  /** The service's views have, or have not, reached what has been seen already. */
  late(late: boolean): void;
}

/**
 * The service over HTTP. It remembers the newest consistency token that it was told or answered, and reads with it: what
 * is shown is never older than what was shown, or done, before. Where the service's view is late, it reads what there is
 * and says so.
 */
export class ServiceClient {
  private token: string | null = null;
  private readonly listeners = new Set<ClientListener>();

  constructor(private readonly fetch: Fetch = (url, init) => globalThis.fetch(url, init)) {}

  /** From now on answers are at least as new as this token. */
  noteToken(token: string): void {
    this.token = token;
  }

  /** Another history may be behind the address after a restart. */
  forgetToken(): void {
    this.token = null;
  }

  /** @returns ends it */
  listen(listener: ClientListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** A query. @throws {Problem} @throws {Unreachable} */
  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    const { token } = this;
    try {
      const answer = await this.read<T>(path, token, signal);
      if (token !== null) this.tell((listener) => listener.late(false));
      return answer;
    } catch (error) {
      if (token === null || !(error instanceof Problem) || !isAboutToken(error)) throw error;
      if (error.code === 'view_is_late') this.tell((listener) => listener.late(true));
      else if (this.token === token) this.forgetToken();
      return await this.read<T>(path, null, signal);
    }
  }

  /** The answer's body whatever its status, for a route that tells more with a failure. @throws {Unreachable} */
  async getAnyStatus<T>(path: string, signal?: AbortSignal): Promise<T> {
    const response = await this.send(path, { headers: {} }, READ_WITHIN_MS, signal);
    return (await response.json()) as T;
  }

  /** A command. @throws {Problem} @throws {Unreachable} */
  async command<T>(method: 'POST' | 'PATCH', path: string, body: object | null, caller?: Caller): Promise<T> {
    const headers = {
      ...(caller ? { 'Idempotency-Key': caller.idempotencyKey, 'X-User-Id': caller.user } : {}),
      ...(body ? { 'Content-Type': 'application/json' } : {}),
    };
    const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
    const response = await this.send(path, init, COMMAND_WITHIN_MS);
    if (!response.ok) throw await problemOf(response);
    const token = response.headers.get(CONSISTENCY_TOKEN);
    if (token !== null) this.noteToken(token);
    return (await response.json()) as T;
  }

  private async read<T>(path: string, token: string | null, signal?: AbortSignal): Promise<T> {
    const headers: Record<string, string> = token === null ? {} : { [CONSISTENCY_TOKEN]: token };
    const response = await this.send(path, { headers }, READ_WITHIN_MS, signal);
    if (!response.ok) throw await problemOf(response);
    return (await response.json()) as T;
  }

  private async send(path: string, init: RequestInit, withinMs: number, signal?: AbortSignal): Promise<Response> {
    const limit = AbortSignal.timeout(withinMs);
    try {
      const response = await this.fetch(path, {
        ...init,
        cache: 'no-store',
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
      this.tell((listener) => listener.reached(true));
      return response;
    } catch (error) {
      // Nobody wants the answer any more: this says nothing about the service.
      if (signal?.aborted) throw error;
      this.tell((listener) => listener.reached(false));
      throw new Unreachable(error);
    }
  }

  private tell(what: (listener: ClientListener) => void): void {
    for (const listener of this.listeners) what(listener);
  }
}

function isAboutToken({ code, fields }: Problem): boolean {
  return code === 'view_is_late' || fields.some(({ field }) => field === CONSISTENCY_TOKEN);
}
