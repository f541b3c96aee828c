import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SettingsError } from '../../config/settings.js';
import { parseConnectionString } from './connection-string.js';

function problemsOf(connectionString: string): string {
  try {
    parseConnectionString(connectionString);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  throw new Error(`'${connectionString}' was accepted.`);
}

describe('a connection string', () => {
  it('names a single server, port 2113 and TLS unless it says otherwise', () => {
    expect(parseConnectionString('esdb://node1')).toMatchObject({
      discover: false,
      hosts: [{ address: 'node1', port: 2113 }],
      credentials: undefined,
      tls: { rootCertificate: undefined },
    });
    expect(parseConnectionString(' esdb://node1:1234/?tls=false ')).toMatchObject({
      hosts: [{ address: 'node1', port: 1234 }],
      tls: undefined,
    });
  });

  it('names the members of a cluster, or a name to discover them by', () => {
    expect(parseConnectionString('esdb://a:1,b:2,c').hosts).toEqual([
      { address: 'a', port: 1 },
      { address: 'b', port: 2 },
      { address: 'c', port: 2113 },
    ]);
    const discover = 'esdb+discover://cluster.example?maxDiscoverAttempts=3&discoveryInterval=50&gossipTimeout=2';
    expect(parseConnectionString(discover)).toMatchObject({
      discover: true,
      maxDiscoverAttempts: 3,
      discoveryInterval: 50,
      gossipTimeoutSeconds: 2,
    });
  });

  it('carries user and password, percent-encoded', () => {
    expect(parseConnectionString('esdb://ad%40min:p%3Aw%25@node').credentials).toEqual({
      username: 'ad@min',
      password: 'p:w%',
    });
  });

  it('gives a dead connection up within 15 s unless it says otherwise', () => {
    const { keepAliveInterval, keepAliveTimeout } = parseConnectionString('esdb://node');
    expect(keepAliveInterval + keepAliveTimeout).toBeLessThanOrEqual(15_000);
    expect(parseConnectionString('esdb://node?keepAliveInterval=-1&KEEPALIVETIMEOUT=20000')).toMatchObject({
      keepAliveInterval: -1,
      keepAliveTimeout: 20_000,
    });
  });

  it('names files of certificates, which are read', () => {
    const directory = mkdtempSync(join(tmpdir(), 'connection-string-'));
    const file = join(directory, 'ca file.pem');
    writeFileSync(file, 'PEM');

    const { tls } = parseConnectionString(`esdb://node?tlsCAFile=${encodeURIComponent(file)}`);

    rmSync(directory, { recursive: true });
    expect(tls?.rootCertificate?.toString()).toBe('PEM');
  });
});

describe('a connection string that cannot be used', () => {
  const bad: Record<string, [connectionString: string, says: RegExp]> = {
    'is empty': ['', /esdb:\/\/.* is accepted/],
    'is of another kind': ['mongodb://node', /esdb:\/\/.* is accepted/],
    'has no host': ['esdb://', /esdb:\/\/.* is accepted/],
    'has a port that is none': ['esdb://node:99999', /host 1 is none; host or host:port is accepted/],
    'has a user without a password': ['esdb://verysecret@node', /user:password is accepted/],
    'has a password with an @': ['esdb://admin:very@secret@node', /must be percent-encoded/],
    'has an option that is not known': ['esdb://admin:verysecret@node?tsl=false', /option 'tsl' is not known; tls, /],
    'has an option without a value': ['esdb://node?tls', /option 'tls' needs a value/],
    'has a flag that is none': ['esdb://node?tls=yes', /option 'tls' is true or false/],
    'has a number that is none': ['esdb://node?keepAliveInterval=soon', /'keepAliveInterval' is a whole number from 1/],
    'names a file that is not there': ['esdb://node?tlsCAFile=/no/such/file', /'tlsCAFile' cannot be read/],
    'names a certificate without its key': ['esdb://node?userCertFile=/no/such/file', /together only/],
    'does not verify certificates': [
      'esdb://node?tlsVerifyCert=false',
      /name the certificate's authority with tlsCAFile/,
    ],
    'hides failed appends': ['esdb://node?throwOnAppendFailure=false', /a failed append must fail/],
    'prefers followers': ['esdb://a,b?nodePreference=follower', /the service reads what it has just written/],
  };
  it.each(Object.keys(bad))('is refused under the name of the setting: it %s', (name) => {
    const [connectionString, says] = bad[name]!;

    const message = problemsOf(connectionString);

    expect(message).toMatch(says);
    expect(message).toContain('EVENTSTORE_CONNECTION_STRING');
    expect(message).not.toMatch(/verysecret|very@secret/);
  });

  it('is refused with everything that is wrong about it', () => {
    const message = problemsOf('esdb://a:b:c@node:0?tls=maybe&what=1');

    for (const part of ['user:password', 'host 1 is none', "'tls' is true or false", "option 'what'"]) {
      expect(message).toContain(part);
    }
  });

  it('never shows what may be a piece of a password', () => {
    expect(problemsOf('esdb://node?admin:hush/1@node')).not.toContain('hush');
    expect(problemsOf('esdb://admin:hush')).not.toContain('hush');
    expect(problemsOf('esdb://admin:hush@a:b@node')).not.toContain('hush');
  });
});
