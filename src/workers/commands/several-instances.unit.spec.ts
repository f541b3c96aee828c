import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { collect } from '../../../test/support/collect.js';
import { MemoryEventStore } from '../../../test/support/memory-event-store.js';
import { TransferableLeases } from '../../../test/support/transferable-leases.js';
import { at, reading, registered, WORKER_ID } from '../../../test/support/worker-history.js';
import { ManualClock } from '../../platform/clock.js';
import { AggregateStore } from '../../platform/commands/aggregate-store.js';
import { keyedCommandContext, newCommandContext } from '../../platform/commands/command-context.js';
import { SnapshotStore } from '../../platform/commands/snapshot-store.js';
import { EventCodec } from '../../platform/event-store/event-codec.js';
import type {
  AppendResult,
  ExpectedRevision,
  NewEvent,
  RecordedEvent,
} from '../../platform/event-store/event-store.port.js';
import { Leases } from '../../platform/leases/leases.port.js';
import type { Lease } from '../../platform/leases/leases.port.js';
import { Metrics } from '../../platform/observability/metrics.js';
import { EmbeddedReadModelStore } from '../../platform/read-models/embedded/embedded-read-model-store.js';
import { changePolicy } from '../domain/cml-worker.decisions.js';
import { cmlWorkerContract } from '../contracts/cml-worker.contract.js';
import type { WorkerStatus } from '../domain/worker-status.js';
import { CmlApi } from '../gateways/cml-api.port.js';
import type { CmlTelemetry } from '../gateways/cml-api.port.js';
import { Ec2 } from '../gateways/ec2.port.js';
import type { Ec2Instance, PowerChange } from '../gateways/ec2.port.js';
import { WorkerTelemetry } from '../gateways/worker-telemetry.js';
import { LastCheckErrors } from '../projections/last-check-errors.js';
import { WorkersMetrics } from '../workers-metrics.js';
import { WorkersSettings } from '../workers-settings.js';
import { PauseWorkerCommand, PauseWorkerHandler } from './pause-worker.command.js';
import type { PauseWorkerResult } from './pause-worker.command.js';
import { ResumeWorkerCommand, ResumeWorkerHandler } from './resume-worker.command.js';
import type { ResumeWorkerResult } from './resume-worker.command.js';
import { WorkerPower } from './worker-power.js';
import { WorkersRepository } from './workers.repository.js';

const LEASE = `worker/${WORKER_ID}`;
const log = pino({ level: 'silent' });

type Moment =
  | 'resume_wished'
  | 'paused_told'
  | 'resumed_told'
  | 'released'
  | 'intent'
  | 'telemetry'
  | 'described'
  | 'read'
  | 'stop_done'
  | 'start_done';

/** What happens, once, while an instance stands still at a moment of its command. */
let meanwhile: Partial<Record<Moment, () => Promise<void>>> = {};

async function reached(moment: Moment): Promise<void> {
  const happens = meanwhile[moment];
  meanwhile = { ...meanwhile, [moment]: undefined };
  await happens?.();
}

/** One instance of EC2's, that changes state at once. */
class FakeEc2 extends Ec2 {
  status: WorkerStatus = 'running';
  readonly changes: ('stop' | 'start')[] = [];

  async describeInstances(_region: string, [id = '']: readonly string[]): Promise<ReadonlyMap<string, Ec2Instance>> {
    const instance: Ec2Instance = {
      instanceId: id,
      state: this.status,
      status: this.status,
      instanceType: null,
      launchTime: null,
      tags: {},
      privateIpAddress: null,
      publicIpAddress: '192.0.2.1',
      availabilityZone: null,
      stateTransitionReason: null,
    };
    await reached('described');
    return new Map([[id, instance]]);
  }

  async stopInstance(): Promise<PowerChange> {
    return this.change('stop', 'stopped');
  }

  async startInstance(): Promise<PowerChange> {
    return this.change('start', 'running');
  }

  close(): void {
    // Nothing is open.
  }

  private async change(what: 'stop' | 'start', status: WorkerStatus): Promise<PowerChange> {
    this.changes.push(what);
    const change = { status, previousStatus: this.status };
    this.status = status;
    await reached(`${what}_done`);
    return change;
  }
}

class FakeCml extends CmlApi {
  async readTelemetry(): Promise<CmlTelemetry> {
    await reached('telemetry');
    return { ...reading(), clockSkewMs: null };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class Events extends MemoryEventStore {
  override async append(
    stream: string,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
  ): Promise<AppendResult> {
    if (events.some(({ type }) => type === 'WorkerResumeRequested')) await reached('resume_wished');
    if (events.some(({ type }) => type === 'WorkerPaused')) await reached('paused_told');
    if (events.some(({ type }) => type === 'WorkerResumed')) await reached('resumed_told');
    const appended = (await this.repeated(stream, events, expected)) ?? (await super.append(stream, events, expected));
    if (events.some(({ type }) => type === 'WorkerPauseRequested')) await reached('intent');
    return appended;
  }

  /** As the port has it: the same ids at the same revision are a repeat, which succeeds and writes nothing. */
  private async repeated(
    stream: string,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
  ): Promise<AppendResult | undefined> {
    const next = typeof expected === 'number' ? expected + 1 : 0;
    const stored = (await collect(super.readStream(stream))).slice(next, next + events.length);
    const last = stored.at(-1);
    const isRepeat = last !== undefined && events.every(({ id }, index) => id === stored[index]?.id);
    return isRepeat ? { revision: last.revision, position: last.position } : undefined;
  }

  override async *readStream(...args: Parameters<MemoryEventStore['readStream']>): AsyncGenerator<RecordedEvent> {
    yield* super.readStream(...args);
    await reached('read');
  }
}

/** Leases of an instance whose clock is wrong: they never seem to end. */
class ObliviousLeases extends Leases {
  constructor(private readonly inner: Leases) {
    super();
  }

  async acquire(name: string, signal?: AbortSignal): Promise<Lease> {
    const lease = await this.inner.acquire(name, signal);
    return { ...lease, assertHeld: () => undefined };
  }

  tryAcquire(name: string): Promise<Lease | undefined> {
    return this.inner.tryAcquire(name);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

/** Leases of an instance that is slow: others act before it goes on after it has given one back. */
class SlowLeases extends ObliviousLeases {
  override async acquire(name: string, signal?: AbortSignal): Promise<Lease> {
    const lease = await super.acquire(name, signal);
    const release = async () => {
      await lease.release();
      await reached('released');
    };
    return { ...lease, release };
  }
}

/** What one process has: its own cache, its own leases. */
class Instance {
  readonly workers: WorkersRepository;
  private readonly power: WorkerPower;
  private readonly pausing: PauseWorkerHandler;
  private readonly resuming: ResumeWorkerHandler;

  constructor(leases: Leases) {
    const codec = new EventCodec();
    codec.registerCategory(cmlWorkerContract);
    const settings = new WorkersSettings();
    this.workers = new WorkersRepository(new AggregateStore(events, codec, new SnapshotStore(readModels, log), clock));
    const metrics = new WorkersMetrics(new Metrics());
    this.power = new WorkerPower(this.workers, ec2, leases, clock, metrics, settings, log);
    const telemetry = new WorkerTelemetry(new FakeCml(), ec2, clock, settings);
    const errors = new LastCheckErrors(readModels);
    this.pausing = new PauseWorkerHandler(this.workers, this.power, telemetry, errors, clock, settings);
    this.resuming = new ResumeWorkerHandler(this.workers, this.power, clock);
  }

  pause(reason: 'manual' | 'idle_timeout' = 'manual'): Promise<PauseWorkerResult> {
    return this.pausing.execute(new PauseWorkerCommand(WORKER_ID, undefined, reason, newCommandContext('ada')));
  }

  resume(context = newCommandContext('bob')): Promise<ResumeWorkerResult> {
    return this.resuming.execute(new ResumeWorkerCommand(WORKER_ID, undefined, context));
  }

  settle(): Promise<void> {
    const settling = (lease: Lease) => this.power.settle(lease, WORKER_ID, newCommandContext('system'));
    return this.power.exclusively(WORKER_ID, settling);
  }

  async changePolicy(minutes: number): Promise<void> {
    const decide = (state: Parameters<typeof changePolicy>[0]) => changePolicy(state, minutes, 'ada', clock.now());
    await this.workers.transact(WORKER_ID, newCommandContext('ada'), decide);
  }
}

let directory: string;
let readModels: EmbeddedReadModelStore;
let clock: ManualClock;
let events: Events;
let ec2: FakeEc2;
let leases: TransferableLeases;
let a: Instance;
let b: Instance;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dormouse-power-'));
  readModels = EmbeddedReadModelStore.open(join(directory, 'read-models.sqlite'));
  clock = new ManualClock(at(90));
  events = new Events(() => clock.now());
  ec2 = new FakeEc2();
  leases = new TransferableLeases();
  meanwhile = {};
  a = new Instance(leases.instance('a'));
  b = new Instance(leases.instance('b'));
  await a.workers.transact(WORKER_ID, newCommandContext('ada'), () => [registered()]);
});

afterEach(async () => {
  await readModels.close();
  await rm(directory, { recursive: true, force: true });
});

async function eventTypes(): Promise<string[]> {
  const stored = await collect(events.readStream(`cmlWorker-${WORKER_ID}`));
  return stored.map(({ type }) => type).slice(1);
}

/** `a` is frozen at this moment, for longer than its leases last; it does not notice when it goes on. */
function freezeAt(moment: Moment, work: () => Promise<unknown>): void {
  meanwhile[moment] = async () => {
    leases.passOnUnnoticed(LEASE);
    await work();
  };
}

const LOST = { code: 'lease_lost', status: 503, message: expect.stringContaining('another instance may hold it') };

describe('An instance that was frozen between the intent and the stop', () => {
  it('does not stop what another one has paused and resumed meanwhile', async () => {
    freezeAt('intent', async () => {
      await b.settle();
      await b.resume();
    });
    await expect(a.pause()).rejects.toMatchObject(LOST);
    expect(ec2.changes).toEqual(['stop', 'start']);
    expect(ec2.status).toBe('running');
    expect(await eventTypes()).toEqual([
      'WorkerPauseRequested',
      'WorkerPaused',
      'WorkerResumeRequested',
      'WorkerResumed',
    ]);
  });

  it('does not stop anything even when nobody has acted yet; the next to look carries the pause out', async () => {
    freezeAt('intent', () => Promise.resolve());
    await expect(a.pause()).rejects.toMatchObject(LOST);
    expect(ec2.changes).toEqual([]);
    await b.settle();
    expect(ec2.changes).toEqual(['stop']);
    expect(await eventTypes()).toEqual(['WorkerPauseRequested', 'WorkerPaused']);
  });

  it('does not carry out another one’s pause under its own intent', async () => {
    freezeAt('intent', async () => {
      await b.settle();
      await b.resume();
      meanwhile.intent = () => Promise.resolve(leases.passOn(LEASE));
      await expect(b.pause()).rejects.toMatchObject(LOST);
    });
    await expect(a.pause()).rejects.toMatchObject(LOST);
    expect(ec2.changes).toEqual(['stop', 'start']);
    expect((await eventTypes()).at(-1)).toBe('WorkerPauseRequested');
  });

  it('does not auto-pause on telemetry from before', async () => {
    freezeAt('telemetry', () => b.settle());
    await expect(a.pause('idle_timeout')).rejects.toMatchObject(LOST);
    expect(ec2.changes).toEqual([]);
    expect(await eventTypes()).toEqual(['WorkerPauseRequested', 'WorkerPauseAbandoned']);
  });
});

describe('An instance that was frozen while EC2 answered its stop', () => {
  it('leaves it at what another one has recorded, when that was the same pause', async () => {
    freezeAt('stop_done', () => b.settle());
    expect(await a.pause()).toMatchObject({ paused: true });
    expect(ec2.changes).toEqual(['stop']);
    expect(await eventTypes()).toEqual(['WorkerPauseRequested', 'WorkerPaused']);
  });

  it('records no second pause when the worker was resumed meanwhile', async () => {
    freezeAt('stop_done', async () => {
      await b.settle();
      await b.resume();
    });
    await expect(a.pause()).rejects.toMatchObject(LOST);
    expect((await eventTypes()).filter((type) => type === 'WorkerPaused')).toHaveLength(1);
    expect(ec2.status).toBe('running');
  });

  it('records no second pause either when it was frozen while it told the store of the first', async () => {
    freezeAt('paused_told', async () => {
      await b.settle();
      await b.resume();
    });
    await expect(a.pause()).rejects.toMatchObject(LOST);
    const types = await eventTypes();
    expect(types.filter((type) => type === 'WorkerPaused')).toHaveLength(1);
    expect(types.at(-1)).toBe('WorkerResumed');
  });

  it('records no second resume when it was frozen while it told the store of the first', async () => {
    await a.pause();
    freezeAt('resumed_told', async () => {
      await b.settle();
      await b.pause();
    });
    await a.resume();
    const types = await eventTypes();
    expect(types.filter((type) => type === 'WorkerResumed')).toHaveLength(1);
    expect(types.at(-1)).toBe('WorkerPaused');
  });

  it('records the stop when nobody else has', async () => {
    freezeAt('stop_done', () => Promise.resolve());
    expect(await a.pause()).toMatchObject({ paused: true, changed: true });
    expect(await eventTypes()).toEqual(['WorkerPauseRequested', 'WorkerPaused']);
  });
});

describe('An instance that was frozen while it settled what another had left', () => {
  async function leftPausing(): Promise<void> {
    meanwhile.intent = () => Promise.resolve(leases.passOn(LEASE));
    await expect(a.pause()).rejects.toMatchObject(LOST);
  }

  it('writes nothing on what EC2 said before', async () => {
    await leftPausing();
    ec2.status = 'stopping';
    freezeAt('described', async () => {
      await b.settle();
      ec2.status = 'stopped';
      await b.resume();
    });
    await expect(a.settle()).rejects.toMatchObject(LOST);
    expect((await eventTypes()).slice(1)).toEqual(['WorkerPaused', 'WorkerResumeRequested', 'WorkerResumed']);
    expect(ec2.changes).toEqual(['start']);
  });

  it('does not start what another one has resumed and paused meanwhile', async () => {
    await leftPausing();
    ec2.status = 'stopped';
    await b.settle();
    meanwhile.described = () => Promise.resolve(leases.passOn(LEASE));
    await expect(a.resume()).rejects.toMatchObject(LOST);
    freezeAt('described', async () => {
      await b.settle();
      await b.pause();
    });
    await expect(a.settle()).rejects.toMatchObject(LOST);
    expect(ec2.changes).toEqual(['start', 'stop']);
    expect(ec2.status).toBe('stopped');
    expect((await eventTypes()).slice(-2)).toEqual(['WorkerPauseRequested', 'WorkerPaused']);
  });

  it('does not start what was paused between its last look at the worker and the start', async () => {
    await leftPausing();
    ec2.status = 'stopped';
    await b.settle();
    meanwhile.described = () => Promise.resolve(leases.passOn(LEASE));
    await expect(a.resume()).rejects.toMatchObject(LOST);
    meanwhile.described = () => {
      freezeAt('read', async () => {
        await b.settle();
        await b.pause();
      });
      return Promise.resolve();
    };
    await expect(a.settle()).rejects.toMatchObject(LOST);
    expect(ec2.changes).toEqual(['start', 'stop']);
  });

  it('records no resume for a start whose resume another one has recorded, when the worker was paused since', async () => {
    await a.pause();
    freezeAt('start_done', async () => {
      await b.settle();
      await b.pause();
    });
    await a.resume();
    const types = await eventTypes();
    expect(types.filter((type) => type === 'WorkerResumed')).toHaveLength(1);
    expect(types.at(-1)).toBe('WorkerPaused');
  });
});

describe('An instance that believes in a lease it has lost', () => {
  beforeEach(() => {
    a = new Instance(new ObliviousLeases(leases.instance('a')));
  });

  it('does not stop a worker when the intent is settled: it looks again right before', async () => {
    freezeAt('intent', async () => {
      await b.settle();
      await b.resume();
    });
    await expect(a.pause()).rejects.toMatchObject(LOST);
    expect(ec2.changes).toEqual(['stop', 'start']);
  });

  it('does not start a worker when the intent is settled', async () => {
    await b.pause();
    freezeAt('described', async () => {
      await b.settle();
      await b.pause();
    });
    await expect(a.resume()).rejects.toMatchObject(LOST);
    expect(ec2.changes).toEqual(['stop', 'start', 'stop']);
    expect(ec2.status).toBe('stopped');
  });
});

describe('Commands of one worker on several instances', () => {
  it('make one stop and one event when all ask for the same pause', async () => {
    const all = [a, b, new Instance(leases.instance('c'))];
    const answers = await Promise.all(all.map((instance) => instance.pause()));
    expect(answers.map(({ paused }) => paused)).toEqual([true, true, true]);
    expect(answers.filter(({ changed }) => changed)).toHaveLength(1);
    expect(ec2.changes).toEqual(['stop']);
    expect(await eventTypes()).toEqual(['WorkerPauseRequested', 'WorkerPaused']);
  });

  it('are one resume when they are the same command, also when one is frozen after its start and the other was as early', async () => {
    await a.pause();
    const sentTwice = keyedCommandContext('ResumeWorker', 'key', 'bob');
    let first: Promise<unknown> | undefined;
    // Both append the same events at the same revision, and the store answers both that it has done so.
    meanwhile.resume_wished = async () => {
      const started = new Promise<void>((resolve) => {
        meanwhile.start_done = () => {
          leases.passOnUnnoticed(LEASE);
          resolve();
          return delayed.promise;
        };
      });
      first = a.resume(sentTwice);
      await started;
    };
    const delayed = Promise.withResolvers<void>();
    expect(await b.resume(sentTwice)).toMatchObject({ resumed: true, waiting: false });
    delayed.resolve();
    await first;
    expect(ec2.changes).toEqual(['stop', 'start']);
    expect((await eventTypes()).slice(2)).toEqual(['WorkerResumeRequested', 'WorkerResumed']);
  });

  it('do not answer a resume that had nothing to do with the pause that another one begins right after it', async () => {
    a = new Instance(new SlowLeases(leases.instance('a')));
    const answered = Promise.withResolvers<void>();
    let pausing: Promise<unknown> | undefined;
    meanwhile.released = () =>
      new Promise((begun) => {
        meanwhile.intent = () => {
          begun();
          return answered.promise;
        };
        pausing = b.pause();
      });
    expect(await a.resume()).toMatchObject({ resumed: true, waiting: false });
    answered.resolve();
    await pausing;
    expect(await eventTypes()).toEqual(['WorkerPauseRequested', 'WorkerPaused']);
  });

  it('all take effect, one after the other, although each decides on what it has cached', async () => {
    for (let n = 1; n <= 5; n++) await Promise.all([a.changePolicy(n), b.changePolicy(100 + n)]);
    expect(await eventTypes()).toHaveLength(10);
    const [one, other] = await Promise.all([a.workers.get(WORKER_ID), b.workers.get(WORKER_ID)]);
    expect(one.state).toEqual(other.state);
  });
});
