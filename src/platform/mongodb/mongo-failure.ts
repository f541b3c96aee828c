import { DormouseError, messageOf } from '../errors.js';
import { ReadModelStoreUnavailable } from '../read-models/read-model-store.errors.js';
import { DocumentTooLarge } from './mongodb.errors.js';

/*
 * What the driver throws, in the ports' errors. Errors are told apart by name and code, not by class: the driver is
 * only loaded when it is used. Codes: https://www.mongodb.com/docs/manual/reference/error-codes/
 */

const NO_PRIMARY = 'there is no primary at the moment; the service goes on by itself once one is elected';
const NOT_CONFIRMED = 'a majority did not confirm the write in time; it may have been made and is repeated';
const TOO_SLOW = 'the server did not finish in time';

const ADVICE: Readonly<Record<number, string>> = {
  6: 'a member of the deployment cannot be reached',
  7: 'a member of the deployment cannot be found',
  13: 'the user may not do this; it needs the role readWrite on the database',
  18: 'user name, password or authSource in MONGODB_URI are not accepted',
  50: TOO_SLOW,
  64: NOT_CONFIRMED,
  79: NOT_CONFIRMED,
  89: TOO_SLOW,
  91: NO_PRIMARY,
  100: 'too few members of the replica set are up to confirm a write',
  189: NO_PRIMARY,
  262: TOO_SLOW,
  8000: 'user name, password or authSource in MONGODB_URI are not accepted',
  10107: NO_PRIMARY,
  11600: NO_PRIMARY,
  11602: NO_PRIMARY,
  13435: NO_PRIMARY,
  13436: NO_PRIMARY,
  14031: 'the disk of the server is full; free some space, the service then goes on by itself',
};

const DUPLICATE_KEY = new Set([11000, 11001, 12582]);
/** BSONObjectTooLarge, and what updates answer when their result would be too large. */
const TOO_LARGE = new Set([10334, 17419, 17420]);

/** True for what the driver throws, server's answers included. */
export function isMongoError(error: unknown): error is Error {
  return error instanceof Error && /^Mongo[A-Z]/.test(error.name);
}

/**
 * The error that the ports promise: {@link ReadModelStoreUnavailable} for everything that time or an operator mends,
 * with what to do; {@link DocumentTooLarge}; a violated index and anything that is not the driver's pass as they are.
 *
 * @param where the deployment, without credentials
 * @param worked it has answered before, so that the address and TLS are not to blame
 */
export function portError(where: string, error: unknown, worked = false): unknown {
  if (!isMongoError(error) || error instanceof DormouseError || isDuplicateKey(error)) return error;
  if (isTooLarge(error)) {
    return new DocumentTooLarge(`MongoDB takes documents of at most 16 MB: ${messageOf(error)}.`, { cause: error });
  }
  const advice = adviceFor(error, worked);
  const message = `MongoDB (${where}) did not do it: ${trimmed(messageOf(error))}${advice ? `; ${advice}` : ''}.`;
  return new ReadModelStoreUnavailable(message, { cause: error });
}

/** Another document has that id, or those values in a unique index. Compatible servers do not always give the code. */
export function isDuplicateKey(error: unknown): boolean {
  return DUPLICATE_KEY.has(codeOf(error)) || /duplicate key/i.test(textOf(error));
}

/** A duplicate key on `_id`: the document exists and the guard of the upsert did not match it. */
export function isIdConflict(error: unknown): boolean {
  return isDuplicateKey(error) && /\bindex:? '?_id_\b|\bcollection_pk/i.test(textOf(error));
}

/**
 * Which writes of an unordered bulk were refused because the document exists and its guard did not match.
 *
 * @throws the error itself when anything else went wrong as well: another write error, no confirmation by a majority
 */
export function idConflictsOf(error: unknown): number[] {
  const { writeErrors, result } = error as {
    writeErrors?: { readonly index: number } | readonly { readonly index: number }[];
    result?: { getWriteConcernError?(): unknown };
  };
  const refused = [writeErrors ?? []].flat();
  const onlyConflicts = refused.length > 0 && refused.every(isIdConflict);
  if (!onlyConflicts || result?.getWriteConcernError?.()) throw error;
  return refused.map(({ index }) => index);
}

function isTooLarge(error: Error): boolean {
  return (
    TOO_LARGE.has(codeOf(error)) || /larger than (?:the maximum size|MaxDocumentSize)|too large/i.test(error.message)
  );
}

function adviceFor(error: Error, worked: boolean): string | undefined {
  const byCode = ADVICE[codeOf(error)];
  if (byCode) return byCode;
  const text = textOf(error);
  if (/auth/i.test(text) && error.name !== 'MongoServerSelectionError') return ADVICE[18];
  if (/ssl|tls|wrong version number|certificate/i.test(text)) {
    return 'TLS does not fit: check tls, tlsCAFile and tlsCertificateKeyFile in MONGODB_URI';
  }
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return 'the host name in MONGODB_URI cannot be resolved';
  if (/ECONNREFUSED/.test(text))
    return 'nothing listens there: is it running, and are host and port in MONGODB_URI right?';
  if (/selection timed out/i.test(text)) return 'no server that fits: check hosts and replicaSet in MONGODB_URI';
  const whileConnecting = error.name === 'MongoServerSelectionError' || text.includes('<monitor>');
  if (whileConnecting && !worked && /closed|ECONNRESET/i.test(text)) {
    return 'the server hangs up: it asks for TLS (MONGODB_URI then needs tls=true), or is no MongoDB';
  }
  return undefined;
}

function codeOf(error: unknown): number {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'number' ? code : Number.NaN;
}

/** Message of an error or of a write error in a bulk's answer, with those of its causes. */
function textOf(error: unknown): string {
  const texts: string[] = [];
  for (let at = error; at && texts.length < 5; at = (at as { cause?: unknown }).cause) {
    const { message, errmsg } = at as { message?: unknown; errmsg?: unknown };
    for (const text of [errmsg, message]) if (typeof text === 'string') texts.push(text);
  }
  return texts.join(' | ');
}

function trimmed(text: string): string {
  return text.replace(/[\s.]+$/, '');
}
