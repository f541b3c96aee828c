import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SeededRandom } from '../../../src/simulated-lab/seeded-random.js';
import { freePort } from '../crash-world.js';
import { CREDENTIALS, labEc2 } from '../ec2-backend.js';
import type { Ec2Backend } from '../ec2-backend.js';
import { ServiceApi, Unanswered } from '../service-api.js';
import { ServiceProcess } from '../service-process.js';
import { DownstreamLoad } from './downstream-load.js';
import { Follower } from './follower-process.js';
import type { FollowerKind } from './follower-process.js';
import { subjectOf, wrongWith } from './receipts.js';
import type { Published } from './receipts.js';

/** Everything is there within so long once nothing is killed any more; a push waits for its next attempt, ms. */
const DELIVERED_WITHIN_MS = 120_000;

const PAGE = 1_000;

interface EventsPage {
  readonly items: readonly Published[];
  readonly position: number | null;
  readonly live: boolean;
}

/** A service on its embedded stores, with load, and those who follow it, each a process of its own. */
export class DownstreamWorld {
  readonly api: ServiceApi;
  readonly load: DownstreamLoad;
  readonly followers: Follower[] = [];
  /** In what is published, and by each follower; known at the end. */
  readonly counts = new Map<FollowerKind | 'history', number>();
  private service: ServiceProcess | undefined;
  private hasEnded = false;

  private constructor(
    readonly directory: string,
    private readonly port: number,
    private readonly ec2: Ec2Backend,
    seed: string,
  ) {
    this.api = new ServiceApi(`http://127.0.0.1:${port}`);
    this.load = new DownstreamLoad(this.api, ec2, new SeededRandom(`${seed}/load`));
  }

  static async create(seed: string): Promise<DownstreamWorld> {
    const directory = await mkdtemp(join(tmpdir(), 'dormouse-downstream-'));
    return new DownstreamWorld(directory, await freePort(), await labEc2(new SeededRandom(`${seed}/ec2`)), seed);
  }

  /** The service runs, is subscribed to, and has load. */
  async begin(): Promise<{ failed: Promise<unknown> }> {
    await this.startService();
    const webhookPort = await freePort();
    const url = `http://127.0.0.1:${webhookPort}/`;
    const created = await this.api.call({ method: 'POST', path: '/subscriptions', body: { url, after: 'beginning' } });
    if (created.status !== 201)
      throw new Error(`POST /subscriptions: ${created.status} ${JSON.stringify(created.body)}`);
    const { secret } = created.body as { secret: string };
    this.follow('stream', {});
    this.follow('pull', {});
    this.follow('webhook', { PORT: String(webhookPort), WEBHOOK_SECRET: secret });
    return this.load.begin();
  }

  /** Starts the service, also after a kill; resolves when it is ready. */
  async startService(): Promise<void> {
    if (this.hasEnded) return;
    const environment = {
      PATH: process.env['PATH'],
      DATA_DIR: join(this.directory, 'data'),
      PORT: String(this.port),
      AWS_ENDPOINT_URL_EC2: this.ec2.url,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      WEBHOOK_ALLOW_PRIVATE_TARGETS: 'true',
    };
    this.service = new ServiceProcess(this.api.url, environment, join(this.directory, 'service.log'));
    await this.service.untilReady();
  }

  async killService(): Promise<void> {
    this.service?.kill();
    await this.service?.exited;
  }

  /**
   * Waits until everything that is published has come to each follower.
   *
   * @returns what is wrong, when it has or the time is over
   */
  async settle(): Promise<string[]> {
    await this.load.stop();
    const history = await this.history();
    this.counts.set('history', history.length);
    const end = performance.now() + DELIVERED_WITHIN_MS;
    for (;;) {
      const all = this.followers.map((follower) => ({ kind: follower.kind, receipts: follower.receipts() }));
      const isComplete = all.every(({ receipts }) => new Set(receipts.map(({ id }) => id)).size >= history.length);
      if (isComplete || performance.now() > end) {
        for (const { kind, receipts } of all) this.counts.set(kind, receipts.length);
        return all.flatMap(({ kind, receipts }) => wrongWith(kind, receipts, history));
      }
      await delay(100);
    }
  }

  /** SIGTERM gives exit 0, with followers connected. */
  async stop(): Promise<void> {
    await this.service?.stop();
  }

  /** Kills what still runs. @param keep leave the directory with the data and the logs */
  async end(keep: boolean): Promise<void> {
    this.hasEnded = true;
    for (const follower of this.followers) follower.retire();
    await this.killService();
    await this.ec2.stop();
    if (!keep) await rm(this.directory, { recursive: true, force: true });
  }

  private follow(kind: FollowerKind, environment: NodeJS.ProcessEnv): void {
    const folder = join(this.directory, kind);
    this.followers.push(new Follower(kind, folder, { DORMOUSE_URL: this.api.url, ...environment }));
  }

  /** What is stored and published, read where operators read it. */
  private async history(): Promise<Published[]> {
    const events: Published[] = [];
    for (let after = 0; ;) {
      const { items, position, live } = await this.page(after);
      events.push(...items.filter(({ stream }) => subjectOf(stream) !== undefined));
      if (live || position === null) return events;
      after = position;
    }
  }

  private async page(after: number): Promise<EventsPage> {
    for (;;) {
      try {
        return await this.api.read<EventsPage>(`/admin/events?limit=${PAGE}&after=${after}`);
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        await delay(50);
      }
    }
  }
}
