import { readFileSync } from 'node:fs';
import { SettingsError } from '../../config/settings.js';

/** The setting that this module reads; every problem is told under its name, never with its value. */
const SETTING = 'EVENTSTORE_CONNECTION_STRING';

export interface Host {
  readonly address: string;
  readonly port: number;
}

/** A connection string, understood. Times are milliseconds unless their name says otherwise. */
export interface ConnectionSettings {
  /** Ask the first host, found by DNS, for the members of the cluster. */
  readonly discover: boolean;
  readonly hosts: readonly [Host, ...Host[]];
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  readonly tls: TlsSettings | undefined;
  readonly connectionName: string | undefined;
  readonly keepAliveInterval: number;
  readonly keepAliveTimeout: number;
  /** How long an append may go unanswered; undefined when the string does not say. */
  readonly defaultDeadline: number | undefined;
  readonly maxDiscoverAttempts: number;
  readonly discoveryInterval: number;
  readonly gossipTimeoutSeconds: number;
}

/** PEM files, read. */
export interface TlsSettings {
  readonly rootCertificate: Buffer | undefined;
  readonly userCertificate: Buffer | undefined;
  readonly userKey: Buffer | undefined;
}

/**
 * How soon a connection that has died without a word is given up, when the string does not say: the client's own
 * defaults take twice 10 s. Below 10 s between pings it complains on the console each time it is made.
 */
const KEEP_ALIVE = { interval: 10_000, timeout: 3_000 };

const OPTIONS = [
  'tls',
  'tlsCAFile',
  'tlsVerifyCert',
  'userCertFile',
  'userKeyFile',
  'connectionName',
  'keepAliveInterval',
  'keepAliveTimeout',
  'defaultDeadline',
  'maxDiscoverAttempts',
  'discoveryInterval',
  'gossipTimeout',
  'nodePreference',
  'throwOnAppendFailure',
] as const;

type OptionName = (typeof OPTIONS)[number];

const SHAPE = /^esdb(?<discover>\+discover)?:\/\/(?:(?<user>[^@/?#]*)@)?(?<hosts>[^@/?#]+)\/?(?:\?(?<options>.*))?$/;

/**
 * Reads a connection string such as `esdb://admin:changeit@node1:2113,node2:2113?tls=true`.
 *
 * Read here and not by the client, which prints the whole string, password included, on the console when it meets an
 * option that it does not know.
 *
 * @throws {SettingsError} naming the setting and each problem; never the user's name or password
 */
export function parseConnectionString(connectionString: string): ConnectionSettings {
  const match = SHAPE.exec(connectionString.trim())?.groups;
  if (!match) {
    throw new SettingsError([
      `${SETTING}: esdb://[user:password@]host:port[,host:port...][?option=value&...] or esdb+discover://... is accepted; ` +
        '@, /, ?, & and % in a user name or password must be percent-encoded',
    ]);
  }
  const problems: string[] = [];
  const options = new Options(match['options'] ?? '', problems);
  const credentials = parseCredentials(match['user'], problems);
  const hosts = (match['hosts'] ?? '').split(',').flatMap((text, index) => parseHost(text.trim(), index, problems));
  options.refuseUnsuitable();
  const settings = {
    discover: match['discover'] !== undefined,
    credentials,
    tls: options.flag('tls', true) ? readTls(options, problems) : undefined,
    connectionName: options.text('connectionName'),
    keepAliveInterval: options.milliseconds('keepAliveInterval', true) ?? KEEP_ALIVE.interval,
    keepAliveTimeout: options.milliseconds('keepAliveTimeout', true) ?? KEEP_ALIVE.timeout,
    defaultDeadline: options.milliseconds('defaultDeadline'),
    maxDiscoverAttempts: options.milliseconds('maxDiscoverAttempts') ?? 10,
    discoveryInterval: options.milliseconds('discoveryInterval') ?? 100,
    gossipTimeoutSeconds: options.milliseconds('gossipTimeout') ?? 5,
  };
  const [first, ...others] = hosts;
  if (problems.length > 0 || !first) throw new SettingsError(problems.map((problem) => `${SETTING}: ${problem}`));
  return { ...settings, hosts: [first, ...others] };
}

function parseCredentials(text: string | undefined, problems: string[]): ConnectionSettings['credentials'] {
  if (text === undefined) return undefined;
  const [username, password, ...rest] = text.split(':');
  if (!username || !password || rest.length > 0) {
    problems.push('before the @ user:password is accepted, each percent-encoded');
    return undefined;
  }
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    problems.push('the user name or the password is not percent-encoded as it should be');
    return undefined;
  }
}

const HOST = /^(?<address>[^\s:[\]]+|\[[0-9a-fA-F:.]+\])(?::(?<port>\d{1,5}))?$/;

function parseHost(text: string, index: number, problems: string[]): Host[] {
  const { address, port = '2113' } = HOST.exec(text)?.groups ?? {};
  if (address === undefined || Number(port) < 1 || Number(port) > 65_535) {
    // Not shown: where the @ was forgotten, it is the user's name and password.
    problems.push(`host ${index + 1} is none; host or host:port is accepted`);
    return [];
  }
  return [{ address, port: Number(port) }];
}

function readTls(options: Options, problems: string[]): TlsSettings {
  const tls = {
    rootCertificate: options.file('tlsCAFile'),
    userCertificate: options.file('userCertFile'),
    userKey: options.file('userKeyFile'),
  };
  if (options.has('userCertFile') !== options.has('userKeyFile')) {
    problems.push('userCertFile and userKeyFile are accepted together only');
  }
  return tls;
}

/** What stands behind the question mark. */
class Options {
  private readonly values = new Map<OptionName, string>();

  constructor(
    text: string,
    private readonly problems: string[],
  ) {
    const names = new Map(OPTIONS.map((name) => [name.toLowerCase(), name]));
    for (const part of text.split('&').filter(Boolean)) {
      const [key = '', value = '', ...rest] = part.split('=');
      const name = names.get(key.trim().toLowerCase());
      if (!name) {
        // A piece of a password may have come here when it was not encoded: only what looks like an option is shown.
        const shown = /^[A-Za-z]{1,30}$/.test(key) && value !== '' ? `option '${key}'` : 'an option';
        problems.push(`${shown} is not known; ${OPTIONS.join(', ')} are accepted`);
      } else if (value.trim() === '' || rest.length > 0) {
        problems.push(`option '${name}' needs a value`);
      } else {
        this.values.set(name, value.trim());
      }
    }
  }

  has(name: OptionName): boolean {
    return this.values.has(name);
  }

  text(name: OptionName): string | undefined {
    const value = this.values.get(name);
    if (value === undefined) return undefined;
    try {
      return decodeURIComponent(value);
    } catch {
      return value;
    }
  }

  flag(name: OptionName, otherwise: boolean): boolean {
    const value = this.values.get(name);
    if (value === undefined) return otherwise;
    if (value !== 'true' && value !== 'false') this.problems.push(`option '${name}' is true or false`);
    return value === 'true';
  }

  /** A whole number from 1; with `orOff` also -1. */
  milliseconds(name: OptionName, orOff = false): number | undefined {
    const value = this.values.get(name);
    if (value === undefined) return undefined;
    if (orOff && value === '-1') return -1;
    if (!/^[1-9]\d{0,8}$/.test(value)) {
      this.problems.push(`option '${name}' is a whole number from 1${orOff ? ', or -1 to turn it off' : ''}`);
    }
    return Number(value);
  }

  file(name: OptionName): Buffer | undefined {
    const path = this.text(name);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path);
    } catch {
      this.problems.push(`the file of option '${name}' cannot be read: '${path}'`);
      return undefined;
    }
  }

  /** What the client would take, but this service must not be run with. */
  refuseUnsuitable(): void {
    if (!this.flag('tlsVerifyCert', true)) {
      this.problems.push("'tlsVerifyCert=false' is not accepted: name the certificate's authority with tlsCAFile");
    }
    if (!this.flag('throwOnAppendFailure', true)) {
      this.problems.push("'throwOnAppendFailure=false' is not accepted: a failed append must fail");
    }
    const preference = this.values.get('nodePreference')?.toLowerCase() ?? 'leader';
    if (preference !== 'leader') {
      this.problems.push("only 'nodePreference=leader' is accepted: the service reads what it has just written");
    }
  }
}
