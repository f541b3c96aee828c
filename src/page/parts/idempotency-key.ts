/**
 * A key that nobody else uses: 128 random bits. `crypto.randomUUID` is there only on HTTPS and on this machine itself;
 * random values are everywhere.
 */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
