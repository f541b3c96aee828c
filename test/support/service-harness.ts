import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { ManualClock } from '../../src/platform/clock.js';
import type { RecordedEvent } from '../../src/platform/event-store/event-store.port.js';
import { EventStore } from '../../src/platform/event-store/event-store.port.js';
import { Consistency } from '../../src/platform/http/consistency.js';
import { Service } from '../../src/service.js';
import { CmlServer } from '../../src/simulated-lab/cml-server.js';
import { Ec2Server } from '../../src/simulated-lab/ec2-server.js';
import type { InstanceDefinition } from '../../src/simulated-lab/ec2-instances.js';
import { collect } from './collect.js';

export const REGION = 'us-east-1';
export const NOON = Date.parse('2026-03-04T12:00:00.000Z');
export const MINUTE = 60_000;

const ACCOUNT = { username: 'admin', password: 'a-password', userId: '00000000-0000-4000-a000-000000000000' };

/** The AWS SDK reads the process's environment, whatever environment the service is given. */
const AWS = {
  AWS_ACCESS_KEY_ID: 'AKIDSIMULATED',
  AWS_SECRET_ACCESS_KEY: 'simulated',
  AWS_EC2_METADATA_DISABLED: 'true',
};

export interface Answer {
  readonly status: number;
  /** The JSON of the body; `{}` when there is none. */
  readonly body: Record<string, unknown>;
  readonly contentType: string;
  readonly token: string | undefined;
}

export interface RequestOptions {
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as Consistency-Token. */
  readonly token?: string | undefined;
  /** Sent as Idempotency-Key. */
  readonly key?: string;
}

/**
 * The whole service in this process, against an EC2 and a CML over real TCP, on a data directory of its own and a clock
 * that only the test moves. Instances change state when the test settles them; jobs run when the test asks.
 */
export class ServiceHarness {
  readonly clock = new ManualClock(NOON);
  readonly ec2 = new Ec2Server({ clock: () => this.clock.now(), stoppingMs: 86_400_000, pendingMs: 86_400_000 });
  readonly cml = new CmlServer({ ...ACCOUNT, telemetry: () => this.telemetry, clock: () => this.clock.now() });
  /** What CML answers: its whole history. */
  telemetry: unknown[] | string = [];
  private readonly services: Service[] = [];
  private current: Service | undefined;
  private instances = 0;

  private constructor(
    readonly dataDirectory: string,
    private readonly environmentBefore: NodeJS.ProcessEnv,
  ) {}

  /** With the service started. @param environment further settings */
  static async open(environment: NodeJS.ProcessEnv = {}): Promise<ServiceHarness> {
    const dataDirectory = await mkdtemp(join(tmpdir(), 'dormouse-e2e-'));
    const harness = new ServiceHarness(dataDirectory, { ...process.env });
    await Promise.all([harness.ec2.start(), harness.cml.start()]);
    Object.assign(process.env, AWS, { AWS_ENDPOINT_URL_EC2: harness.ec2.url });
    await harness.startService(environment);
    return harness;
  }

  get service(): Service {
    if (!this.current) throw new Error('The service of this harness is not running.');
    return this.current;
  }

  async startService(environment: NodeJS.ProcessEnv = {}): Promise<void> {
    const settings = {
      DATA_DIR: this.dataDirectory,
      CML_USERNAME: ACCOUNT.username,
      CML_PASSWORD: ACCOUNT.password,
      ...environment,
    };
    const log = pino({ level: 'silent' });
    this.current = await Service.start({ environment: settings, clock: this.clock, log, schedule: false });
    this.services.push(this.current);
  }

  async stopService(): Promise<void> {
    await this.current?.stop();
    this.current = undefined;
  }

  /** As after a crash or an update: another service on the same data. */
  async restartService(environment: NodeJS.ProcessEnv = {}): Promise<void> {
    await this.stopService();
    await this.startService(environment);
  }

  async close(): Promise<void> {
    await Promise.all(this.services.map((service) => service.stop()));
    await Promise.all([this.ec2.stop(), this.cml.stop()]);
    for (const name of [...Object.keys(AWS), 'AWS_ENDPOINT_URL_EC2']) {
      const before = this.environmentBefore[name];
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    }
    await rm(this.dataDirectory, { recursive: true, force: true });
  }

  async request(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    url: string,
    options: RequestOptions = {},
  ): Promise<Answer> {
    const { body, headers, token, key } = options;
    const response = await this.service.app.inject({
      method,
      url,
      headers: {
        ...(token === undefined ? {} : { 'consistency-token': token }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: body as object }),
    });
    const found = response.headers['consistency-token'];
    return {
      status: response.statusCode,
      body: response.body === '' ? {} : response.json<Record<string, unknown>>(),
      contentType: String(response.headers['content-type'] ?? ''),
      token: typeof found === 'string' ? found : undefined,
    };
  }

  /** A new instance in EC2, running unless said otherwise. @returns its id */
  addInstance(definition: Partial<InstanceDefinition> = {}): string {
    const instanceId = `i-${(++this.instances).toString(16).padStart(17, '0')}`;
    this.ec2.instances.add({ instanceId, region: REGION, tags: { Name: `worker ${this.instances}` }, ...definition });
    return instanceId;
  }

  /** A new instance, registered as a worker whose CML is the harness's. */
  async addWorker(definition: Partial<InstanceDefinition> = {}, body: object = {}): Promise<WorkerHandle> {
    const instanceId = this.addInstance(definition);
    const answer = await this.request('POST', `/region/${REGION}/workers/import`, {
      body: { aws_instance_id: instanceId, cml_endpoint: this.cml.url, ...body },
    });
    if (answer.status !== 201) throw new Error(`The import answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return new WorkerHandle(this, String(answer.body['worker_id']), instanceId);
  }

  /** Adds a telemetry event of a person. @param at epoch ms; default: the clock's now */
  userIsActive(at: number = this.clock.now(), category = 'start_lab'): void {
    if (typeof this.telemetry === 'string') throw new Error('The telemetry of this harness is a raw body.');
    const timestamp = new Date(at).toISOString().replace('Z', '');
    this.telemetry = [...this.telemetry, { category, timestamp, data: { lab_id: `lab at ${at}` } }];
  }

  /** Runs a job, as its POST route does, once the view has all that was written. @returns the record */
  async runJob(name: 'activity-detection' | 'worker-status-sync'): Promise<Record<string, unknown>> {
    const { status, body } = await this.request('POST', `/jobs/${name}/run`);
    if (status !== 200) throw new Error(`The job's run answered ${status}: ${JSON.stringify(body)}`);
    return body;
  }

  /** The consistency token for everything that is stored. */
  async tokenOfAll(): Promise<string | undefined> {
    const { app } = this.service;
    return (await app.get(Consistency).token(await app.get(EventStore).head())) ?? undefined;
  }

  /** Waits for a request that the test did not send itself. */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const end = performance.now() + 5_000;
    while (!(await condition())) {
      if (performance.now() > end) throw new Error(`Never happened: ${what}.`);
      await delay(2);
    }
  }
}

/** One worker, by its routes. */
export class WorkerHandle {
  readonly path: string;

  constructor(
    private readonly harness: ServiceHarness,
    readonly id: string,
    readonly instanceId: string,
  ) {
    this.path = `/region/${REGION}/workers/${id}`;
  }

  post(what: string, options: RequestOptions = {}): Promise<Answer> {
    return this.harness.request('POST', `${this.path}/${what}`, options);
  }

  /** A query that sees everything written so far. @param what e.g. `activity`; empty for the worker itself */
  async get(what = ''): Promise<Answer['body']> {
    const token = await this.harness.tokenOfAll();
    const { status, body } = await this.harness.request('GET', what === '' ? this.path : `${this.path}/${what}`, {
      token,
    });
    if (status !== 200) throw new Error(`GET ${what} answered ${status}: ${JSON.stringify(body)}`);
    return body;
  }

  /** The stream as it is stored. */
  history(): Promise<RecordedEvent[]> {
    return collect(this.harness.service.app.get(EventStore).readStream(`cmlWorker-${this.id}`));
  }

  /** Types of the stream's events, oldest first. */
  async eventTypes(): Promise<string[]> {
    return (await this.history()).map(({ type }) => type);
  }

  /** Data of the stream's events of one type. */
  async dataOf(type: string): Promise<Record<string, unknown>[]> {
    return (await this.history()).filter((event) => event.type === type).map(({ data }) => ({ ...data }));
  }

  /** StopInstances that reached EC2, refused and unanswered ones included. */
  get stops(): number {
    return this.harness.ec2.receivedFor(this.instanceId, 'StopInstances').length;
  }

  get starts(): number {
    return this.harness.ec2.receivedFor(this.instanceId, 'StartInstances').length;
  }

  /** EC2 ends the transition that the instance is in. */
  settle(): void {
    this.harness.ec2.instances.settle(this.instanceId);
  }
}
