import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { SystemClock } from '../../src/platform/clock.js';
import type { Clock } from '../../src/platform/clock.js';
import { Service } from '../../src/service.js';
import { CmlServer } from '../../src/simulated-lab/cml-server.js';
import { Ec2Server } from '../../src/simulated-lab/ec2-server.js';
import { eventually } from './eventually.js';

const REGION = 'us-east-1';
const ACCOUNT = { username: 'admin', password: 'a-password', userId: '00000000-0000-4000-a000-000000000000' };
const AWS = {
  AWS_ACCESS_KEY_ID: 'AKIDSIMULATED',
  AWS_SECRET_ACCESS_KEY: 'simulated',
  AWS_EC2_METADATA_DISABLED: 'true',
};

/** One line of an instance's log. */
export interface LogLine {
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly token: string | undefined;
  /** How long it took, milliseconds. */
  readonly ms: number;
}

/** What an operator sees of one instance: its answers and its log. */
export class Instance {
  constructor(
    readonly service: Service,
    readonly lines: readonly LogLine[],
  ) {}

  async request(method: 'GET' | 'POST' | 'PATCH', url: string, body?: object, token?: string): Promise<Answer> {
    const begin = performance.now();
    const response = await this.service.app.inject({
      method,
      url,
      headers: token === undefined ? {} : { 'consistency-token': token },
      ...(body && { payload: body }),
    });
    const found = response.headers['consistency-token'];
    return {
      status: response.statusCode,
      body: response.headers['content-type']?.toString().includes('json')
        ? response.json<Record<string, unknown>>()
        : { text: response.body },
      token: typeof found === 'string' ? found : undefined,
      ms: performance.now() - begin,
    };
  }

  get(url: string, token?: string): Promise<Answer> {
    return this.request('GET', url, undefined, token);
  }

  post(url: string, body?: object): Promise<Answer> {
    return this.request('POST', url, body);
  }

  /** Why it is not ready; empty when it is. */
  async reasons(): Promise<string> {
    const { status, body } = await this.get('/health/ready');
    const reasons = (body['reasons'] as string[]).join(' ');
    if ((status === 200) !== (reasons === '')) throw new Error(`Health answers ${status} with reasons '${reasons}'.`);
    return reasons;
  }

  async isReady(): Promise<boolean> {
    return (await this.reasons()) === '';
  }

  logged(message: string): readonly LogLine[] {
    return this.lines.filter(({ msg }) => msg === message);
  }
}

/** An EC2 and a CML over real TCP, and as many instances of the whole service as a test starts. */
export class SharedStoresLab {
  readonly ec2: Ec2Server;
  readonly cml: CmlServer;
  /** What CML answers: its whole history. */
  telemetry: unknown[] = [];
  private readonly instances: Instance[] = [];
  private readonly directories: string[] = [];
  private readonly environmentBefore = { ...process.env };
  private ec2Instances = 0;

  private constructor(readonly clock: Clock) {
    this.ec2 = new Ec2Server({ clock: () => clock.now(), stoppingMs: 1_000, pendingMs: 1_000 });
    this.cml = new CmlServer({ ...ACCOUNT, telemetry: () => this.telemetry, clock: () => clock.now() });
  }

  static async open(clock: Clock = new SystemClock()): Promise<SharedStoresLab> {
    const lab = new SharedStoresLab(clock);
    await Promise.all([lab.ec2.start(), lab.cml.start()]);
    // The AWS SDK reads the process's environment, whatever environment the service is given.
    Object.assign(process.env, AWS, { AWS_ENDPOINT_URL_EC2: lab.ec2.url });
    return lab;
  }

  /** Starts an instance with a data directory of its own, unless one is named. */
  async start(environment: NodeJS.ProcessEnv, schedule = false): Promise<Instance> {
    const lines: LogLine[] = [];
    const log = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line) as LogLine) });
    const settings = {
      DATA_DIR: environment['DATA_DIR'] ?? (await this.newDirectory()),
      CML_USERNAME: ACCOUNT.username,
      CML_PASSWORD: ACCOUNT.password,
      LEASE_SECONDS: '1.5',
      ...environment,
    };
    const instance = new Instance(
      await Service.start({ environment: settings, clock: this.clock, log, schedule }),
      lines,
    );
    this.instances.push(instance);
    return instance;
  }

  /** An instance that has become ready. */
  async startReady(environment: NodeJS.ProcessEnv, schedule = false): Promise<Instance> {
    const instance = await this.start(environment, schedule);
    await eventually('the instance is ready', () => instance.isReady());
    return instance;
  }

  /** Imports a new EC2 instance that runs, as a worker. @returns the answer; its path under `path` */
  async import(instance: Instance): Promise<Answer & { readonly path: string; readonly instanceId: string }> {
    const instanceId = this.addInstance();
    const answer = await instance.post(`/region/${REGION}/workers/import`, {
      aws_instance_id: instanceId,
      cml_endpoint: this.cml.url,
    });
    return { ...answer, path: `/region/${REGION}/workers/${String(answer.body['worker_id'])}`, instanceId };
  }

  addInstance(): string {
    const instanceId = `i-${(++this.ec2Instances).toString(16).padStart(17, '0')}`;
    this.ec2.instances.add({ instanceId, region: REGION, tags: { Name: `worker ${this.ec2Instances}` } });
    return instanceId;
  }

  async close(): Promise<void> {
    await Promise.all(this.instances.map(({ service }) => service.stop()));
    await Promise.all([this.ec2.stop(), this.cml.stop()]);
    for (const name of [...Object.keys(AWS), 'AWS_ENDPOINT_URL_EC2']) {
      const before = this.environmentBefore[name];
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    }
    for (const directory of this.directories) await rm(directory, { recursive: true, force: true });
  }

  private async newDirectory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'dormouse-shared-'));
    this.directories.push(directory);
    return directory;
  }
}
