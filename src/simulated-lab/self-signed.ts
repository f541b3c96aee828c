import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { TlsIdentity } from './http-listener.js';

const OID_ECDSA_WITH_SHA256 = Buffer.from('2a8648ce3d040302', 'hex');
const OID_COMMON_NAME = Buffer.from('550403', 'hex');
const OID_SUBJECT_ALT_NAME = Buffer.from('551d11', 'hex');

/**
 * A key and a self-signed certificate for `localhost` and 127.0.0.1, as a default CML installation has one of its own:
 * clients that verify refuse it unless it is in their CA file.
 *
 * @param now epoch ms; valid from a day before it, for a year
 */
export function selfSignedIdentity(now: number): TlsIdentity {
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const algorithm = sequence(der(0x06, OID_ECDSA_WITH_SHA256));
  const name = sequence(
    der(0x31, sequence(der(0x06, OID_COMMON_NAME), der(0x0c, Buffer.from('simulated CML server')))),
  );
  const day = 86_400_000;
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    name,
    sequence(utcTime(now - day), utcTime(now + 365 * day)),
    name,
    pair.publicKey,
    der(0xa3, sequence(subjectAltName())),
  );
  const signature = sign('sha256', body, createPrivateKey(pair.privateKey));
  const certificate = sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
  return { key: pair.privateKey, cert: pem(certificate) };
}

function subjectAltName(): Buffer {
  const names = sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1])));
  return sequence(der(0x06, OID_SUBJECT_ALT_NAME), der(0x04, names));
}

function utcTime(epochMs: number): Buffer {
  const text = new Date(epochMs).toISOString().replace(/[-:T]/g, '');
  return der(0x17, Buffer.from(`${text.slice(2, 14)}Z`));
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

/** One DER element: tag, length, content. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
