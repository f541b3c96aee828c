import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isPrivateAddress, publicLookup, targetProblem } from './target-address.js';
import type { Resolver } from './target-address.js';

describe('The URL of a target', () => {
  it.each([
    'https://billing.example.com/hook',
    'http://billing.example.com:8080/a/b?c=d',
    'https://93.184.216.34/',
    'https://[2606:2800:220:1:248:1893:25c8:1946]/',
    'https://bücher.example/haken',
  ])('may be %s', (url) => {
    expect(targetProblem(url, false)).toBeUndefined();
  });

  it.each([
    'ftp://example.com/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'https://user@example.com/',
    'https://user:password@example.com/',
    'https://:password@example.com/',
    'https://example.com/#part',
    'https://example.com/#',
    'example.com/hook',
    'https://',
    'http://999.1.1.1/',
    `https://example.com/${'x'.repeat(2_048)}`,
  ])('may not be %s, whatever the setting', (url) => {
    expect(targetProblem(url, false)).toMatchObject({
      field: 'url',
      message: expect.stringMatching(/http or https URL/),
    });
    expect(targetProblem(url, true)).toBeDefined();
  });

  it.each([
    ['loopback', 'http://127.0.0.1/'],
    ['all of loopback', 'http://127.200.0.1:8080/'],
    ['one number', 'http://2130706433/'],
    ['hexadecimal', 'http://0x7f000001/'],
    ['octal', 'http://0177.0.0.1/'],
    ['short', 'http://127.1/'],
    ['with a dot at the end', 'http://127.0.0.1./'],
    ['in full-width digits', 'http://１２７.0.0.1/'],
    ['percent-encoded', 'http://%31%32%37.0.0.1/'],
    ['unspecified', 'http://0.0.0.0/'],
    ['0/8', 'http://0/'],
    ['private 10', 'https://10.1.2.3/'],
    ['private 172.16', 'https://172.31.255.255/'],
    ['private 192.168', 'https://192.168.0.1/'],
    ['link-local, where clouds keep their metadata', 'http://169.254.169.254/latest/meta-data/'],
    ['CGNAT', 'http://100.64.0.1/'],
    ['benchmarks', 'http://198.18.0.1/'],
    ['multicast', 'http://224.0.0.1/'],
    ['reserved', 'http://240.0.0.1/'],
    ['broadcast', 'http://255.255.255.255/'],
    ['IPv6 loopback', 'http://[::1]/'],
    ['IPv6 unspecified', 'http://[::]/'],
    ['IPv4-mapped', 'http://[::ffff:127.0.0.1]/'],
    ['IPv4-mapped, in hexadecimal', 'http://[::ffff:7f00:1]/'],
    ['IPv4-mapped, public', 'http://[::ffff:8.8.8.8]/'],
    ['IPv4-compatible', 'http://[::127.0.0.1]/'],
    ['NAT64', 'http://[64:ff9b::7f00:1]/'],
    ['local NAT64', 'http://[64:ff9b:1::1]/'],
    ['6to4', 'http://[2002:7f00:1::]/'],
    ['Teredo', 'http://[2001:0:7f00:1::]/'],
    ['ULA', 'http://[fd12:3456::1]/'],
    ['IPv6 link-local', 'http://[fe80::1]/'],
    ['IPv6 multicast', 'http://[ff02::1]/'],
    ['documentation', 'http://[2001:db8::1]/'],
    ['localhost', 'http://localhost:3000/'],
    ['LOCALHOST', 'http://LOCALHOST/'],
    ['localhost with a dot', 'http://localhost./'],
    ['a name below localhost', 'http://me.localhost/'],
  ])('on a private network is refused unless the setting accepts it: %s', (_, url) => {
    expect(targetProblem(url, false)).toMatchObject({
      field: 'url',
      message: expect.stringMatching(/not on the public internet; WEBHOOK_ALLOW_PRIVATE_TARGETS=true accepts it/),
    });
    expect(targetProblem(url, true)).toBeUndefined();
  });

  it('is never a reason to fail otherwise, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl({ withFragments: true })), (text) => {
        const problem = targetProblem(text, false);
        expect(problem === undefined || problem.field === 'url').toBe(true);
      }),
    );
  });
});

describe('An address', () => {
  it.each(['1.1.1.1', '9.255.255.255', '11.0.0.0', '100.63.255.255', '172.32.0.1', '192.169.0.1', '223.255.255.255'])(
    '%s is public',
    (address) => expect(isPrivateAddress(address)).toBe(false),
  );

  it.each(['2001:200::1', '2a00:1450:4001::1', '2606:4700::1111', '3ffe::1'])('%s is public', (address) => {
    expect(isPrivateAddress(address)).toBe(false);
  });

  it('of IPv6 outside 2000::/3 is never public', () => {
    const part = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(fc.array(part, { minLength: 8, maxLength: 8 }), (parts) => {
        fc.pre((parts[0] ?? 0) < 0x2000 || (parts[0] ?? 0) > 0x3fff);
        expect(isPrivateAddress(parts.map((number) => number.toString(16)).join(':'))).toBe(true);
      }),
    );
  });
});

describe('Resolving a name', () => {
  const resolvesTo =
    (...addresses: string[]): Resolver =>
    (_, __, callback) => {
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    };
  const lookUp = (resolver: Resolver, all: boolean) =>
    new Promise<{ error: Error | null; found: string | LookupAddress[] | undefined }>((resolve) => {
      publicLookup(resolver)('hook.example.com', { all }, (error, found) => resolve({ error, found }));
    });

  it('hands over public addresses only', async () => {
    const resolver = resolvesTo('127.0.0.1', '93.184.216.34', '::1', '2606:4700::1111');
    expect((await lookUp(resolver, true)).found).toEqual([
      { address: '93.184.216.34', family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ]);
    expect((await lookUp(resolver, false)).found).toBe('93.184.216.34');
  });

  it('to private addresses only is refused', async () => {
    const { error } = await lookUp(resolvesTo('169.254.169.254', '::ffff:10.0.0.1'), true);
    expect(error?.message).toMatch(/'hook.example.com' does not resolve to an address on the public internet/);
  });

  it('that fails fails as it does', async () => {
    const failure = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    expect((await lookUp((_, __, callback) => callback(failure, []), true)).error).toBe(failure);
  });
});
