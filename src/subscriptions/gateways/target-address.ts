import type { LookupAddress, LookupOptions } from 'node:dns';
import { lookup as lookupName } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import type { FieldError } from '../../platform/errors.js';

/** Longest URL, characters. */
export const LONGEST_URL = 2_048;

const ACCEPTED_URL = `an http or https URL of at most ${LONGEST_URL} characters, without user name, password and fragment, is accepted`;

/** IPv4 that is not the public internet: IANA's special-purpose registry, and multicast. */
const PRIVATE_V4 = blockListOf('ipv4', [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]);

/**
 * IPv6 that is not the public internet: everything outside 2000::/3 (loopback, link-local, ULA, multicast, NAT64,
 * IPv4-mapped, ...), and in it what carries IPv4 addresses (Teredo, 6to4) or is for documents.
 */
const PRIVATE_V6 = blockListOf('ipv6', [
  ['::', 3],
  ['4000::', 2],
  ['8000::', 1],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]);

function blockListOf(family: 'ipv4' | 'ipv6', subnets: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of subnets) list.addSubnet(network, prefix, family);
  return list;
}

/** Whether an IP address, as text, is anything but one of the public internet. */
export function isPrivateAddress(address: string): boolean {
  // Two lists: Node takes an IPv4 address for an IPv4-mapped one when it is asked of IPv6 networks.
  if (isIP(address) === 4) return PRIVATE_V4.check(address, 'ipv4');
  return PRIVATE_V6.check(address, 'ipv6');
}

/** What is wrong with the URL of a target; undefined: nothing that can be told without resolving its name. */
export function targetProblem(text: string, allowPrivate: boolean): FieldError | undefined {
  const url = text.length <= LONGEST_URL ? URL.parse(text) : null;
  const isWeb = url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '';
  if (!isWeb || url.username !== '' || url.password !== '' || text.includes('#')) {
    return { field: 'url', message: ACCEPTED_URL };
  }
  if (allowPrivate || !isPrivateHost(url.hostname)) return undefined;
  const message = `'${url.hostname}' is not on the public internet; WEBHOOK_ALLOW_PRIVATE_TARGETS=true accepts it`;
  return { field: 'url', message };
}

/** @param host as WHATWG URL normalises it: 0x7f.1 has become 127.0.0.1 by then */
function isPrivateHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  if (isIP(bare) !== 0) return isPrivateAddress(bare);
  return bare === 'localhost' || bare.endsWith('.localhost');
}

/** A name stands for no address that may be called. */
export class TargetAddressRefused extends Error {
  readonly code = 'TARGET_ADDRESS_REFUSED';

  constructor(host: string) {
    super(
      `'${host}' does not resolve to an address on the public internet (WEBHOOK_ALLOW_PRIVATE_TARGETS=true accepts it)`,
    );
    this.name = new.target.name;
  }
}

/** How names are resolved; {@link lookupName} unless a test says otherwise. */
export type Resolver = (
  host: string,
  options: LookupOptions & { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Resolves names when a connection is made, and hands over public addresses only: a name that was harmless when the
 * subscription was made may stand for another address by now.
 */
export function publicLookup(resolve: Resolver = lookupName): LookupFunction {
  return (host, options, callback) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '');
      const found = addresses.filter(({ address }) => !isPrivateAddress(address));
      const [first] = found;
      if (!first) return callback(new TargetAddressRefused(host), '');
      if (options.all) callback(null, found);
      else callback(null, first.address, first.family);
    });
  };
}
