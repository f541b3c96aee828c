import type { Dispatcher } from 'undici';

/** Of an answer that is an error, at most so much is read. */
const MAX_ERROR_BYTES = 16 * 1024;

/** Of what a server says about an error, at most so many characters are repeated. */
const MAX_DESCRIPTION = 300;

/** The body as text, cut off after `limit` bytes. */
export async function readText(body: Dispatcher.ResponseData['body'], limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit).toString('utf8');
}

/**
 * What an answer that is no success says: its status, and CML's own `{code, description}` when it has one.
 *
 * @param secrets texts that are never repeated, should the server repeat them
 */
export async function describeRefusal(response: Dispatcher.ResponseData, secrets: readonly string[]): Promise<string> {
  const status = `HTTP ${response.statusCode}`;
  if (response.statusCode >= 300 && response.statusCode < 400) {
    return `${status}, a redirect, which is not followed with credentials: give the final address as cml_endpoint`;
  }
  let description = descriptionIn(await readText(response.body, MAX_ERROR_BYTES));
  for (const secret of secrets) if (secret !== '') description = description.replaceAll(secret, '***');
  return description === '' ? status : `${status}: ${description.slice(0, MAX_DESCRIPTION)}`;
}

/** CML's description of an error; empty when the body is not CML's. */
function descriptionIn(text: string): string {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null || !('description' in body)) return '';
    return typeof body.description === 'string' ? body.description : JSON.stringify(body.description);
  } catch {
    // An error page of something in between, such as a proxy: the status says enough.
    return '';
  }
}

/**
 * A server's clock minus ours, ms, from the `Date` header of its answer. The header has whole seconds, so half a second
 * is added; ours is taken at the middle of the exchange.
 *
 * @returns null without a readable header
 */
export function clockSkew(
  dateHeader: string | string[] | undefined,
  sentAt: number,
  answeredAt: number,
): number | null {
  const theirs = typeof dateHeader === 'string' ? Date.parse(dateHeader) : NaN;
  return Number.isNaN(theirs) ? null : Math.round(theirs + 500 - (sentAt + answeredAt) / 2);
}
