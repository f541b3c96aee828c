import { selfSignedIdentity } from '../../simulated-lab/self-signed.js';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PlatformSettings } from './platform-settings.js';
import {
  Decimal,
  Flag,
  loadSettings,
  NameList,
  Pattern,
  CertificateFile,
  SettingsError,
  Text,
  Whole,
} from './settings.js';

class KettleSettings {
  @Decimal({ above: 0, most: 60, unit: 'minutes' })
  KETTLE_MINUTES: number = 5;

  @Decimal({ least: 0, most: 1 })
  KETTLE_LIMESCALE: number = 0;

  @Whole({ least: 1, most: 10, unit: 'litres' })
  KETTLE_LITRES: number = 2;

  @Flag()
  KETTLE_WHISTLES: boolean = true;

  @Text({ most: 5 })
  KETTLE_NAME: string | null = null;

  @Text({ secret: true, most: 8 })
  KETTLE_PASSWORD: string | null = null;

  @NameList()
  KETTLE_TEAS: string[] = ['green', 'black'];

  @Pattern()
  KETTLE_PATTERN: string = '^a.*';

  @CertificateFile()
  KETTLE_FILE: string | null = null;
}

const load = (environment: NodeJS.ProcessEnv): KettleSettings => loadSettings(KettleSettings, environment);

function problemsOf(environment: NodeJS.ProcessEnv): readonly string[] {
  try {
    load(environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('Settings', () => {
  it('have their defaults when nothing is set, or only emptiness', () => {
    const defaults = {
      KETTLE_MINUTES: 5,
      KETTLE_LIMESCALE: 0,
      KETTLE_LITRES: 2,
      KETTLE_WHISTLES: true,
      KETTLE_NAME: null,
      KETTLE_PASSWORD: null,
      KETTLE_TEAS: ['green', 'black'],
      KETTLE_PATTERN: '^a.*',
      KETTLE_FILE: null,
    };
    expect({ ...load({}) }).toEqual(defaults);
    const empty = Object.fromEntries(Object.keys(defaults).map((name) => [name, ' ']));
    expect({ ...load(empty) }).toEqual(defaults);
  });

  it('come from the environment, decimals included; other variables are left alone', () => {
    const environment = {
      KETTLE_MINUTES: '0.05',
      KETTLE_LIMESCALE: '0',
      KETTLE_LITRES: ' 3 ',
      KETTLE_WHISTLES: 'FALSE',
      KETTLE_NAME: 'Bob',
      KETTLE_TEAS: 'mint, earl_grey,,',
      KETTLE_PATTERN: '^b',
      OTHER: 'x',
    };
    expect(load(environment)).toMatchObject({
      KETTLE_MINUTES: 0.05,
      KETTLE_LIMESCALE: 0,
      KETTLE_LITRES: 3,
      KETTLE_WHISTLES: false,
      KETTLE_NAME: 'Bob',
      KETTLE_TEAS: ['mint', 'earl_grey'],
      KETTLE_PATTERN: '^b',
    });
    expect(load(environment)).not.toHaveProperty('OTHER');
  });

  it.each(['true', '1', 'yes', 'on', 'True'])('take %j for true', (value) => {
    expect(load({ KETTLE_WHISTLES: value }).KETTLE_WHISTLES).toBe(true);
  });

  it.each(['false', '0', 'no', 'off', 'Off'])('take %j for false', (value) => {
    expect(load({ KETTLE_WHISTLES: value }).KETTLE_WHISTLES).toBe(false);
  });
});

describe('A bad value', () => {
  const minutes = 'a number of minutes above 0 to 60 is accepted';
  const litres = 'a whole number of litres from 1 to 10 is accepted';
  it.each([
    ['KETTLE_MINUTES', '0', minutes],
    ['KETTLE_MINUTES', '-1', minutes],
    ['KETTLE_MINUTES', '60.1', minutes],
    ['KETTLE_MINUTES', 'five', minutes],
    ['KETTLE_MINUTES', '1e3', minutes],
    ['KETTLE_MINUTES', '0x10', minutes],
    ['KETTLE_MINUTES', 'Infinity', minutes],
    ['KETTLE_MINUTES', 'NaN', minutes],
    ['KETTLE_MINUTES', '5 minutes', minutes],
    ['KETTLE_LIMESCALE', '-0.1', 'a number from 0 to 1 is accepted'],
    ['KETTLE_LITRES', '1.5', litres],
    ['KETTLE_LITRES', '0', litres],
    ['KETTLE_LITRES', '11', litres],
    ['KETTLE_WHISTLES', 'maybe', 'true or false is accepted'],
    ['KETTLE_NAME', 'Robert', 'text of at most 5 characters is accepted'],
    ['KETTLE_TEAS', ',', 'a comma list of names (letters, digits, _) is accepted'],
    ['KETTLE_TEAS', 'mint,earl grey', 'a comma list of names (letters, digits, _) is accepted'],
    ['KETTLE_PATTERN', '(', 'a regular expression is accepted'],
    ['KETTLE_FILE', '/no/such/file', 'the path of a readable PEM file with at least one certificate is accepted'],
  ])('%s=%j names the variable, the value and what is accepted', (name, value, accepted) => {
    expect(problemsOf({ [name]: value })).toEqual([`${name}='${value}': ${accepted}`]);
  });

  it('of a secret is not shown', () => {
    const [problem = ''] = problemsOf({ KETTLE_PASSWORD: 'much-too-long-a-secret' });
    expect(problem).toBe('KETTLE_PASSWORD: text of at most 8 characters is accepted');
    expect(() => load({ KETTLE_PASSWORD: 'much-too-long-a-secret' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    );
  });

  it('among others: all are told at once', () => {
    const problems = problemsOf({ KETTLE_MINUTES: '0', KETTLE_LITRES: 'x', KETTLE_WHISTLES: '?', KETTLE_NAME: 'Bob' });
    expect(problems.map((problem) => problem.split('=')[0])).toEqual([
      'KETTLE_MINUTES',
      'KETTLE_LITRES',
      'KETTLE_WHISTLES',
    ]);
    expect(() => load({ KETTLE_MINUTES: '0', KETTLE_LITRES: 'x' })).toThrow(/KETTLE_MINUTES(.|\n)*KETTLE_LITRES/);
  });
});

describe('A certificate file', () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'dormouse-settings-'));
    writeFileSync(join(directory, 'ca.pem'), selfSignedIdentity(Date.parse('2026-01-01T00:00:00Z')).cert);
    writeFileSync(join(directory, 'note.txt'), 'no certificate');
  });

  afterAll(() => rmSync(directory, { recursive: true }));

  it('must hold a certificate: neither a directory nor another file does', () => {
    const file = join(directory, 'ca.pem');
    expect(load({ KETTLE_FILE: file }).KETTLE_FILE).toBe(file);
    expect(problemsOf({ KETTLE_FILE: directory })).toHaveLength(1);
    expect(problemsOf({ KETTLE_FILE: join(directory, 'note.txt') })).toHaveLength(1);
  });
});

describe('The settings of the process', () => {
  it('are embedded, local and on port 3000 when nothing is set', () => {
    expect({ ...loadSettings(PlatformSettings, {}) }).toMatchObject({
      DATA_DIR: './data',
      HOST: '127.0.0.1',
      PORT: 3000,
      LOG_LEVEL: 'info',
      EVENTSTORE_CONNECTION_STRING: null,
      MONGODB_URI: null,
    });
  });

  it.each([
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', 'http'],
    ['HOST', 'a b'],
    ['LOG_LEVEL', 'loud'],
    ['HTTP_BODY_LIMIT', '10'],
    ['CONSISTENCY_WAIT_MS', '-5'],
  ])('refuse %s=%j', (name, value) => {
    expect(() => loadSettings(PlatformSettings, { [name]: value })).toThrow(`${name}='${value}'`);
  });

  it('do not show the stores’ addresses, which may hold passwords', () => {
    const address = `mongodb://user:hunter2@${'x'.repeat(5_000)}`;
    expect(() => loadSettings(PlatformSettings, { MONGODB_URI: address })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});
