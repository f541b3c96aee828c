import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SystemClock } from '../../../src/platform/clock.js';
import { SeededRandom } from '../../../src/simulated-lab/seeded-random.js';
import { WrongAnswer } from '../clients.js';
import { labEc2 } from '../ec2-backend.js';
import { Schedule } from '../schedule.js';
import { ClusterReport } from './cluster-report.js';
import { CLUSTER_STEPS, RANDOM_FREEZE, RANDOM_KILL, STORE_STEPS } from './cluster-steps.js';
import type { ClusterStep } from './cluster-steps.js';
import { ClusterTrap } from './cluster-trap.js';
import type { Hit } from './cluster-trap.js';
import { ClusterWorld, LEASE_MS } from './cluster-world.js';
import type { Instance } from './instance.js';
import { handOver, TooLate } from './hand-over.js';
import { storeOutage } from './store-outage.js';

/** A step that does not come within so long is given up for this time, ms. */
const STEP_WITHIN_MS = 8_000;

/** Everything stands still for an inspection after so many kills, */
const INSPECT_EVERY = 10;

/** and a store fails after so many. */
const STORE_FAILS_EVERY = 8;

/** Within so long an instance starts, or notices after a freeze what it has lost, ms. */
const PATIENCE_MS = 60_000;

/** Beyond the end of the lease, so that others are at work when it goes on, ms. */
const FROZEN_LONGER_MS = [200, 500, 1_200] as const;

/** At random, among one round of all steps. */
const RANDOM_HARMS = 6;

const clock = new SystemClock();

/** Something that must never be. */
class Violation extends Error {
  constructor(readonly wrong: readonly string[]) {
    super(wrong.join('\n'));
  }
}

/** Runs the crash test of three instances. @returns the exit code: 0 when everything held, 1 when not, 2 for wrong arguments */
export async function main(args: readonly string[]): Promise<number> {
  let options: { kills: number; seed: string };
  let world: ClusterWorld;
  try {
    options = optionsOf(args);
    world = await ClusterWorld.create(await labEc2(new SeededRandom(`${options.seed}/ec2`)), options.seed);
  } catch (error) {
    console.error(String(error));
    return 2;
  }
  const { kills, seed } = options;
  console.log(`Crash test of three instances: ${kills} kills and freezes, seed: ${seed}`);
  const report = new ClusterReport(kills);
  const run = new ClusterRun(world, report, kills, seed);
  try {
    await Promise.race([run.run(), interrupted()]);
  } catch (error) {
    report.failed = 1;
    console.log(
      `\nFAILED at ${new Date(clock.now()).toISOString()}, seed ${seed}, in: ${run.step?.name ?? 'the beginning'}`,
    );
    console.log(
      error instanceof Violation || error instanceof WrongAnswer || error instanceof TooLate ? error.message : error,
    );
    if (error instanceof Violation) console.log(world.storyOf(error.message).join('\n'));
    console.log(`The data and the logs of the instances are kept in ${world.directory}`);
  }
  await world.end(report.failed > 0);
  report.print(world);
  return report.failed;
}

/** Rejects when somebody ends the test: its servers are processes of their own, and must not be left behind. */
function interrupted(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => reject(new Error(`ended by ${signal}`)));
  });
}

class ClusterRun {
  /** Under way. */
  step: ClusterStep | undefined;
  private readonly random: SeededRandom;
  private readonly schedule: Schedule<ClusterStep>;
  private readonly outages: Schedule<ClusterStep>;
  private sinceInspection = 0;
  private sinceOutage = STORE_FAILS_EVERY / 2;

  constructor(
    private readonly world: ClusterWorld,
    private readonly report: ClusterReport,
    private readonly kills: number,
    seed: string,
  ) {
    this.random = new SeededRandom(`${seed}/run`);
    const steps = [...CLUSTER_STEPS, ...Array.from({ length: RANDOM_HARMS / 2 }, () => RANDOM_FREEZE)];
    this.schedule = new Schedule(this.random, steps, RANDOM_KILL, RANDOM_HARMS / 2);
    const [first, ...others] = STORE_STEPS;
    if (!first) throw new Error('There is no store.');
    this.outages = new Schedule(this.random, others, first, 1);
  }

  async run(): Promise<void> {
    const { world, report } = this;
    for (const instance of world.instances) world.start(instance);
    await this.untilReady(world.instances.length);
    world.watch.start();
    await this.guarded(world.clients.begin());
    while (report.kills < this.kills) {
      await this.round();
      report.progress(world);
    }
    await this.inspect();
    await world.clients.stop();
    await world.stopInstances();
    this.refuse([...world.checkTurns(), ...(await world.heldAfterStop())]);
  }

  private async round(): Promise<void> {
    if (this.sinceInspection >= INSPECT_EVERY) await this.inspect();
    if (this.sinceOutage >= STORE_FAILS_EVERY) await this.outage();
    const step = this.schedule.next(undefined);
    this.step = step;
    await this.untilReady(this.needed(step));
    const hit = await this.hit(step);
    if (!hit) {
      this.report.missed(step);
      this.schedule.postpone(step);
      return;
    }
    await this.afterwards(step, hit);
    this.sinceInspection++;
    this.sinceOutage++;
  }

  private async hit(step: ClusterStep): Promise<Hit | undefined> {
    const { world } = this;
    const before = new Set(world.lives.filter(({ endedAt }) => endedAt !== null));
    const trap = new ClusterTrap(step, world, this.random);
    world.trap = trap;
    const hit = await this.guarded(trap.spring(STEP_WITHIN_MS));
    world.trap = undefined;
    const killed = world.lives.filter((life) => life.endedAt !== null && !before.has(life)).length;
    this.report.harmed(step, hit ? 'hit' : 'missed', Math.max(killed, hit ? 1 : 0));
    if (!hit) return await this.restartKilled().then(() => undefined);
    world.lastHarmAt = hit.at;
    world.hits.push(hit);
    return hit;
  }

  /** Others take over; the one that was frozen finds out; the one that was killed comes back. */
  private async afterwards(step: ClusterStep, hit: Hit): Promise<void> {
    const { world, report } = this;
    report.handedOver(await this.guarded(handOver(hit, world.watch, LEASE_MS)));
    if (step.harm === 'freeze') {
      const until = hit.at + LEASE_MS + this.random.pick(FROZEN_LONGER_MS);
      await this.guarded(delay(Math.max(0, until - clock.now())));
      hit.instance.thaw();
      await this.guarded(this.untilNoticed(hit));
    }
    await this.restartKilled();
    this.refuse(await this.guarded(world.lookOn()));
    report.looks++;
  }

  private async restartKilled(): Promise<void> {
    for (const instance of this.world.instances) {
      if (instance.life.process.alive) continue;
      await instance.life.process.exited;
      this.world.start(instance);
    }
  }

  /** What it says that it holds is what the database says. */
  private async untilNoticed({ instance, life }: Hit): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      const claimed = await claims(instance);
      const held = await this.world.shared.heldBy(life.name ?? '');
      if (claimed?.every((lease) => held.includes(lease))) return;
      if (performance.now() > end) {
        throw new Violation([`${life.title} was frozen and says still that it holds ${claimed?.join(', ')}`]);
      }
      await delay(100);
    }
  }

  private async outage(): Promise<void> {
    this.sinceOutage = 0;
    this.step = this.outages.next(undefined);
    const store = this.world.stores.find(
      ({ name }) => this.step?.point.at === 'store' && this.step.point.store === name,
    );
    if (!store?.canFail) return;
    await this.untilReady(this.world.instances.length);
    const backAfter = await this.guarded(storeOutage(store, this.step.harm, this.world, this.random));
    this.report.storeFailed(this.step, backAfter);
    this.refuse(await this.guarded(this.world.lookOn()));
  }

  private async inspect(): Promise<void> {
    this.sinceInspection = 0;
    await this.untilReady(this.world.instances.length);
    this.refuse([...(await this.guarded(this.world.inspect())), ...this.world.checkTurns()]);
    this.report.inspections++;
  }

  /** How many instances must be up for the step: one must be left that takes over. */
  private needed({ point }: ClusterStep): number {
    const isTwofold = point.at === 'starting' || point.at === 'taken over' || (point.at === 'request' && point.first);
    return isTwofold ? 3 : 2;
  }

  private async untilReady(count: number): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    while (this.world.ready.length < count) {
      if (performance.now() > end) throw new Violation([`${count} instances were not ready within ${PATIENCE_MS} ms`]);
      await this.guarded(delay(10));
    }
  }

  /** Fails as soon as an instance, or a client, does. */
  private guarded<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.world.failed, this.world.clients.failed]);
  }

  private refuse(wrong: readonly string[]): void {
    if (wrong.length > 0) throw new Violation(wrong);
  }
}

/** The leases that an instance says it holds; undefined when it does not answer in time. */
async function claims(instance: Instance): Promise<string[] | undefined> {
  const holds = (await instance.health())?.holds;
  if (!holds) return undefined;
  const projections = holds.projections.map((name) => `projection/${name}`);
  return [...projections, ...holds.schedules.map((name) => `schedule/${name}`)];
}

/** @throws with what is accepted */
function optionsOf(args: readonly string[]): { kills: number; seed: string } {
  const { values } = parseArgs({ args: [...args], options: { kills: { type: 'string' }, seed: { type: 'string' } } });
  const kills = Number(values.kills ?? 100);
  if (!Number.isSafeInteger(kills) || kills < 1) throw new Error('--kills: a whole number from 1 is accepted');
  return { kills, seed: values.seed ?? String(randomInt(1_000_000)) };
}
