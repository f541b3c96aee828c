import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SeededRandom } from '../../src/simulated-lab/seeded-random.js';
import { Clients, streamOf } from './clients.js';
import { CrashLab } from './crash-lab.js';
import type { Role } from './crash-lab.js';
import type { Ec2Backend } from './ec2-backend.js';
import { History } from './history.js';
import type { Verification, WorkerRecord } from './invariants.js';
import {
  autoPausesAreFresh,
  factsAgreeWithEc2,
  historyIsWhole,
  powerMakesSense,
  projectionIsItsFold,
} from './invariants.js';
import { Ledger } from './ledger.js';
import { powerAfter } from './power-model.js';
import { ServiceApi } from './service-api.js';
import { ServiceProcess } from './service-process.js';

const ROLES: readonly Role[] = ['idler', 'idler', 'idler', 'idler', 'managed', 'managed', 'guest'];

/** Minutes as milliseconds, jobs several times a second: what takes hours in life happens here many times a minute. */
const PACE = {
  WORKER_IDLE_TIMEOUT_MINUTES: '0.004',
  WORKER_AUTO_PAUSE_SNOOZE_MINUTES: '0.004',
  WORKER_ACTIVITY_DETECTION_INTERVAL: '0.2',
  WORKER_STATUS_SYNC_INTERVAL: '0.15',
};

/** What is printed of a worker when something is wrong with it. */
const STORY_LINES = 30;

/** Within so long everything that was under way is finished or abandoned, ms. */
const SETTLED_WITHIN_MS = 30_000;

/** The service, its surroundings and its clients; and what is remembered of all of them outside of the service. */
export class CrashWorld {
  readonly history = new History();
  readonly ledger = new Ledger();
  readonly clients: Clients;
  readonly api: ServiceApi;
  private readonly starts: number[] = [];

  private constructor(
    readonly lab: CrashLab,
    readonly directory: string,
    private readonly port: number,
    random: SeededRandom,
  ) {
    this.api = new ServiceApi(`http://127.0.0.1:${port}`);
    this.clients = new Clients(this.api, lab.workers, this.ledger, random);
  }

  static async create(ec2: Ec2Backend, seed: string): Promise<CrashWorld> {
    const lab = new CrashLab(ec2, new SeededRandom(`${seed}/lab`));
    await lab.start(ROLES);
    const directory = await mkdtemp(join(tmpdir(), 'dormouse-crash-test-'));
    return new CrashWorld(lab, directory, await freePort(), new SeededRandom(`${seed}/clients`));
  }

  get logFile(): string {
    return join(this.directory, 'service.log');
  }

  startService(): ServiceProcess {
    const environment = {
      PATH: process.env['PATH'],
      ...PACE,
      ...this.lab.environment(),
      DATA_DIR: join(this.directory, 'data'),
      PORT: String(this.port),
    };
    const service = new ServiceProcess(this.api.url, environment, this.logFile);
    this.starts.push(service.startedAt);
    return service;
  }

  /** @param keep leave the directory with the data and the service's log */
  async end(keep: boolean): Promise<void> {
    await this.clients.stop();
    await this.lab.stop();
    if (!keep) await rm(this.directory, { recursive: true, force: true });
  }

  /**
   * What must hold at any time, also while the service and its clients go on. @returns what is wrong
   * @throws {Unanswered} the service was killed meanwhile
   */
  async lookOn(): Promise<string[]> {
    // In this order: what was acknowledged by now is in what is read next, and what that says EC2 has done by then.
    const acknowledged = this.ledger.snapshot();
    const lost = await this.history.readOn(this.api);
    const records = this.records();
    return [
      ...lost,
      ...historyIsWhole(this.history.events),
      ...acknowledged.check(this.history.events, false),
      ...records.flatMap((record) => this.checkWorker(record, false)),
    ];
  }

  /** Stands everything still, and checks to the last event. The service must be up. @returns what is wrong */
  async inspect(): Promise<string[]> {
    this.lab.inUse = true;
    await this.clients.hold();
    const unsettled = await this.settle();
    const lost = await this.history.readAgain(this.api);
    const { events } = this.history;
    const wrong = [
      ...unsettled,
      ...lost,
      ...historyIsWhole(events),
      ...this.ledger.check(events, true),
      ...(await this.settledRecords()).flatMap((record) => this.checkWorker(record, true)),
      ...(await this.projections()),
    ];
    this.lab.inUse = false;
    this.clients.release();
    return wrong;
  }

  /** Waits until no intent is open and nothing moves at EC2. @returns what did not come to rest */
  private async settle(): Promise<string[]> {
    const end = performance.now() + SETTLED_WITHIN_MS;
    for (;;) {
      await this.history.readOn(this.api);
      const restless = (await this.settledRecords()).flatMap(({ name, events, ec2State }) => {
        const { kind } = powerAfter([...events].reverse());
        const isAtRest = ec2State === 'running' || ec2State === 'stopped';
        return isAtRest && kind !== 'pausing' && kind !== 'resuming' ? [] : [`${name} (${kind}, EC2: ${ec2State})`];
      });
      if (restless.length === 0) return [];
      if (performance.now() > end) return restless.map((who) => `${who} did not settle in ${SETTLED_WITHIN_MS} ms`);
      await delay(20);
    }
  }

  /** The last events and EC2 calls of the workers that a finding names, in the order of their times. */
  storyOf(finding: string): string[] {
    return this.records()
      .filter(({ name, events }) => finding.includes(name) || (events[0] && finding.includes(events[0].stream)))
      .flatMap(({ name, events, calls }) => {
        const told = [
          ...events.map(
            (event) => `${event.recorded_at} ${event.type}@${event.revision} ${JSON.stringify(event.data)}`,
          ),
          ...calls.map((call) => `${new Date(call.arrivedAt).toISOString()} EC2 ${JSON.stringify(call)}`),
          ...this.starts.map((start) => `${new Date(start).toISOString()} the service is started`),
        ];
        return ['', name, ...told.sort().slice(-STORY_LINES)];
      });
  }

  private checkWorker(record: WorkerRecord, settled: boolean): string[] {
    return [
      ...powerMakesSense(record, settled),
      ...factsAgreeWithEc2(record, settled),
      ...autoPausesAreFresh(record, this.starts),
    ];
  }

  private records(): WorkerRecord[] {
    const byStream = Map.groupBy(this.history.events, ({ stream }) => stream);
    return this.lab.workers.map((worker) => ({
      name: `${worker.name} ${streamOf(worker)}`,
      events: byStream.get(streamOf(worker)) ?? [],
      calls: this.lab.powerCalls.filter(({ instanceId }) => instanceId === worker.instanceId),
    }));
  }

  private async settledRecords(): Promise<WorkerRecord[]> {
    const states = await Promise.all(this.lab.workers.map(({ instanceId }) => this.lab.ec2.stateOf(instanceId)));
    return this.records().map((record, index) => ({ ...record, ec2State: states[index] ?? 'unknown' }));
  }

  private async projections(): Promise<string[]> {
    const { items } = await this.api.read<{ items: { name: string; parked_streams: number }[] }>('/admin/projections');
    const wrong: string[] = [];
    for (const { name, parked_streams } of items) {
      if (parked_streams > 0) wrong.push(`projection ${name} has parked ${parked_streams} streams`);
      const verification = await this.api.read<Verification>(`/admin/projections/${name}/verify`, 'POST');
      wrong.push(...projectionIsItsFold(name, verification));
    }
    return wrong;
  }
}

/** Free now; the service takes it again after each kill. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
