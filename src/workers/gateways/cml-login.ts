import type { Dispatcher } from 'undici';
import { TelemetryUnavailable } from './cml-api.port.js';
import type { CmlEndpoint } from './cml-endpoint.js';
import type { CmlExchange } from './cml-exchange.js';
import { describeRefusal, readText } from './cml-answer.js';

export interface CmlCredentials {
  readonly username: string;
  readonly password: string;
}

/** What a login gives. */
export interface CmlSession {
  readonly token: string;
  /** The account's own user id; null when it was not asked for or CML cannot tell. */
  readonly ownUserId: string | null;
}

/** A token longer than this is none. */
const MAX_LOGIN_BYTES = 64 * 1024;

/**
 * Logs in to CML.
 *
 * @param learnOwnId whether to use `POST /auth_extended`, which also tells the account's user id. A CML without it is
 *   asked for the token alone.
 * @throws {TelemetryUnavailable}
 */
export async function logIn(
  exchange: CmlExchange,
  endpoint: CmlEndpoint,
  credentials: CmlCredentials,
  learnOwnId: boolean,
): Promise<CmlSession> {
  const extended = learnOwnId ? await post(exchange, endpoint, credentials, '/auth_extended') : null;
  const session = extended ?? (await post(exchange, endpoint, credentials, '/authenticate'));
  if (session === null)
    throw refused(endpoint, 'http_status', 'has no POST /authenticate: is this address a CML server?');
  return session;
}

/** One login; null when CML does not know the path. */
async function post(
  exchange: CmlExchange,
  endpoint: CmlEndpoint,
  credentials: CmlCredentials,
  path: '/authenticate' | '/auth_extended',
): Promise<CmlSession | null> {
  const request = {
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: credentials.username, password: credentials.password }),
  } as const;
  return exchange.run(endpoint, request, async (response) => {
    if (response.statusCode === 404) return null;
    if (response.statusCode !== 200) throw await loginRefused(endpoint, response, credentials);
    const session = sessionIn(await readText(response.body, MAX_LOGIN_BYTES));
    if (session === null) {
      throw refused(endpoint, 'not_json', `answered POST ${path} with something that is no token: is it a CML server?`);
    }
    return session;
  });
}

async function loginRefused(
  endpoint: CmlEndpoint,
  response: Dispatcher.ResponseData,
  credentials: CmlCredentials,
): Promise<TelemetryUnavailable> {
  const said = await describeRefusal(response, [credentials.password]);
  if (response.statusCode !== 401 && response.statusCode !== 403) {
    return refused(endpoint, 'http_status', `answered the login with ${said}.`);
  }
  const account = `user '${credentials.username}'`;
  return refused(
    endpoint,
    'login_denied',
    `denied the login of ${account} (${said}): check CML_USERNAME and CML_PASSWORD.`,
  );
}

function refused(
  endpoint: CmlEndpoint,
  failure: 'http_status' | 'not_json' | 'login_denied',
  what: string,
): TelemetryUnavailable {
  return new TelemetryUnavailable(failure, `CML at ${endpoint.name} ${what}`);
}

/** `/authenticate` answers the token as a bare JSON string, `/auth_extended` an object that holds it; null: neither. */
function sessionIn(text: string): CmlSession | null {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return null;
  }
  if (isToken(answer)) return { token: answer, ownUserId: null };
  if (typeof answer !== 'object' || answer === null || !('token' in answer) || !isToken(answer.token)) return null;
  const id = 'id' in answer && typeof answer.id === 'string' && answer.id !== '' ? answer.id : null;
  return { token: answer.token, ownUserId: id };
}

/** A text that can stand in a header. */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value);
}
