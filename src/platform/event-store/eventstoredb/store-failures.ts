import { messageOf } from '../../errors.js';
import { EventStoreUnavailable } from '../event-store.errors.js';

/** gRPC status codes that say something here. */
const STATUS = { DEADLINE_EXCEEDED: 4, PERMISSION_DENIED: 7, UNIMPLEMENTED: 12, UNAVAILABLE: 14, UNAUTHENTICATED: 16 };

/** What an error of the client has, of its own kinds (`type`) or straight from gRPC (`code` and `details`). */
interface StoreFailure {
  readonly type?: unknown;
  readonly code?: unknown;
  readonly details?: unknown;
  readonly message?: unknown;
}

/** The client's name for the kind of an error, such as `stream-not-found`; undefined for raw gRPC errors. */
export function failureType(error: unknown): string | undefined {
  const { type } = asFailure(error);
  return typeof type === 'string' ? type : undefined;
}

/** True when no connection was made, so that certainly nothing was sent. */
export function neverConnected(error: unknown): boolean {
  return asFailure(error).code === STATUS.UNAVAILABLE && NEVER_CONNECTED.test(textOf(error));
}

/** True when a connection was there and broke. */
export function lostConnection(error: unknown): boolean {
  return asFailure(error).code === STATUS.UNAVAILABLE && !neverConnected(error);
}

/** True when it is the connection or the access that fails, whatever is asked for. */
export function isConnectionTrouble(error: unknown): boolean {
  const { code } = asFailure(error);
  return (
    code === STATUS.UNAVAILABLE ||
    code === STATUS.UNAUTHENTICATED ||
    isNoLeader(error) ||
    failureType(error) === 'access-denied'
  );
}

// The words of grpc-js's load balancers and resolvers, which fail a call before it is given to any connection.
const NEVER_CONNECTED = /No connection established|Name resolution failed/;

/** True when the server turned a call away before looking at what it carries. */
export function turnedAway(error: unknown): boolean {
  const { code } = asFailure(error);
  return code === STATUS.UNAUTHENTICATED || code === STATUS.UNIMPLEMENTED;
}

/** The error with a message for people: what it is, and which part of the setting to look at. Never with secrets. */
export function storeUnavailable(verb: string, error: unknown): EventStoreUnavailable {
  if (error instanceof EventStoreUnavailable) return error;
  return new EventStoreUnavailable(`EventStoreDB could not ${verb}: ${describe(error)}`, { cause: error });
}

function describe(error: unknown): string {
  const { code } = asFailure(error);
  const type = failureType(error);
  const text = textOf(error);
  if (code === STATUS.UNAUTHENTICATED || code === STATUS.PERMISSION_DENIED || type === 'access-denied') {
    return 'it refused the access. Check user and password in EVENTSTORE_CONNECTION_STRING, and what the user may read and write.';
  }
  if (code === STATUS.UNIMPLEMENTED) {
    return 'what answers at the address in EVENTSTORE_CONNECTION_STRING is not an EventStoreDB of version 21.10 or newer.';
  }
  if (/ServerName to an IP address/.test(text)) {
    return 'a secure connection needs a host name, and EVENTSTORE_CONNECTION_STRING has an address. Name the host as its certificate does.';
  }
  if (TLS.test(text)) {
    return `the secure connection failed (${connectProblem(text)}). Check tls and tlsCAFile in EVENTSTORE_CONNECTION_STRING.`;
  }
  if (isNoLeader(error)) {
    return 'none of the hosts in EVENTSTORE_CONNECTION_STRING named a leader of the cluster.';
  }
  if (neverConnected(error)) return `there is no connection${whyNot(connectProblem(text))}.`;
  if (code === STATUS.DEADLINE_EXCEEDED || type === 'timeout') return 'it did not answer in time.';
  return text || type || 'no reason given';
}

/** The client's word for a cluster of which nobody names a leader. */
function isNoLeader(error: unknown): boolean {
  return /Failed to discover/.test(textOf(error));
}

const TLS = /SSL|TLS|certificate|self.signed|wrong version number|unable to verify|EPROTO/i;

/** `connect ECONNREFUSED 127.0.0.1:2113` out of what grpc-js says about it. */
function connectProblem(text: string): string {
  return (
    /Last error: (?<last>.*?)(?:\. Resolution note.*)?$/s.exec(text)?.groups?.['last']?.replaceAll('\n', ' ') ?? text
  );
}

/** In words of its own where gRPC's say nothing: it was answered, but not in HTTP/2 without TLS. */
function whyNot(problem: string): string {
  if (/^(Failed to connect|Protocol error)\b/.test(problem)) {
    return ': what answers there asks for TLS, or is no EventStoreDB. Check host, port and tls in EVENTSTORE_CONNECTION_STRING';
  }
  return problem === '' || problem === 'null' ? '' : ` (${problem})`;
}

function textOf(error: unknown): string {
  const { details } = asFailure(error);
  return typeof details === 'string' && details !== '' ? details : messageOf(error);
}

function asFailure(error: unknown): StoreFailure {
  return typeof error === 'object' && error !== null ? error : {};
}
