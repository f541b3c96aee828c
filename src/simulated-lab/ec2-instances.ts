import { Ec2Error } from './ec2-error.js';

/** EC2's states and the codes it gives them. */
export const STATE_CODES = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
} as const;

export type InstanceState = keyof typeof STATE_CODES;

export interface InstanceDefinition {
  readonly instanceId: string;
  readonly region: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Default `running`. */
  readonly state?: InstanceState;
  readonly instanceType?: string;
  /** Epoch ms; default: now. */
  readonly launchTime?: number;
  readonly privateIpAddress?: string;
  /** Shown while the instance is not stopped, as EC2 does without an Elastic IP. */
  readonly publicIpAddress?: string;
}

export interface SimulatedInstance extends Required<InstanceDefinition> {
  /** EC2's `StateTransitionReason`, e.g. `User initiated (2026-01-01 10:00:00 GMT)`; empty when there is none. */
  readonly stateTransitionReason: string;
}

export interface InstanceStateChange {
  readonly instance: SimulatedInstance;
  readonly previous: InstanceState;
}

export interface InstanceTimings {
  /** How long an instance stays `stopping` (or `shutting-down`), ms. Default 3000. */
  readonly stoppingMs?: number;
  /** How long an instance stays `pending`, ms. Default 3000. */
  readonly pendingMs?: number;
}

/** What `pending`, `stopping` and `shutting-down` lead to. */
const NEXT_STATE: Partial<Record<InstanceState, InstanceState>> = {
  pending: 'running',
  stopping: 'stopped',
  'shutting-down': 'terminated',
};

const ID_SHAPE = /^i-([0-9a-f]{8}|[0-9a-f]{17})$/;

/** The instances of an account, in all regions: EC2's state machine without its protocol. */
export class Ec2Instances {
  private readonly byId = new Map<string, SimulatedInstance>();
  private readonly transitions = new Map<string, NodeJS.Timeout>();
  private readonly listeners = new Set<(change: InstanceStateChange) => void>();

  constructor(
    private readonly clock: () => number,
    private readonly timings: InstanceTimings = {},
  ) {}

  add(definition: InstanceDefinition): SimulatedInstance {
    const instance: SimulatedInstance = {
      state: 'running',
      instanceType: 'm5zn.metal',
      launchTime: this.clock(),
      privateIpAddress: '10.0.0.10',
      publicIpAddress: '203.0.113.10',
      stateTransitionReason: '',
      ...definition,
    };
    this.byId.set(instance.instanceId, instance);
    return instance;
  }

  /** The instance, in whatever region. @throws when the lab has none of that id */
  get(instanceId: string): SimulatedInstance {
    const instance = this.byId.get(instanceId);
    if (!instance) throw new Error(`The simulated lab has no instance '${instanceId}'.`);
    return instance;
  }

  /** All of a region, in the order they were added. */
  in(region: string): SimulatedInstance[] {
    return [...this.byId.values()].filter((instance) => instance.region === region);
  }

  /** Those of these ids. @throws {Ec2Error} InvalidInstanceID.Malformed, InvalidInstanceID.NotFound */
  find(region: string, ids: readonly string[]): SimulatedInstance[] {
    const malformed = ids.filter((id) => !ID_SHAPE.test(id));
    if (malformed.length > 0) throw new Ec2Error('InvalidInstanceID.Malformed', `Invalid id: "${malformed[0]}"`);
    const missing = ids.filter((id) => this.byId.get(id)?.region !== region);
    if (missing.length > 0) {
      const [noun, verb] = missing.length === 1 ? ['ID', 'does'] : ['IDs', 'do'];
      throw new Ec2Error(
        'InvalidInstanceID.NotFound',
        `The instance ${noun} '${missing.join(', ')}' ${verb} not exist`,
      );
    }
    return [...new Set(ids)].map((id) => this.get(id));
  }

  /** All of them or none; a stopping or stopped one is left as it is. @throws {Ec2Error} also IncorrectInstanceState */
  stop(region: string, ids: readonly string[]): InstanceStateChange[] {
    return this.change(region, ids, {
      from: 'running',
      alreadyIn: ['stopping', 'stopped'],
      participle: 'stopped',
      begin: (instance) => this.move(instance, 'stopping', { stateTransitionReason: this.userInitiated() }),
    });
  }

  /** All of them or none; a pending or running one is left as it is. @throws {Ec2Error} also IncorrectInstanceState */
  start(region: string, ids: readonly string[]): InstanceStateChange[] {
    return this.change(region, ids, {
      from: 'stopped',
      alreadyIn: ['pending', 'running'],
      participle: 'started',
      // EC2 itself rounds launch times to seconds. The lab, whose machines start within one, keeps milliseconds.
      begin: (instance) => this.move(instance, 'pending', { launchTime: this.clock(), stateTransitionReason: '' }),
    });
  }

  /** Someone terminates it; no request of the service can do this. */
  terminate(instanceId: string): void {
    this.move(this.get(instanceId), 'shutting-down', { stateTransitionReason: this.userInitiated() });
  }

  /** Ends the transition an instance is in at once. */
  settle(instanceId: string): void {
    const instance = this.get(instanceId);
    const next = NEXT_STATE[instance.state];
    if (next) this.move(instance, next, {});
  }

  /** @returns takes the listener away again */
  onChange(listener: (change: InstanceStateChange) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** No transition happens by itself any more. */
  close(): void {
    for (const timer of this.transitions.values()) clearTimeout(timer);
    this.transitions.clear();
  }

  private change(
    region: string,
    ids: readonly string[],
    rule: {
      from: InstanceState;
      alreadyIn: readonly InstanceState[];
      participle: string;
      begin: (instance: SimulatedInstance) => SimulatedInstance;
    },
  ): InstanceStateChange[] {
    const instances = this.find(region, ids);
    const unfit = instances.find(({ state }) => state !== rule.from && !rule.alreadyIn.includes(state));
    if (unfit) {
      const message = `The instance '${unfit.instanceId}' is not in a state from which it can be ${rule.participle}.`;
      throw new Ec2Error('IncorrectInstanceState', message);
    }
    return instances.map((instance) => ({
      instance: instance.state === rule.from ? rule.begin(instance) : instance,
      previous: instance.state,
    }));
  }

  private move(before: SimulatedInstance, state: InstanceState, also: Partial<SimulatedInstance>): SimulatedInstance {
    const instance = { ...before, ...also, state };
    this.byId.set(instance.instanceId, instance);
    clearTimeout(this.transitions.get(instance.instanceId));
    this.transitions.delete(instance.instanceId);
    if (NEXT_STATE[state]) {
      const delay = (state === 'pending' ? this.timings.pendingMs : this.timings.stoppingMs) ?? 3000;
      this.transitions.set(
        instance.instanceId,
        setTimeout(() => this.settle(instance.instanceId), delay),
      );
    }
    for (const listener of this.listeners) listener({ instance, previous: before.state });
    return instance;
  }

  private userInitiated(): string {
    return `User initiated (${new Date(this.clock()).toISOString().slice(0, 19).replace('T', ' ')} GMT)`;
  }
}
