import { userInfo } from 'node:os';

/** A request as every way to the service takes it. */
export interface ServiceRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: string;
}

export interface ServiceResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** A way to the service: over HTTP, or in this very process. */
export interface Door {
  /** For people: the URL, or the data directory. */
  readonly where: string;
  readonly kind: 'http' | 'in_process';
  /** @throws {ServiceUnreachable} */
  send(request: ServiceRequest): Promise<ServiceResponse>;
  close(): Promise<void>;
}

/** A failure that a command reports in so many words; `code` is for programs. */
export class CliError extends Error {
  constructor(
    readonly code: string,
    message: string,
    /** Further lines, such as the fields that are not acceptable. */
    readonly lines: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Nobody answers there. */
export class ServiceUnreachable extends CliError {
  constructor(where: string, why: string, options?: ErrorOptions) {
    super('service_unreachable', `The service at ${where} cannot be reached: ${why}`, [], options);
  }
}

/** The service refused: its problem document (RFC 9457). */
export class Refused extends CliError {
  constructor(
    readonly status: number,
    code: string,
    detail: string,
    lines: readonly string[],
  ) {
    super(code, detail, lines);
  }
}

export type QueryParameters = Readonly<Record<string, string | number | undefined>>;

/** The service's HTTP interface, as the commands use it. Whatever is not a success is thrown. */
export class ServiceApi {
  constructor(
    private readonly door: Door,
    private readonly user: string = `cli:${nameOfUser()}`,
    /** For what belongs to tenants. */
    private readonly tenant?: string,
  ) {}

  get kind(): Door['kind'] {
    return this.door.kind;
  }

  get where(): string {
    return this.door.where;
  }

  /** @throws {Refused} @throws {ServiceUnreachable} */
  get<T>(path: string, query: QueryParameters = {}): Promise<T> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    return this.send<T>('GET', text === '' ? path : `${path}?${text}`);
  }

  /** @throws {Refused} @throws {ServiceUnreachable} */
  post<T>(path: string, body?: object): Promise<T> {
    return this.send<T>('POST', path, body);
  }

  /** @throws {Refused} @throws {ServiceUnreachable} */
  patch<T>(path: string, body: object): Promise<T> {
    return this.send<T>('PATCH', path, body);
  }

  /** @throws {Refused} @throws {ServiceUnreachable} */
  async delete(path: string): Promise<void> {
    await this.send('DELETE', path);
  }

  close(): Promise<void> {
    return this.door.close();
  }

  private async send<T>(method: ServiceRequest['method'], path: string, body?: object): Promise<T> {
    const headers = {
      accept: 'application/json, application/problem+json',
      'x-user-id': this.user,
      ...(this.tenant === undefined ? {} : { 'x-tenant-id': this.tenant }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const response = await this.door.send({
      method,
      path,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.status >= 400) throw refusalIn(response, this.where);
    // The caller names the type of the answer; the OpenAPI document is the contract behind it.
    return (response.status === 204 ? undefined : answerIn(response, this.where)) as T;
  }
}

/** One segment of a path. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}

function answerIn({ status, contentType, body }: ServiceResponse, where: string): unknown {
  if (/\bjson\b/.test(contentType)) return JSON.parse(body);
  throw new CliError('not_dormouse', `${where} answered ${status} without JSON: it does not look like this service.`);
}

function refusalIn(response: ServiceResponse, where: string): CliError {
  const { status, contentType, body } = response;
  if (!/\bproblem\+json\b/.test(contentType)) {
    return new CliError('not_dormouse', `${where} answered HTTP ${status}, which does not look like this service.`);
  }
  const problem = JSON.parse(body) as { code?: unknown; detail?: unknown; errors?: unknown };
  const lines = Array.isArray(problem.errors) ? problem.errors.map(fieldLine) : [];
  return new Refused(status, String(problem.code), lines.length > 0 ? 'Not accepted:' : String(problem.detail), lines);
}

function fieldLine(error: unknown): string {
  const { field, message } = error as { field?: unknown; message?: unknown };
  return `${String(field)}: ${String(message)}`;
}

/** The operating system's name for who runs the command, in the characters that a header takes. */
function nameOfUser(): string {
  try {
    return (
      userInfo()
        .username.replace(/[^\x21-\x7e]/g, '_')
        .slice(0, 100) || 'unknown'
    );
  } catch {
    // Containers run under user ids that have no name.
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}
