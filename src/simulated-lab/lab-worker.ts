import { setTimeout as sleep } from 'node:timers/promises';
import { BEHAVIOURS } from './behaviours.js';
import type { Behaviour, BehaviourName, LabTimings } from './behaviours.js';
import { CmlServer } from './cml-server.js';
import type { Ec2Instances, InstanceState, InstanceStateChange } from './ec2-instances.js';
import type { HttpAnswer, TlsIdentity } from './http-listener.js';
import type { NarrationKind } from './narration.js';
import { SeededRandom } from './seeded-random.js';
import { addHistory, addNoise, addUse } from './telemetry-history.js';
import type { LabUser } from './telemetry-history.js';
import { TelemetryLog } from './telemetry-log.js';
import { Timers } from './timers.js';

/** The account that the service logs in to CML with, the same on every worker. */
export interface LabAccount {
  readonly username: string;
  readonly password: string;
  readonly userId: string;
}

/** What a worker needs of its lab. */
export interface LabSurroundings {
  readonly seed: string;
  readonly region: string;
  readonly host: string;
  /** The host in the URLs, when it is another one. */
  readonly advertise?: string;
  readonly account: LabAccount;
  readonly timings: LabTimings;
  readonly tls?: TlsIdentity;
  readonly clock: () => number;
  readonly instances: Ec2Instances;
  readonly narrate: (kind: NarrationKind, worker: string, text: string) => void;
}

const HISTORY_MS = 12 * 3_600_000;
const USER_NAMES = ['ada', 'grace', 'edsger', 'barbara', 'alan', 'radia'];
/** Between tries to get the port back that CML had before its machine stopped. */
const PORT_RETRY_MS = 250;

/** A CML worker: an EC2 instance, the CML server on it, and the people who use it or do not. */
export class LabWorker {
  readonly instanceId: string;
  readonly cml: CmlServer;
  readonly telemetry: TelemetryLog;
  readonly behaviour: Behaviour;
  /** Epoch ms; null: nobody has used it since the lab started. */
  lastUseAt: number | null = null;

  private readonly random: SeededRandom;
  private readonly user: LabUser;
  private readonly timers = new Timers();
  private readonly life = new AbortController();
  private readonly forgetInstance: () => void;
  private brokenReads = 0;
  private userIsThere: boolean;
  private startIsPlanned = false;
  /** Booting and halting CML, one after the other. */
  private power: Promise<void> = Promise.resolve();

  constructor(
    readonly name: string,
    readonly behaviourName: BehaviourName,
    private readonly lab: LabSurroundings,
    /** 0: any free one. */
    private readonly cmlPort = 0,
  ) {
    this.behaviour = BEHAVIOURS[behaviourName];
    this.random = new SeededRandom(`${lab.seed}/${name}`);
    this.instanceId = `i-0${this.random.hex(16)}`;
    const user = this.random.pick(USER_NAMES);
    // The same person on whatever worker.
    this.user = { name: user, userId: new SeededRandom(`${lab.seed}/users/${user}`).uuid() };
    this.userIsThere = this.behaviour.inUse !== 'never';
    this.telemetry = new TelemetryLog(this.random);
    this.writeHistory();
    this.cml = this.makeCml();
    lab.instances.add({
      instanceId: this.instanceId,
      region: lab.region,
      tags: { Name: name, 'dormouse:simulated': 'true' },
      launchTime: lab.clock() - HISTORY_MS,
      privateIpAddress: `10.0.${this.random.integer(0, 255)}.${this.random.integer(4, 254)}`,
      publicIpAddress: `203.0.113.${this.random.integer(1, 254)}`,
    });
    this.forgetInstance = lab.instances.onChange((change) => {
      if (change.instance.instanceId === this.instanceId) this.follow(change);
    });
  }

  get state(): InstanceState {
    return this.lab.instances.get(this.instanceId).state;
  }

  /** Boots CML and lets life begin. */
  async start(): Promise<void> {
    await this.listen();
    const { timings } = this.lab;
    this.timers.every(timings.noiseEveryMs, () => this.whileUp(() => this.makeNoise()));
    if (this.userIsThere) {
      this.timers.every(timings.useEveryMs, () => this.whileUp(() => this.userIsThere && this.use()));
    }
    if (this.behaviour.inUse === 'at_first') this.timers.after(timings.forgottenAfterMs, () => this.forget());
    if (this.behaviour.stoppedFromConsole) this.timers.after(timings.consoleStopAfterMs, () => this.visitConsole());
  }

  async stop(): Promise<void> {
    this.life.abort();
    this.timers.clear();
    this.forgetInstance();
    await this.power;
    await this.cml.stop();
  }

  /** Somebody does something on it now. @returns what, for people; null when CML is not there to do it on */
  use(): string | null {
    if (!this.cml.running) return null;
    this.lastUseAt = this.lab.clock();
    const text = addUse(this.telemetry, this.lastUseAt, this.user, this.random);
    this.tell('user', text);
    return text;
  }

  /** Somebody stops it in the EC2 console. @throws {Ec2Error} */
  stopFromConsole(): void {
    this.tell('console', 'somebody stops it in the EC2 console');
    this.lab.instances.stop(this.lab.region, [this.instanceId]);
  }

  /** Somebody starts it in the EC2 console. @throws {Ec2Error} */
  startFromConsole(): void {
    this.tell('console', 'somebody starts it in the EC2 console');
    this.lab.instances.start(this.lab.region, [this.instanceId]);
  }

  /** Somebody stops it, and will start it again some time after it has stopped. */
  private visitConsole(): void {
    if (this.state !== 'running') return;
    this.startIsPlanned = true;
    this.stopFromConsole();
  }

  private returnToConsole(): void {
    if (this.state === 'stopped') this.startFromConsole();
  }

  private forget(): void {
    this.userIsThere = false;
    this.tell('user', `${this.user.name} leaves and forgets to stop it`);
  }

  private makeNoise(): void {
    addNoise(this.telemetry, this.lab.clock(), this.random);
  }

  private whileUp(act: () => void): void {
    if (this.cml.running) act();
  }

  private tell(kind: NarrationKind, text: string): void {
    this.lab.narrate(kind, this.name, text);
  }

  private follow({ instance, previous }: InstanceStateChange): void {
    const because = instance.stateTransitionReason === '' ? '' : `: ${instance.stateTransitionReason}`;
    this.tell('instance', `${previous} -> ${instance.state}${because}`);
    if (instance.state === 'running') this.power = this.power.then(() => this.boot());
    if (instance.state === 'stopping' || instance.state === 'shutting-down') {
      this.power = this.power.then(() => this.halt());
    }
    if (instance.state === 'stopped' && this.startIsPlanned) {
      this.startIsPlanned = false;
      this.timers.after(this.lab.timings.consoleStartAfterMs, () => this.returnToConsole());
    }
  }

  private async boot(): Promise<void> {
    await this.pause(this.lab.timings.cmlBootMs);
    while (this.state === 'running' && !this.life.signal.aborted && !(await this.tookItsPort())) {
      await this.pause(PORT_RETRY_MS);
    }
  }

  /** Another program may hold the port for a moment; a worker that came back elsewhere would be lost to the service. */
  private async tookItsPort(): Promise<boolean> {
    try {
      await this.listen();
      this.tell('cml', 'CML answers');
      return true;
    } catch (error) {
      this.tell('cml', `CML cannot listen yet: ${String(error)}`);
      return false;
    }
  }

  private listen(): Promise<string> {
    return this.cml.start(this.cmlPort, this.lab.host, this.lab.advertise);
  }

  private async halt(): Promise<void> {
    if (!this.cml.running) return;
    await this.cml.stop();
    this.tell('cml', 'CML does not answer any more');
  }

  /** Waits, or stops waiting when the lab ends. */
  private async pause(milliseconds: number): Promise<void> {
    const { signal } = this.life;
    await sleep(milliseconds, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  private writeHistory(): void {
    const to = this.lab.clock();
    const { lastUsedBefore } = this.behaviour;
    const usedUntil = lastUsedBefore === null ? null : to - lastUsedBefore;
    addHistory(this.telemetry, { from: to - HISTORY_MS, to, usedUntil }, this.user, this.random);
  }

  private makeCml(): CmlServer {
    const cml = new CmlServer({
      ...this.lab.account,
      ...(this.lab.tls ? { tls: this.lab.tls } : {}),
      clock: this.lab.clock,
      telemetry: () => (this.behaviour.telemetry === 'broken' ? this.brokenAnswer() : this.telemetry.all()),
    });
    // CML writes down API calls too: the service's own reading must not look like a user.
    cml.onRequest(({ path }) => {
      if (path === '/system_information') return;
      this.telemetry.add(this.lab.clock(), 'user_activity', { user_id: this.lab.account.userId });
    });
    return cml;
  }

  private brokenAnswer(): HttpAnswer | string {
    const whole = JSON.stringify(this.telemetry.all());
    const ways: readonly (HttpAnswer | string)[] = [
      { status: 500, contentType: 'application/json', body: '{"code": 500, "description": "Internal server error"}' },
      { status: 200, contentType: 'text/html', body: '<html><body><h1>CML is starting</h1></body></html>' },
      whole.slice(0, Math.floor(whole.length / 2)),
    ];
    return ways[this.brokenReads++ % ways.length] ?? whole;
  }
}
