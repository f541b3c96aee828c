import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../../src/simulated-lab/seeded-random.js';
import { Clients } from './clients.js';
import { CrashLab } from './crash-lab.js';
import type { Role } from './crash-lab.js';
import type { Ec2Backend } from './ec2-backend.js';
import type { WorkerRecord } from './invariants.js';
import { autoPausesAreFresh } from './invariants.js';
import { ObservedWorld } from './observed-world.js';
import { ServiceApi } from './service-api.js';
import { ServiceProcess } from './service-process.js';

export const ROLES: readonly Role[] = ['idler', 'idler', 'idler', 'idler', 'managed', 'managed', 'guest'];

/** Minutes as milliseconds, jobs several times a second: what takes hours in life happens here many times a minute. */
const PACE = {
  WORKER_IDLE_TIMEOUT_MINUTES: '0.004',
  WORKER_AUTO_PAUSE_SNOOZE_MINUTES: '0.004',
  WORKER_ACTIVITY_DETECTION_INTERVAL: '0.2',
  WORKER_STATUS_SYNC_INTERVAL: '0.15',
};

/** One service on its embedded stores, its surroundings and its clients. */
export class CrashWorld extends ObservedWorld {
  readonly clients: Clients;
  readonly api: ServiceApi;
  private readonly starts: number[] = [];

  private constructor(
    lab: CrashLab,
    directory: string,
    private readonly port: number,
    random: SeededRandom,
  ) {
    super(lab, directory);
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

  protected override checkWorker(record: WorkerRecord, settled: boolean): string[] {
    return [...super.checkWorker(record, settled), ...autoPausesAreFresh(record, this.starts)];
  }

  protected override happenings(): string[] {
    return this.starts.map((start) => `${new Date(start).toISOString()} the service is started`);
  }
}

/** Free now; the service takes it again after each kill. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
