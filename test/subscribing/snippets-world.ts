import { EventStore } from '../../src/platform/event-store/event-store.port.js';
import { collect } from '../support/collect.js';
import { startEventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import type { EventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import { eventually } from '../support/eventually.js';
import { SharedStoresLab } from '../support/shared-stores-lab.js';
import type { Instance } from '../support/shared-stores-lab.js';
import { freePort } from '../crash/crash-world.js';

/** A pause or resume that a follower is to tell of. */
export interface Happening {
  readonly id: string;
  readonly type: 'WorkerPaused' | 'WorkerResumed';
  readonly workerId: string;
}

/** The line that an example prints for it: of a published event, or of a stored one. */
export function lineOf({ id, type, workerId }: Happening, kind: 'published' | 'stored'): string {
  const name = type === 'WorkerPaused' ? 'paused' : 'resumed';
  return kind === 'stored'
    ? `${id} ${type} cmlWorker-${workerId}`
    : `${id} dormouse.cml_worker.${name}.v1 cml_worker/${workerId}`;
}

/** A service on an EventStoreDB, reachable over HTTP, with workers that are paused and resumed. */
export class SnippetsWorld {
  private constructor(
    readonly connectionString: string,
    readonly url: string,
    private readonly server: EventStoreDbServer | undefined,
    private readonly lab: SharedStoresLab,
    private readonly environment: NodeJS.ProcessEnv,
    private instance: Instance,
  ) {}

  /** On the store of EVENTSTOREDB_TEST_URI, or on a test server. */
  static async open(): Promise<SnippetsWorld> {
    const given = process.env['EVENTSTOREDB_TEST_URI'];
    const server = given === undefined ? await startEventStoreDbServer() : undefined;
    const connectionString = given ?? server?.connectionString ?? '';
    const lab = await SharedStoresLab.open();
    const port = await freePort();
    const environment = {
      EVENTSTORE_CONNECTION_STRING: connectionString,
      PORT: String(port),
      WEBHOOK_SIGNING_KEY: 'a-key-that-only-the-tests-of-the-examples-use',
      WEBHOOK_ALLOW_PRIVATE_TARGETS: 'true',
    };
    const instance = await lab.startReady(environment, true);
    await instance.service.listen();
    return new SnippetsWorld(connectionString, `http://127.0.0.1:${port}`, server, lab, environment, instance);
  }

  /** A new worker, running. @returns its id */
  async newWorker(): Promise<Worker> {
    const { status, body, path, instanceId } = await this.lab.import(this.instance);
    if (status !== 201) throw new Error(`The import answered ${status}: ${JSON.stringify(body)}`);
    return new Worker(this, String(body['worker_id']), path, instanceId);
  }

  /** Does it, and says which event came of it. */
  async power(worker: Worker, action: 'pause' | 'resume'): Promise<Happening> {
    // Until EC2 says that it is down it cannot be started.
    this.lab.ec2.instances.settle(worker.instanceId);
    const { status, body } = await this.instance.post(`${worker.path}/${action}`);
    if (status !== 200) throw new Error(`${action} answered ${status}: ${JSON.stringify(body)}`);
    const type = action === 'pause' ? 'WorkerPaused' : 'WorkerResumed';
    const events = await collect(this.instance.service.app.get(EventStore).readStream(`cmlWorker-${worker.id}`));
    const event = events.findLast((candidate) => candidate.type === type);
    if (!event) throw new Error(`${action} left no ${type}.`);
    return { id: event.id, type, workerId: worker.id };
  }

  /** The service stops, and another one takes its place at the same address. */
  async restartService(): Promise<void> {
    await this.instance.service.stop();
    this.instance = await this.lab.startReady(this.environment, true);
    await this.instance.service.listen();
  }

  /** Kills the EventStoreDB, and starts it again on the same data; one that is not ours is left alone. */
  async restartEventStore(): Promise<void> {
    await this.server?.restart();
    await eventually('the service has found the store again', () => this.instance.isReady());
  }

  async close(): Promise<void> {
    await this.lab.close();
    await this.server?.dispose();
  }
}

/** One worker of the world. */
export class Worker {
  constructor(
    private readonly world: SnippetsWorld,
    readonly id: string,
    readonly path: string,
    readonly instanceId: string,
  ) {}

  pause(): Promise<Happening> {
    return this.world.power(this, 'pause');
  }

  resume(): Promise<Happening> {
    return this.world.power(this, 'resume');
  }
}
