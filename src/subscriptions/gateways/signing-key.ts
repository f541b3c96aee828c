import { createHmac, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { DormouseError, messageOf } from '../../platform/errors.js';
import type { SecretVersion } from '../domain/webhook-subscription.js';

/** File in the data directory. */
export const SIGNING_KEY_FILE = 'webhook-signing.key';

const SHORTEST_KEY = 32;

/** There is no key to derive secrets from. */
export class SigningKeyMissing extends DormouseError {
  constructor(advice: string, options?: ErrorOptions) {
    super('signing_key_missing', 503, `There is no key to sign webhooks with: ${advice}`, {}, options);
  }
}

/** The key is another one than the subscription's secret was derived from: what is signed now no receiver would accept. */
export class SigningKeyChanged extends DormouseError {
  constructor() {
    super(
      'signing_key_changed',
      503,
      'The secret of this subscription was derived from another key. Bring that key back (WEBHOOK_SIGNING_KEY, ' +
        `or ${SIGNING_KEY_FILE} in DATA_DIR), or rotate the secret and give the receiver the new one.`,
    );
  }
}

/** Where the key is: in a setting, or in a file that is made when it is first needed. */
export type KeySource = { readonly key: string } | { readonly file: string } | { readonly missing: string };

/**
 * The secrets of the subscriptions. None is stored: each is derived from the service's key, the subscription's id and the
 * secret's version, so neither the history nor a copy of it gives one away.
 */
export class SigningKey {
  private loaded: { readonly key: string; readonly id: string } | undefined;

  constructor(private readonly source: KeySource) {}

  /**
   * Which key it is, without giving it away; makes the key where it is missing and may be made.
   * @throws {SigningKeyMissing}
   */
  idForNewSecrets(): string {
    this.loaded ??= this.load('make');
    return this.loaded.id;
  }

  /**
   * `whsec_` and base64 of 32 bytes, as Standard Webhooks has it.
   * @throws {SigningKeyMissing} @throws {SigningKeyChanged}
   */
  secretOf(subscriptionId: string, { version, key_id }: SecretVersion): string {
    this.loaded ??= this.load('read');
    if (this.loaded.id !== key_id) throw new SigningKeyChanged();
    const bytes = createHmac('sha256', this.loaded.key).update(`${subscriptionId}.${version}`).digest('base64');
    return `whsec_${bytes}`;
  }

  private load(how: 'read' | 'make'): { readonly key: string; readonly id: string } {
    const key = this.read(how);
    return { key, id: createHmac('sha256', key).update('key id').digest('hex').slice(0, 8) };
  }

  private read(how: 'read' | 'make'): string {
    const { source } = this;
    if ('key' in source) return source.key;
    if ('missing' in source) throw new SigningKeyMissing(source.missing);
    try {
      const text = readFileSync(source.file, 'utf8').trim();
      if (text.length >= SHORTEST_KEY) return text;
      throw new SigningKeyMissing(`${source.file} holds less than ${SHORTEST_KEY} characters.`);
    } catch (error) {
      if (error instanceof SigningKeyMissing) throw error;
      if ((error as { code?: unknown }).code !== 'ENOENT') throw unusable(source.file, error);
      if (how === 'make') return make(source.file);
      throw new SigningKeyMissing(`${source.file} is gone. Bring it back from a backup, or rotate the secrets.`);
    }
  }
}

/** On the disk, and whole, before any secret is derived from it. */
function make(file: string): string {
  const key = randomBytes(48).toString('base64');
  const fresh = `${file}.new`;
  try {
    const descriptor = openSync(fresh, 'w', 0o600);
    try {
      writeSync(descriptor, `${key}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(fresh, file);
    return key;
  } catch (error) {
    throw unusable(file, error);
  }
}

function unusable(file: string, cause: unknown): SigningKeyMissing {
  return new SigningKeyMissing(`${file} cannot be used: ${messageOf(cause)}.`, { cause });
}
