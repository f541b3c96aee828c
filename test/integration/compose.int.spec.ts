import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parse } from 'yaml';
import { AppModule } from '../../src/app.module.js';
import { DEMO_SETTINGS } from '../../src/cli/demo/demo-plan.js';
import { checkSettings, SettingsError } from '../../src/platform/config/settings.js';
import { SimulatedLab } from '../../src/simulated-lab/lab.js';
import { registerLab } from '../../src/simulated-lab/register.js';
import { eventually } from '../support/eventually.js';
import { ServiceHarness } from '../support/service-harness.js';

// docker-compose takes a second to start, several on a busy machine.
jest.setTimeout(60_000);

const ROOT = join(import.meta.dirname, '../..');
const INSTANCES = ['dormouse-1', 'dormouse-2'];

/** A service as `docker-compose config` prints it, as far as the tests look. */
interface ComposeService {
  readonly image?: string;
  readonly build?: unknown;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly ports?: readonly (string | { readonly host_ip?: string })[];
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly volumes?: readonly unknown[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly stop_grace_period?: string;
  readonly profiles?: readonly string[];
}

interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
}

const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const program = spawnSync('docker-compose', ['version'], { stdio: 'ignore' }).error ? undefined : 'docker-compose';
const describeWithCompose = program === undefined ? describe.skip : describe;

/** An env file that sets nothing; without one, docker-compose would take a `.env` that happens to lie there. */
const NOTHING = join(mkdtempSync(join(tmpdir(), 'dormouse-compose-')), 'nothing.env');
writeFileSync(NOTHING, '');
afterAll(() => rmSync(dirname(NOTHING), { recursive: true }));

/** The file as docker-compose understands it, whatever is in the environment of the test. */
function configured(envFile: string, ...profile: string[]): ComposeFile {
  const profiles = profile.flatMap((name) => ['--profile', name]);
  const { status, stdout, stderr } = spawnSync(program ?? '', ['--env-file', envFile, ...profiles, 'config'], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`docker-compose refuses the file: ${stderr}`);
  const { services } = parse(stdout) as ComposeFile;
  // Version 1 prints the services of every profile.
  const chosen = Object.entries(services).filter(
    ([, { profiles: of = [] }]) => of.length === 0 || of.some((name) => profile.includes(name)),
  );
  return { services: Object.fromEntries(chosen) };
}

describeWithCompose('docker-compose.yml', () => {
  let file: ComposeFile;
  const entries = (): [string, ComposeService][] => Object.entries(file.services);
  const service = (name: string): ComposeService => {
    const found = file.services[name];
    if (!found) throw new Error(`There is no service '${name}'.`);
    return found;
  };

  beforeAll(() => {
    file = configured('deploy/lab.env', 'lab');
  });

  it.each([
    ['nothing set', NOTHING, []],
    ['the example', 'deploy/example.env', []],
    ['the lab’s settings', 'deploy/lab.env', []],
    ['nothing set, and the lab', NOTHING, ['lab']],
    ['the example, and the lab', 'deploy/example.env', ['lab']],
    ['the lab’s settings, and the lab', 'deploy/lab.env', ['lab']],
  ])('is accepted with %s', (_, envFile, profiles) => {
    const expected = ['dormouse-1', 'dormouse-2', 'eventstoredb', 'mongodb'];
    const lab = profiles.length > 0 ? ['lab', 'lab-register'] : [];
    expect(Object.keys(configured(envFile, ...profiles).services).sort()).toEqual([...expected, ...lab].sort());
  });

  it('has a health check for everything that goes on running', () => {
    const imageHasOne = /^HEALTHCHECK /m.test(text('Dockerfile'));
    const without = entries().filter(
      ([, { healthcheck, build, command, restart }]) =>
        healthcheck === undefined && restart !== 'no' && !(imageHasOne && build !== undefined && command === undefined),
    );
    expect(without).toEqual([]);
  });

  it('publishes on 127.0.0.1 only', () => {
    const hosts = entries().flatMap(([, { ports = [] }]) =>
      ports.map((port) => (typeof port === 'string' ? /^(.*):\d+:\d+/.exec(port)?.[1] : port.host_ip)),
    );
    expect(hosts.length).toBeGreaterThanOrEqual(5);
    expect(new Set(hosts)).toEqual(new Set(['127.0.0.1']));
  });

  it('runs the image with a read-only root file system, no capability and no way to more privileges', () => {
    const ours = entries().filter(([, { build }]) => build !== undefined);
    expect(ours.map(([name]) => name).sort()).toEqual([...INSTANCES, 'lab', 'lab-register']);
    for (const [, { read_only, cap_drop, security_opt }] of ours) {
      expect({ read_only, cap_drop, security_opt }).toEqual({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
    }
  });

  it('gives an instance memory for its data directory and temporary files, and nothing else to write to', () => {
    for (const { tmpfs = [], volumes, environment } of INSTANCES.map(service)) {
      expect(tmpfs.map((mount) => mount.split(':')[0])).toEqual(['/tmp', environment?.['DATA_DIR']]);
      expect(JSON.stringify(volumes)).toMatch(/^\["[^"]*:\/certs:ro"\]$|"read_only":true/);
    }
  });

  it('runs two instances that differ in their port only, once both stores are healthy, with time to stop', () => {
    const [first, second] = INSTANCES.map(service).map(({ ports: _, ...rest }) => rest);
    expect(first).toEqual(second);
    expect(first?.depends_on).toMatchObject({
      eventstoredb: { condition: 'service_healthy' },
      mongodb: { condition: 'service_healthy' },
    });
    expect(parseInt(first?.stop_grace_period ?? '', 10)).toBeGreaterThan(10);
  });

  it('hands an instance every setting there is, and AWS’s own, and no other variable', () => {
    const settings = AppModule.settings.flatMap((of) => Object.keys(new of()));
    const given = Object.keys(service('dormouse-1').environment ?? {});
    expect(given.filter((name) => !name.startsWith('AWS_')).sort()).toEqual(settings.sort());
    expect(given).toEqual(expect.arrayContaining(['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']));
  });

  it('has no account, region or endpoint of AWS or CML baked in', () => {
    const { environment = {} } = configured(NOTHING).services['dormouse-1'] ?? {};
    const baked = Object.entries(environment).filter(
      ([name, value]) => /^(AWS|CML|WORKER)_/.test(name) && value !== null,
    );
    expect(baked).toEqual([]);
  });

  it('pins the images of the stores to a patch level', () => {
    const foreign = entries().filter(([, { build }]) => build === undefined);
    expect(foreign.map(([name]) => name).sort()).toEqual(['eventstoredb', 'mongodb']);
    for (const [, { image }] of foreign) expect(image).toMatch(/^[\w/]+:\d+\.\d+\.\d+(-[\w-]+)?$/);
    expect(service('eventstoredb').image).toContain(':23.10.');
    expect(service('mongodb').image).toContain(':8.');
  });

  it('runs EventStoreDB’s system projections, which others read by category and correlation', () => {
    expect(service('eventstoredb').environment).toMatchObject({
      EVENTSTORE_RUN_PROJECTIONS: 'System',
      EVENTSTORE_START_STANDARD_PROJECTIONS: 'true',
    });
  });

  describe('The health check of MongoDB', () => {
    /** What mongosh knows, as far as the script uses it. */
    const check = (shell: { status: () => unknown; primary: boolean }): { code: number; initiated: unknown[] } => {
      const initiated: unknown[] = [];
      let code = 0;
      const globals = {
        rs: { status: shell.status, initiate: (replicaSet: unknown) => initiated.push(replicaSet) },
        db: { hello: () => ({ isWritablePrimary: shell.primary }) },
        quit: (with_: number) => (code = with_),
      };
      runInContext(service('mongodb').healthcheck?.test.at(-1) ?? '', createContext(globals));
      return { code, initiated };
    };
    const refusal = (codeName: string) => () => {
      throw Object.assign(new Error(codeName), { codeName });
    };

    it('makes the replica set where there is none, under the name that the service connects to', () => {
      const { initiated, code } = check({ status: refusal('NotYetInitialized'), primary: false });
      expect(JSON.parse(JSON.stringify(initiated))).toEqual([
        { _id: 'rs0', members: [{ _id: 0, host: 'mongodb:27017' }] },
      ]);
      expect(code).toBe(1);
      const uri = new URL(service('dormouse-1').environment?.['MONGODB_URI'] ?? '');
      expect([uri.host, uri.searchParams.get('replicaSet')]).toEqual(['mongodb:27017', 'rs0']);
    });

    it('leaves a replica set as it is, and is content once it has a primary', () => {
      const status = () => ({ ok: 1 });
      expect(check({ status, primary: false })).toEqual({ code: 1, initiated: [] });
      expect(check({ status, primary: true })).toEqual({ code: 0, initiated: [] });
    });

    it('fails on any other refusal', () => {
      expect(() => check({ status: refusal('Unauthorized'), primary: false })).toThrow('Unauthorized');
    });
  });
});

describe('The settings of the lab profile', () => {
  const lab = parseEnv(text('deploy/lab.env'));

  it('are the demo’s', () => {
    expect(lab).toMatchObject(DEMO_SETTINGS);
  });

  it('fit the lab, and lead nowhere else', async () => {
    const simulated = new SimulatedLab();
    const { username, password, region } = await simulated.start();
    await simulated.stop();
    expect(lab).toMatchObject({
      CML_USERNAME: username,
      CML_PASSWORD: password,
      AWS_REGION: region,
      AWS_ENDPOINT_URL_EC2: 'http://lab:8801',
    });
  });

  it('keep its history apart from a real one', () => {
    expect(lab).toHaveProperty('COMPOSE_PROJECT_NAME', 'dormouse-lab');
  });

  it.each(['deploy/lab.env', 'deploy/example.env'])('of %s are accepted by the service', (path) => {
    expect(() => checkSettings(AppModule.settings, parseEnv(text(path)) as NodeJS.ProcessEnv)).not.toThrow(
      SettingsError,
    );
  });
});

describe('The image', () => {
  const lines = text('Dockerfile').split('\n');
  const last = (instruction: string): string | undefined =>
    lines.findLast((line) => line.startsWith(`${instruction} `));

  it('runs as nobody, by number', () => {
    expect(last('USER')).toBe('USER 1000:1000');
  });

  it('runs the same command as `npm start`, without a shell that would keep signals from it', () => {
    const scripts = (JSON.parse(text('package.json')) as { scripts: { start: string } }).scripts;
    const command = JSON.parse(last('CMD')?.slice('CMD '.length) ?? '[]') as string[];
    expect(scripts.start.endsWith(`exec ${command.join(' ')}`)).toBe(true);
  });
});

describe('The simulated lab in a container', () => {
  let lab: SimulatedLab | undefined;
  let harness: ServiceHarness | undefined;
  const told: string[] = [];

  afterEach(async () => {
    await harness?.close();
    await lab?.stop();
    lab = harness = undefined;
    told.length = 0;
  });

  it('listens everywhere and announces the name that others reach it by, at the ports it was given', async () => {
    const ports = await freePorts();
    lab = new SimulatedLab({ host: '0.0.0.0', advertise: 'localhost', ...ports });
    const { ec2_endpoint, workers } = await lab.start();
    expect(ec2_endpoint).toBe(`http://localhost:${ports.ec2Port}`);
    const expected = workers.map((_, index) => `http://localhost:${ports.cmlPort + index}`);
    expect(workers.map(({ cml_endpoint }) => cml_endpoint)).toEqual(expected);
    const { status } = await fetch(`${workers.at(-1)?.cml_endpoint}/api/v0/system_information`);
    expect(status).toBe(200);
  });

  it('is registered with a service once; again, it stays as it is', async () => {
    lab = new SimulatedLab();
    const { ec2_endpoint } = await lab.start();
    harness = await ServiceHarness.open({ PORT: '0' });
    process.env['AWS_ENDPOINT_URL_EC2'] = ec2_endpoint;
    const serviceUrl = await harness.service.listen();
    const register = (): Promise<number> =>
      registerLab({
        labUrl: ec2_endpoint,
        serviceUrl,
        signal: AbortSignal.timeout(20_000),
        tell: (line) => told.push(line),
      });

    expect(await register()).toBe(lab.workers.length);
    expect(told).toContain(`lab-idle (${lab.worker('lab-idle').instanceId}) is registered.`);
    expect(await register()).toBe(0);
    expect(told.at(-1)).toMatch(/was registered already\.$/);
    const { body } = await harness.request('GET', '/region/us-east-1/workers', { token: await harness.tokenOfAll() });
    expect(body['items']).toHaveLength(lab.workers.length);
  });

  it('is waited for, and so is the service', async () => {
    const { ec2Port } = await freePorts();
    const waiting = new AbortController();
    const registered = registerLab({
      labUrl: `http://127.0.0.1:${ec2Port}`,
      serviceUrl: 'http://127.0.0.1:9',
      signal: waiting.signal,
      tell: (line) => told.push(line),
    });
    const outcome = expect(registered).rejects.toThrow('enough');
    const isToldOf = (what: string) => (): boolean => told.some((line) => line.startsWith(`Waiting for ${what}`));
    await eventually('the lab is waited for', isToldOf('the simulated lab'));
    lab = new SimulatedLab({ ec2Port });
    await lab.start();
    await eventually('the service is waited for', isToldOf('the service'));
    waiting.abort(new Error('enough'));
    await outcome;
  });
});

/** A free port, and the first of as many free ones in a row as the lab has workers. */
async function freePorts(): Promise<{ ec2Port: number; cmlPort: number }> {
  const inRow = new SimulatedLab().workers.length;
  for (;;) {
    const first = await taken(0);
    const { port } = first.address() as AddressInfo;
    const row = await Promise.allSettled(Array.from({ length: inRow }, (_, index) => taken(port + 1 + index)));
    const servers = [first, ...row.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))];
    await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
    if (servers.length === inRow + 1) return { ec2Port: port, cmlPort: port + 1 };
  }
}

async function taken(port: number): Promise<Server> {
  const server = createServer();
  server.listen(port, '0.0.0.0');
  await once(server, 'listening');
  return server;
}
