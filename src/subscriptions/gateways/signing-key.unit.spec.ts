import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { SigningKey, SigningKeyChanged, SigningKeyMissing } from './signing-key.js';

const KEY = 'a-key-that-is-long-enough-to-be-accepted';
const SUBSCRIPTION = 'sub_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dormouse-key-'));
  file = join(directory, 'webhook-signing.key');
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('A secret', () => {
  const key = new SigningKey({ key: KEY });
  const secretOf = (id: string, version: number, from = key) =>
    from.secretOf(id, { version, key_id: from.idForNewSecrets() });

  it('is one that Standard Webhooks takes: whsec_ and base64 of 32 bytes', () => {
    const secret = secretOf(SUBSCRIPTION, 1);
    expect(Buffer.from(secret.replace(/^whsec_/, ''), 'base64')).toHaveLength(32);
    expect(new Webhook(secret).sign('id', new Date(0), '{}')).toMatch(/^v1,/);
  });

  it('is the same whenever it is asked for, and another for each subscription, version and key', () => {
    const other = new SigningKey({ key: `${KEY}!` });
    const secrets = [
      secretOf(SUBSCRIPTION, 1),
      secretOf(SUBSCRIPTION, 2),
      secretOf('sub_2', 1),
      secretOf(SUBSCRIPTION, 1, other),
    ];
    expect(new Set(secrets).size).toBe(4);
    expect(secretOf(SUBSCRIPTION, 1, new SigningKey({ key: KEY }))).toBe(secrets[0]);
  });

  it('of another key is not made up', () => {
    expect(() => key.secretOf(SUBSCRIPTION, { version: 1, key_id: 'ffffffff' })).toThrow(SigningKeyChanged);
  });
});

describe('A key in a file', () => {
  it('is made when it is first needed, for its owner only, and kept', () => {
    const id = new SigningKey({ file }).idForNewSecrets();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8').trim().length).toBeGreaterThanOrEqual(64);
    expect(new SigningKey({ file }).idForNewSecrets()).toBe(id);
  });

  it('is not made for secrets that there are already', () => {
    const key = new SigningKey({ file });
    expect(() => key.secretOf(SUBSCRIPTION, { version: 1, key_id: '0a1b2c3d' })).toThrow(/is gone\. Bring it back/);
  });

  it('that is too short, or cannot be read, is not used', () => {
    writeFileSync(file, 'short\n');
    expect(() => new SigningKey({ file }).idForNewSecrets()).toThrow(SigningKeyMissing);
    expect(() => new SigningKey({ file: directory }).idForNewSecrets()).toThrow(/cannot be used/);
    expect(() => new SigningKey({ file: join(directory, 'no', 'such') }).idForNewSecrets()).toThrow(/cannot be used/);
  });

  it('that is not to be had is said to be missing, with what to do', () => {
    const key = new SigningKey({ missing: 'set WEBHOOK_SIGNING_KEY.' });
    expect(() => key.idForNewSecrets()).toThrow(expect.objectContaining({ code: 'signing_key_missing', status: 503 }));
    expect(() => key.idForNewSecrets()).toThrow(/set WEBHOOK_SIGNING_KEY/);
  });
});
