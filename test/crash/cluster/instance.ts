import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SystemClock } from '../../../src/platform/clock.js';
import { CREDENTIALS } from '../ec2-backend.js';
import { ServiceApi } from '../service-api.js';
import { ServiceProcess } from '../service-process.js';

/** Clients, and the load balancer that they would have, give up an instance that is silent for so long, ms. */
const CLIENT_PATIENCE_MS = 3_000;

/** The service never takes so long to get ready, ms; if it does, that is a finding. */
const READY_WITHIN_MS = 60_000;

/** Health is much work for the stores, and three instances ask for it, ms. */
const LOOK_EVERY_MS = 100;

/** What `GET /health/ready` says, as far as it matters here. */
export interface Health {
  readonly status: 'ready' | 'not_ready';
  readonly instance: string | null;
  readonly holds: { readonly projections: readonly string[]; readonly schedules: readonly string[] };
}

/** One process of one instance, from its start to its end. Times are epoch ms. */
export class Life {
  /** Its name among the holders of leases; null until it has said it. */
  name: string | null = null;
  /** Whether it has been ready once. */
  isReady = false;
  endedAt: number | null = null;
  readonly frozen: { readonly from: number; to: number | null }[] = [];

  constructor(
    readonly instance: Instance,
    /** Counts the lives of the instance, from 1. */
    readonly number: number,
    readonly process: ServiceProcess,
    readonly logFile: string,
  ) {}

  /** As the report calls it. */
  get title(): string {
    return `instance ${this.instance.number}, life ${this.number}${this.name === null ? '' : ` (${this.name})`}`;
  }

  get startedAt(): number {
    return this.process.startedAt;
  }

  get isFrozen(): boolean {
    return this.frozen.at(-1)?.to === null;
  }

  /** Not killed, and not frozen. */
  get isWell(): boolean {
    return this.process.alive && !this.isFrozen;
  }

  /** Whether it was frozen or killed at any time in between. */
  wasHurt(from: number, to: number): boolean {
    const wasKilled = this.endedAt !== null && this.endedAt <= to;
    return wasKilled || this.frozen.some((nap) => nap.from <= to && (nap.to ?? Infinity) >= from);
  }
}

/** One of the instances of the service: a data directory, a port, and one life after another. */
export class Instance {
  readonly api: ServiceApi;
  readonly lives: Life[] = [];
  private readonly clock = new SystemClock();

  constructor(
    readonly number: number,
    private readonly port: number,
    private readonly directory: string,
    private readonly environment: NodeJS.ProcessEnv,
  ) {
    this.api = new ServiceApi(`http://127.0.0.1:${port}`, CLIENT_PATIENCE_MS);
  }

  /** What it signs its requests to EC2 with: its own, so that EC2's log tells the instances apart. */
  get accessKeyId(): string {
    return `${CREDENTIALS.accessKeyId}${this.number}`;
  }

  /** @throws before the first start */
  get life(): Life {
    const life = this.lives.at(-1);
    if (!life) throw new Error(`Instance ${this.number} was never started.`);
    return life;
  }

  start(): Life {
    const number = this.lives.length + 1;
    const logFile = join(this.directory, `instance-${this.number}.life-${number}.log`);
    const environment = {
      ...this.environment,
      AWS_ACCESS_KEY_ID: this.accessKeyId,
      DATA_DIR: join(this.directory, `instance-${this.number}`),
      PORT: String(this.port),
    };
    const life = new Life(this, number, new ServiceProcess(this.api.url, environment, logFile), logFile);
    this.lives.push(life);
    return life;
  }

  /** `kill -9`: in effect before this returns. @returns when, epoch ms */
  kill(): number {
    const { life } = this;
    life.process.kill();
    life.endedAt = this.clock.now();
    return life.endedAt;
  }

  /** `kill -STOP`. @returns when, epoch ms */
  freeze(): number {
    const from = this.clock.now();
    this.life.process.freeze();
    this.life.frozen.push({ from, to: null });
    return from;
  }

  thaw(): void {
    const nap = this.life.frozen.at(-1);
    if (nap) nap.to = this.clock.now();
    this.life.process.thaw();
  }

  /** Learns the name of the life, and when it is ready. Ends with the life. @throws it does not get ready */
  async untilReady(): Promise<void> {
    const { life } = this;
    const end = performance.now() + READY_WITHIN_MS;
    while (life.process.alive && !life.isReady) {
      const health = await this.health();
      life.name = health?.instance ?? life.name;
      life.isReady = health?.status === 'ready';
      if (!life.isReady) await delay(LOOK_EVERY_MS);
      if (performance.now() > end) throw new Error(`${life.title} was not ready within ${READY_WITHIN_MS / 1_000} s.`);
    }
  }

  /** What it says of itself; undefined while it does not answer. */
  async health(): Promise<Health | undefined> {
    try {
      const response = await fetch(`${this.api.url}/health/ready`, { signal: AbortSignal.timeout(CLIENT_PATIENCE_MS) });
      return (await response.json()) as Health;
    } catch {
      return undefined; // nobody listens yet, or it was killed or frozen just now
    }
  }
}
