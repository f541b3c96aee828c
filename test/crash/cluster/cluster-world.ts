import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../../../src/simulated-lab/seeded-random.js';
import { Clients } from '../clients.js';
import { CrashLab } from '../crash-lab.js';
import type { Moment } from '../crash-lab.js';
import { freePort, ROLES } from '../crash-world.js';
import type { Ec2Backend } from '../ec2-backend.js';
import type { WorkerRecord } from '../invariants.js';
import { autoPausesAreFresh } from '../invariants.js';
import { Ledger } from '../ledger.js';
import { ObservedWorld } from '../observed-world.js';
import { AnyInstanceApi, PatientApi } from './any-instance-api.js';
import type { ClusterTrap, Hit } from './cluster-trap.js';
import { Instance } from './instance.js';
import type { Life } from './instance.js';
import { eachTurnOnce, oneRunAtATime, runsIn } from './job-runs.js';
import { SharedRecords } from './shared-records.js';
import { eventStoreDb, mongoDb } from './stores.js';
import type { SharedStore } from './stores.js';
import { Watch } from './watch.js';
import { within } from './within.js';

export const LEASE_MS = 2_000;

/**
 * As for one instance, but the jobs less often, because three share the machine with their stores. The status sync is
 * due so seldom that one who takes over finds a turn that is not due yet.
 */
const INTERVALS_MS: ReadonlyMap<string, number> = new Map([
  ['activity-detection', 400],
  ['worker-status-sync', 4_000],
]);

const PACE = {
  WORKER_IDLE_TIMEOUT_MINUTES: '0.004',
  WORKER_AUTO_PAUSE_SNOOZE_MINUTES: '0.004',
  WORKER_ACTIVITY_DETECTION_INTERVAL: '0.4',
  WORKER_STATUS_SYNC_INTERVAL: '4',
  LEASE_SECONDS: String(LEASE_MS / 1_000),
};

/**
 * 503: a store is away, a lease was lost, a view is late. 502: EC2 has not answered, because the request was lost here on
 * its way while the instance was frozen, which went on in time to say so. 408: after a freeze the time for the request was
 * over before it was read.
 */
const ASK_AGAIN = [408, 502, 503] as const;

/** EC2 is not kept waiting longer for who holds a lease, ms. */
const HOLDER_WITHIN_MS = 200;

/** Three instances on one EventStoreDB and one MongoDB, their surroundings and their clients. */
export class ClusterWorld extends ObservedWorld {
  readonly api: PatientApi;
  readonly clients: Clients;
  readonly shared: SharedRecords;
  readonly watch: Watch;
  /** Settles when an instance has ended by itself or does not get ready. */
  readonly failed: Promise<never>;
  /** Epoch ms; what was asked for before is of an earlier process. */
  lastHarmAt = 0;
  trap: ClusterTrap | undefined;
  /** Power calls that nobody had the worker's lease for, by the database's clock. */
  withoutLease = 0;
  /** Power calls that had been begun before their process was frozen, and were sent after it. */
  lateCalls = 0;
  readonly hits: Hit[] = [];
  private readonly sentByOthers: string[] = [];
  private readonly fail: (error: unknown) => void;
  private stopping = false;

  private constructor(
    lab: CrashLab,
    directory: string,
    readonly stores: readonly SharedStore[],
    readonly instances: readonly Instance[],
    mongoUri: string,
    seed: string,
  ) {
    super(lab, directory, new Ledger(true));
    this.api = new PatientApi(instances);
    const balancer = new AnyInstanceApi(instances, new SeededRandom(`${seed}/balancer`));
    const random = new SeededRandom(`${seed}/clients`);
    this.clients = new Clients(balancer, lab.workers, this.ledger, random, ASK_AGAIN);
    this.shared = new SharedRecords(mongoUri, LEASE_MS);
    this.watch = new Watch(this.shared);
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.fail = reject;
    // Whoever waits for it is told; when nobody does yet, that is no reason to end the process.
    promise.catch(() => undefined);
    lab.listener = async (moment) =>
      (await this.isLate(moment)) ? 'lose' : ((await this.trap?.at(moment)) ?? 'carry_out');
  }

  /** @throws without a MongoDB to use */
  static async create(ec2: Ec2Backend, seed: string): Promise<ClusterWorld> {
    const directory = await mkdtemp(join(tmpdir(), 'dormouse-cluster-test-'));
    // A server that runs as another user must get through to its data.
    await chmod(directory, 0o755);
    const mongo = await mongoDb(directory, process.env);
    const events = await eventStoreDb(directory, process.env);
    const lab = new CrashLab(ec2, new SeededRandom(`${seed}/lab`));
    await lab.start(ROLES);
    const environment = {
      PATH: process.env['PATH'],
      ...PACE,
      ...lab.environment(),
      EVENTSTORE_CONNECTION_STRING: events.uri,
      MONGODB_URI: mongo.uri,
    };
    const ports = [await freePort(), await freePort(), await freePort()];
    const instances = ports.map((port, index) => new Instance(index + 1, port, directory, environment));
    return new ClusterWorld(lab, directory, [events, mongo], instances, mongo.uri, seed);
  }

  get lives(): readonly Life[] {
    return this.instances.flatMap(({ lives }) => lives);
  }

  /** Up, ready, and not frozen. */
  get ready(): readonly Instance[] {
    return this.instances.filter(({ lives }) => lives.at(-1)?.isWell && lives.at(-1)?.isReady);
  }

  /** The instance whose present life has this name. */
  named(name: string | null): Instance | undefined {
    return name === null ? undefined : this.instances.find(({ life }) => life.name === name);
  }

  /** Starts the next life of an instance. That it gets ready is watched in the background. */
  start(instance: Instance): void {
    const life = instance.start();
    instance.untilReady().catch(this.fail);
    void life.process.exited.then(() => {
      if (life.process.alive || (!this.stopping && life.endedAt === null)) {
        this.fail(new Error(`${life.title} ended by itself.`));
      }
    }, this.fail);
  }

  /** SIGTERM for all. @throws when one does not exit 0 */
  async stopInstances(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.instances.map(({ life }) => life.process.stop()));
  }

  /** @param keep leave the directory with the data and the logs */
  async end(keep: boolean): Promise<void> {
    this.stopping = true;
    this.lab.listener = () => 'carry_out';
    for (const { lives } of this.instances) lives.at(-1)?.process.kill();
    await this.clients.stop();
    await this.watch.stop();
    // A database of the run's own on a server that is not.
    if (!keep && this.stores.some(({ name, canFail }) => name === 'MongoDB' && !canFail)) await this.shared.drop();
    await this.shared.close();
    for (const store of this.stores) await store.stop();
    await this.lab.stop();
    if (!keep) await rm(this.directory, { recursive: true, force: true });
  }

  /** What is wrong with the leases, and with the runs of the jobs up to now. */
  checkTurns(): string[] {
    const runs = this.lives.flatMap((life) => runsIn(life.logFile, life.title));
    return [
      ...this.watch.wrong,
      ...this.sentByOthers,
      ...oneRunAtATime(runs),
      ...eachTurnOnce(runs, INTERVALS_MS, ({ job, startedAt }) => !this.watch.hasRecorded(job, startedAt)),
    ];
  }

  /** Leases that nobody gave back, after all instances have been stopped. */
  async heldAfterStop(): Promise<string[]> {
    const held = await this.shared.held('');
    return held.map(({ lease, holder }) => `lease ${lease} is still held by ${holder}, which was stopped`);
  }

  protected override checkWorker(record: WorkerRecord, settled: boolean): string[] {
    const lease = `worker/${record.name.split('cmlWorker-')[1] ?? ''}`;
    const lost = new Map(this.hits.filter(({ held }) => held.includes(lease)).map((hit) => [hit.at, hit.instance]));
    // What the one that was hit had sent by then may arrive a moment later.
    const fresh = autoPausesAreFresh(
      record,
      [...lost.keys()],
      ({ signedBy }, at) => signedBy !== lost.get(at)?.accessKeyId,
    );
    return [...super.checkWorker(record, settled), ...fresh];
  }

  protected override happenings(): string[] {
    const at = (time: number, what: string) => `${new Date(time).toISOString()} ${what}`;
    return this.lives.flatMap((life) => [
      at(life.startedAt, `${life.title} is started`),
      ...(life.endedAt === null ? [] : [at(life.endedAt, `${life.title} is killed`)]),
      ...life.frozen.flatMap(({ from, to }) => [
        at(from, `${life.title} is frozen`),
        ...(to === null ? [] : [at(to, `${life.title} is thawed`)]),
      ]),
    ]);
  }

  /**
   * Notes who sends a stop or a start without the lease of the worker.
   *
   * @returns true for one that a frozen process had begun to send before it was frozen, as far as the connection: nobody
   * can check a lease later than that, and like what a dead process had on the way it is never carried out here
   */
  private async isLate({ stage, action, workers, exchange }: Moment): Promise<boolean> {
    const [worker] = workers;
    if (stage !== 'arrived' || (action !== 'StopInstances' && action !== 'StartInstances') || !worker) return false;
    const sender = this.instances.find(({ accessKeyId }) => accessKeyId === exchange.signedBy);
    const holder = await within(HOLDER_WITHIN_MS, this.shared.holderOf(`worker/${worker.id}`));
    const life = this.lives.find(({ name }) => name === holder);
    // Unknown while MongoDB is away; and one that has only just started has not said its name yet.
    if (holder === undefined || (holder !== null && !life) || life?.instance === sender) return false;
    const thawedAt = sender?.life.frozen.at(-1)?.to ?? null;
    if (thawedAt !== null && exchange.begunBy <= thawedAt && exchange.arrivedAt >= thawedAt) {
      this.lateCalls++;
      return true;
    }
    if (!life) this.withoutLease++;
    else {
      const who = `${worker.name} cmlWorker-${worker.id}`;
      const when = new Date(exchange.arrivedAt).toISOString();
      this.sentByOthers.push(
        `${who}: ${action} of ${when} came from ${sender?.life.title}, while ${life.title} had the lease`,
      );
    }
    return false;
  }
}
