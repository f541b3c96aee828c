import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../../../src/simulated-lab/seeded-random.js';
import { streamOf } from '../clients.js';
import type { LabWorker, Moment } from '../crash-lab.js';
import { powerAfter } from '../power-model.js';
import type { Purpose } from '../steps.js';
import { purposeOf } from '../trap.js';
import { within } from './within.js';
import type { ClusterPoint, ClusterStep } from './cluster-steps.js';
import type { ClusterWorld } from './cluster-world.js';
import type { Instance, Life } from './instance.js';

/** How long after an answer is out the harm is done, ms: from "not even read" to "taken in". */
const AFTER_ANSWER_MS = [0, 0, 1, 2, 4, 8] as const;

/** A start takes about so long, ms. */
const START_MS = 1_200;

/** So many events of a stream tell whether an intent is open. */
const TAIL = 40;

/** A request whose purpose is not known so soon is let through, ms. */
const RECOGNISED_WITHIN_MS = 300;

/** An instance that was killed or frozen. */
export interface Hit {
  readonly instance: Instance;
  readonly life: Life;
  /** Epoch ms. */
  readonly at: number;
  /** The leases it held. */
  readonly held: readonly string[];
}

/** Waits for one step, and kills or freezes the instance that it is about. */
export class ClusterTrap {
  /** Who has sent a request that is known to be the step's. */
  private readonly senders = new WeakMap<object, Instance>();
  private prepared = false;
  private hit: { readonly instance: Instance; readonly at: number } | undefined;

  constructor(
    readonly step: ClusterStep,
    private readonly world: ClusterWorld,
    private readonly random: SeededRandom,
  ) {}

  /** @returns undefined: the step did not come in time, and nothing was done */
  async spring(withinMs: number): Promise<Hit | undefined> {
    const { point } = this.step;
    const end = performance.now() + withinMs;
    while (!this.hit && performance.now() < end) await this.look(point, end);
    return this.hit && (await this.described(this.hit));
  }

  /** A request of the service. */
  async at(moment: Moment): Promise<'carry_out' | 'lose'> {
    const { point } = this.step;
    if (point.at !== 'request' || this.hit) return 'carry_out';
    const awaited = point.first && !this.prepared ? point.first : point;
    if (awaited.action !== moment.action) return 'carry_out';
    if (moment.stage === 'arrived') {
      // Other requests must not be held up: one that EC2 carries out seconds later finds another world.
      const sender = await within(RECOGNISED_WITHIN_MS, this.recognised(moment, awaited.purpose));
      if (sender) this.senders.set(moment.exchange, sender);
    }
    const sender = this.senders.get(moment.exchange);
    if (moment.stage !== awaited.stage || !sender || this.hit) return 'carry_out';
    if (moment.stage === 'answered') await delay(this.random.pick(AFTER_ANSWER_MS));
    if (awaited === point) this.harm(sender);
    else this.prepare(sender);
    return awaited.lose === true ? 'lose' : 'carry_out';
  }

  /** Leaves behind what the step is about. */
  private prepare(instance: Instance): void {
    if (this.prepared || !instance.life.isWell) return;
    this.prepared = true;
    this.world.lastHarmAt = instance.kill();
  }

  private async look(point: ClusterPoint, end: number): Promise<void> {
    switch (point.at) {
      case 'request':
        return await delay(5);
      case 'holding':
        return await this.harmHolder(point.lease);
      case 'projecting':
        return await this.harmProjecting();
      case 'taken over':
        return await this.harmSuccessor(point.lease, end);
      case 'starting':
        return await this.harmStarting();
      case 'random':
        await delay(this.random.integer(0, point.withinMs));
        return this.harm(this.random.pick(this.world.instances));
      case 'store':
        throw new Error('A store is not an instance.');
    }
  }

  /** Does nothing to an instance that is down already. */
  private harm(instance: Instance | undefined): void {
    if (this.hit || !instance?.life.isWell || instance.life.name === null) return;
    const at = this.step.harm === 'kill' ? instance.kill() : instance.freeze();
    this.hit = { instance, at };
  }

  private async described({ instance, at }: { instance: Instance; at: number }): Promise<Hit> {
    const { life } = instance;
    return { instance, life, at, held: await this.world.shared.heldBy(life.name ?? '') };
  }

  private async harmHolder(prefix: string): Promise<void> {
    const held = await this.world.shared.held(prefix);
    if (held.length === 0) return await delay(3);
    this.harm(this.world.named(this.random.pick(held).holder));
  }

  private async harmProjecting(): Promise<void> {
    this.world.clients.burst(10);
    for (let look = 0; look < 20 && !this.hit; look++) {
      const path = '/admin/projections';
      const { items } = await this.world.api.read<{ items: { name: string; lag_events: number }[] }>(path);
      const behind = items.find(({ lag_events }) => lag_events > 0);
      if (behind) this.harm(this.world.named(await this.world.shared.holderOf(`projection/${behind.name}`)));
    }
  }

  /** Kills a holder first. */
  private async harmSuccessor(prefix: string, end: number): Promise<void> {
    const { shared } = this.world;
    const first = this.random.pick((await shared.held(prefix)).filter(({ holder }) => this.world.named(holder)));
    this.world.named(first.holder)?.kill();
    while (!this.hit && performance.now() < end) {
      const holder = await shared.holderOf(first.lease);
      if (holder !== first.holder) this.harm(this.world.named(holder));
      await delay(2);
    }
  }

  /** Kills one, and again while it starts. */
  private async harmStarting(): Promise<void> {
    const instance = this.random.pick(this.world.instances);
    instance.kill();
    await instance.life.process.exited;
    this.world.start(instance);
    const end = performance.now() + this.random.integer(20, START_MS);
    // What it may hold is only known by its name.
    while (performance.now() < end) await delay(5);
    this.hit = { instance, at: instance.kill() };
  }

  /** Who has sent it, if it is for this purpose. */
  private async recognised(moment: Moment, purpose: Purpose): Promise<Instance | undefined> {
    return (await this.purposeOf(moment)) === purpose ? await this.senderOf(moment, purpose) : undefined;
  }

  private async senderOf({ exchange, workers }: Moment, purpose: Purpose): Promise<Instance | undefined> {
    const { instances, shared } = this.world;
    if (exchange.signedBy !== null) return instances.find(({ accessKeyId }) => accessKeyId === exchange.signedBy);
    // CML is not told who asks; only the holder of these does.
    const id = workers[0]?.id ?? '';
    return this.world.named(await shared.holderOf(purpose === 'first look' ? `check/${id}` : `worker/${id}`));
  }

  private async purposeOf({ action, workers }: Moment): Promise<Purpose | undefined> {
    const [worker] = workers;
    if (!worker) return undefined;
    if (workers.length > 1) return 'status sync';
    return purposeOf(action, await this.powerOf(worker), this.world.lastHarmAt);
  }

  /** As the history says now. */
  private async powerOf(worker: LabWorker): Promise<ReturnType<typeof powerAfter>> {
    if (worker.id === null) return { kind: 'absent' };
    return powerAfter(await this.world.api.newestOf(streamOf(worker), TAIL));
  }
}
