import { SystemClock } from '../platform/clock.js';
import { DEFAULT_TIMINGS } from './behaviours.js';
import type { BehaviourName, LabTimings } from './behaviours.js';
import { Ec2Server } from './ec2-server.js';
import type { TlsIdentity } from './http-listener.js';
import type { LabAnnouncement } from './lab-announcement.js';
import { controlOf } from './lab-control.js';
import { LabWorker } from './lab-worker.js';
import type { Narration } from './narration.js';
import { AUTOMATION_USER_ID } from './telemetry-history.js';

export interface SimulatedLabOptions {
  /** The same seed gives the same instances, users and histories. */
  readonly seed?: string;
  /** Default: one worker of each behaviour. */
  readonly workers?: readonly { readonly name: string; readonly behaviour: BehaviourName }[];
  readonly timings?: Partial<LabTimings>;
  /** To listen on. Default 127.0.0.1. */
  readonly host?: string;
  /** The host in the announced URLs, for others than this machine. Default: the address it listens on. */
  readonly advertise?: string;
  /** Default: any free port. */
  readonly ec2Port?: number;
  /** Port of the first worker's CML, the others' follow it: a lab that comes back is where it was. Default: any free ones. */
  readonly cmlPort?: number;
  /** The CML servers serve HTTPS with it; see `selfSignedIdentity`. */
  readonly tls?: TlsIdentity;
  /** Largest page of DescribeInstances. */
  readonly maxPageSize?: number;
  /** Epoch ms. Delays are real time whatever it says. */
  readonly clock?: () => number;
  readonly narrate?: (narration: Narration) => void;
}

const REGION = 'us-east-1';
const ACCOUNT = { username: 'admin', password: 'simulated-password', userId: AUTOMATION_USER_ID };
const DEFAULT_WORKERS: NonNullable<SimulatedLabOptions['workers']> = [
  { name: 'lab-busy', behaviour: 'busy' },
  { name: 'lab-idle', behaviour: 'idle' },
  { name: 'lab-never-used', behaviour: 'never_used' },
  { name: 'lab-broken-telemetry', behaviour: 'broken_telemetry' },
  { name: 'lab-console', behaviour: 'stopped_from_console' },
  { name: 'lab-forgotten', behaviour: 'forgotten' },
];

/**
 * CML workers on EC2 that do not exist: real protocols, invented machines and people. A worker's CML answers while its
 * instance runs, and comes back at the same address when it runs again.
 */
export class SimulatedLab {
  readonly region = REGION;
  readonly ec2: Ec2Server;
  readonly workers: readonly LabWorker[];
  private readonly host: string;
  private readonly clock: () => number;

  constructor(private readonly options: SimulatedLabOptions = {}) {
    const system = new SystemClock();
    this.clock = options.clock ?? (() => system.now());
    this.host = options.host ?? '127.0.0.1';
    const timings = { ...DEFAULT_TIMINGS, ...options.timings };
    this.ec2 = new Ec2Server({
      ...timings,
      clock: this.clock,
      elsewhere: (request) => Promise.resolve(controlOf(this, request)),
      ...(options.maxPageSize === undefined ? {} : { maxPageSize: options.maxPageSize }),
    });
    const surroundings = {
      seed: options.seed ?? 'dormouse',
      region: REGION,
      host: this.host,
      ...(options.advertise === undefined ? {} : { advertise: options.advertise }),
      account: ACCOUNT,
      timings,
      clock: this.clock,
      instances: this.ec2.instances,
      narrate: (kind: Narration['kind'], worker: string, text: string): void => this.narrate({ kind, worker, text }),
      ...(options.tls ? { tls: options.tls } : {}),
    };
    this.workers = (options.workers ?? DEFAULT_WORKERS).map(
      ({ name, behaviour }, index) =>
        new LabWorker(name, behaviour, surroundings, options.cmlPort === undefined ? 0 : options.cmlPort + index),
    );
  }

  async start(): Promise<LabAnnouncement> {
    await Promise.all([
      this.ec2.start(this.options.ec2Port, this.host, this.options.advertise),
      ...this.workers.map((worker) => worker.start()),
    ]);
    return this.announcement();
  }

  async stop(): Promise<void> {
    await Promise.all([this.ec2.stop(), ...this.workers.map((worker) => worker.stop())]);
  }

  /** The worker of that name. @throws when there is none */
  worker(name: string): LabWorker {
    const worker = this.workers.find((candidate) => candidate.name === name);
    if (!worker) throw new Error(`The simulated lab has no worker '${name}'.`);
    return worker;
  }

  announcement(): LabAnnouncement {
    return {
      simulated: true,
      ec2_endpoint: this.ec2.url,
      region: REGION,
      username: ACCOUNT.username,
      password: ACCOUNT.password,
      workers: this.workers.map((worker) => ({
        name: worker.name,
        aws_instance_id: worker.instanceId,
        cml_endpoint: worker.cml.url,
        behaviour: worker.behaviourName,
        story: worker.behaviour.story,
      })),
    };
  }

  private narrate(what: Omit<Narration, 'at'>): void {
    this.options.narrate?.({ at: new Date(this.clock()).toISOString(), ...what });
  }
}
