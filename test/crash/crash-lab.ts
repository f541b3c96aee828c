import { SystemClock } from '../../src/platform/clock.js';
import { CmlServer } from '../../src/simulated-lab/cml-server.js';
import type { SeededRandom } from '../../src/simulated-lab/seeded-random.js';
import type { Ec2Backend } from './ec2-backend.js';
import { CREDENTIALS } from './ec2-backend.js';
import type { PowerCall } from './ec2-log.js';
import { ec2CallOf, powerCallOf } from './ec2-log.js';
import type { Exchange } from './recording-proxy.js';
import { RecordingProxy } from './recording-proxy.js';

/**
 * - `idler`: nobody uses it; it is auto-paused again and again
 * - `managed`: paused and resumed by hand only
 * - `guest`: imported and forgotten again and again
 */
export type Role = 'idler' | 'managed' | 'guest';

export interface LabWorker {
  readonly name: string;
  readonly role: Role;
  readonly instanceId: string;
  /** Its CML as the service reaches it. */
  readonly cmlEndpoint: string;
  /** Set by the first import. */
  id: string | null;
}

/** What the service asks its surroundings for, at one of three instants. */
export interface Moment {
  readonly stage: 'arrived' | 'done' | 'answered';
  /** `telemetry`, or an EC2 action such as `StopInstances`. */
  readonly action: string;
  /** Those it is about. */
  readonly workers: readonly LabWorker[];
  readonly exchange: Exchange;
}

export type MomentListener = (moment: Moment) => Promise<'carry_out' | 'lose'> | 'carry_out';

const ACCOUNT = { username: 'admin', password: 'crash-test', userId: '00000000-0000-4000-a000-000000000000' };

/** Relevant activity turns up in so many telemetry answers of an idler: now and then a pause is abandoned for it. */
const ACTIVITY_RATE = 0.03;

/** What the service is surrounded by: EC2 and one CML per worker, each behind a proxy that records. */
export class CrashLab {
  readonly workers: LabWorker[] = [];
  /** Every StopInstances and StartInstances that EC2 answered, in its order. */
  readonly powerCalls: PowerCall[] = [];
  /** While true every telemetry answer has activity in it: nothing falls idle. */
  inUse = false;
  /** Told of every moment; may kill the service. */
  listener: MomentListener = () => 'carry_out';
  private readonly clock = new SystemClock();
  private readonly cmlServers: CmlServer[] = [];
  private readonly proxies: RecordingProxy[] = [];
  private ec2Url = '';

  constructor(
    readonly ec2: Ec2Backend,
    private readonly random: SeededRandom,
  ) {}

  async start(roles: readonly Role[]): Promise<void> {
    this.ec2Url = await this.proxied(this.ec2.url, (exchange) => {
      const { action, instanceIds } = ec2CallOf(exchange);
      return { action, workers: this.workers.filter(({ instanceId }) => instanceIds.includes(instanceId)) };
    });
    for (const [index, role] of roles.entries()) {
      this.workers.push(await this.worker(`${role}-${index + 1}`, role));
    }
  }

  async stop(): Promise<void> {
    for (const stoppable of [...this.proxies, ...this.cmlServers, this.ec2]) await stoppable.stop();
  }

  /** What the service needs in its environment to live here. */
  environment(): NodeJS.ProcessEnv {
    return {
      AWS_ENDPOINT_URL_EC2: this.ec2Url,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      CML_USERNAME: ACCOUNT.username,
      CML_PASSWORD: ACCOUNT.password,
    };
  }

  /** Resolves when all that has arrived is carried out: what a killed process asked for is done by then, or never. */
  async idle(): Promise<void> {
    await Promise.all(this.proxies.map((proxy) => proxy.idle()));
  }

  private async worker(name: string, role: Role): Promise<LabWorker> {
    const telemetry: object[] = [];
    const cml = new CmlServer({ ...ACCOUNT, telemetry: () => this.telemetry(telemetry, role) });
    this.cmlServers.push(cml);
    const cmlEndpoint = await this.proxied(await cml.start(), ({ path }) => ({
      action: path.endsWith('/telemetry/events') ? 'telemetry' : path,
      workers: [worker],
    }));
    const worker: LabWorker = { name, role, instanceId: await this.ec2.launch(name), cmlEndpoint, id: null };
    return worker;
  }

  private telemetry(events: object[], role: Role): object[] {
    if (this.inUse || (role === 'idler' && this.random.next() < ACTIVITY_RATE)) {
      const timestamp = new Date(this.clock.now()).toISOString().replace('Z', '');
      events.push({ category: 'start_lab', timestamp, data: { lab_id: this.random.hex(8) } });
      if (events.length > 50) events.shift();
    }
    return events;
  }

  private async proxied(
    upstream: string,
    describe: (exchange: Exchange) => Pick<Moment, 'action' | 'workers'>,
  ): Promise<string> {
    const at = (stage: Moment['stage'], exchange: Exchange): ReturnType<MomentListener> =>
      this.listener({ stage, exchange, ...describe(exchange) });
    const proxy = new RecordingProxy(upstream, {
      arrived: async (exchange) => at('arrived', exchange),
      done: (exchange) => {
        const call = powerCallOf(exchange);
        if (call) this.powerCalls.push(call);
        void at('done', exchange);
      },
      answered: (exchange) => void at('answered', exchange),
    });
    this.proxies.push(proxy);
    return proxy.start();
  }
}
