import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SystemClock } from '../../../src/platform/clock.js';
import { SeededRandom } from '../../../src/simulated-lab/seeded-random.js';
import { DownstreamReport } from './downstream-report.js';
import { sharesOf, StepOrder, stepsOf } from './downstream-steps.js';
import type { DownstreamStep } from './downstream-steps.js';
import { DownstreamWorld } from './downstream-world.js';
import type { Follower } from './follower-process.js';

/** A follower that dies at one of its steps does so at one of its first so many events. */
const MOST_EVENTS = 12;

/** A step that does not come within so long fails the test: nothing is delivered any more, ms. */
const STEP_WITHIN_MS = 60_000;

/** At random: within so long of its start, ms. */
const FOLLOWER_LIVES_MS = 1_200;
const SERVICE_LIVES_MS = { from: 500, to: 5_000 } as const;

/** Something that must never be. */
class Violation extends Error {
  constructor(wrong: readonly string[]) {
    const shown = wrong.slice(0, 50).join('\n');
    super(wrong.length > 50 ? `${shown}\n... ${wrong.length - 50} more` : shown);
  }
}

/** Runs the crash test of those downstream. @returns the exit code: 0 when everything held, 1 when not, 2 for wrong arguments */
export async function main(args: readonly string[]): Promise<number> {
  let options: { kills: number; seed: string };
  try {
    options = optionsOf(args);
  } catch (error) {
    console.error(String(error));
    return 2;
  }
  const { kills, seed } = options;
  console.log(`Crash test downstream: ${kills} kills, seed: ${seed}`);
  const world = await DownstreamWorld.create(seed);
  const report = new DownstreamReport(kills);
  const run = new DownstreamRun(world, report, kills, seed);
  try {
    await Promise.race([run.run(), interrupted()]);
  } catch (error) {
    run.abort();
    report.failed = 1;
    console.log(`\nFAILED at ${new Date(new SystemClock().now()).toISOString()}, seed ${seed}`);
    console.log(error instanceof Violation ? error.message : error);
    console.log(`The data, the receipts and the logs are kept in ${world.directory}`);
  }
  await world.end(report.failed > 0);
  report.print(world);
  return report.passes ? 0 : 1;
}

/** Rejects when somebody ends the test: its processes must not be left behind. */
function interrupted(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => reject(new Error(`ended by ${signal}`)));
  });
}

class DownstreamRun {
  private isAborted = false;

  constructor(
    private readonly world: DownstreamWorld,
    private readonly report: DownstreamReport,
    private readonly kills: number,
    private readonly seed: string,
  ) {}

  /** Followers and service are killed side by side, each in its own time, while there is load; then everything must be there. */
  async run(): Promise<void> {
    const { world } = this;
    const { failed } = await world.begin();
    const shares = sharesOf(this.kills);
    const lives = world.followers.map((follower) => this.torment(follower, shares.get(follower.kind) ?? 0));
    const all = Promise.all([...lives, this.tormentService(shares.get(undefined) ?? 0)]);
    // The load only ends when it is stopped, or by an answer that should not be.
    await Promise.race([all, failed]);
    const lastLives = world.followers.map((follower) => failureOf(follower.ended()));
    const wrong = await Promise.race([world.settle(), ...lastLives]);
    if (wrong.length > 0) throw new Violation(wrong);
    await world.stop();
  }

  /** No more kills. */
  abort(): void {
    this.isAborted = true;
  }

  private async torment(follower: Follower, kills: number): Promise<void> {
    const random = new SeededRandom(`${this.seed}/${follower.kind}`);
    const order = new StepOrder(stepsOf(follower.kind), random);
    for (let count = 0; count < kills && !this.isAborted; count++) {
      const step = order.next();
      await this.life(follower, step, random);
      this.report.killed(step);
    }
    follower.start();
  }

  private async life(follower: Follower, { name, at }: DownstreamStep, random: SeededRandom): Promise<void> {
    if (at) {
      follower.start({ at, after: random.integer(1, MOST_EVENTS) });
    } else {
      follower.start();
      await delay(random.integer(0, FOLLOWER_LIVES_MS));
      follower.kill();
    }
    const tooLate = delay(STEP_WITHIN_MS, 'too late' as const, { ref: false });
    if ((await Promise.race([follower.ended(), tooLate])) === 'too late') {
      throw new Violation([`${name}: did not come within ${STEP_WITHIN_MS / 1000} s`]);
    }
  }

  private async tormentService(kills: number): Promise<void> {
    const random = new SeededRandom(`${this.seed}/service`);
    const [step] = stepsOf(undefined);
    for (let count = 0; step && count < kills && !this.isAborted; count++) {
      await delay(random.integer(SERVICE_LIVES_MS.from, SERVICE_LIVES_MS.to));
      await this.world.killService();
      this.report.killed(step);
      await this.world.startService();
    }
  }
}

/** Rejects when the work fails; does not settle otherwise. */
function failureOf(work: Promise<void>): Promise<never> {
  return new Promise((_, reject) => void work.catch(reject));
}

/** @throws with what is accepted */
function optionsOf(args: readonly string[]): { kills: number; seed: string } {
  const { values } = parseArgs({ args: [...args], options: { kills: { type: 'string' }, seed: { type: 'string' } } });
  const kills = Number(values.kills ?? 100);
  if (!Number.isSafeInteger(kills) || kills < 1) throw new Error('--kills: a whole number from 1 is accepted');
  return { kills, seed: values.seed ?? String(randomInt(1_000_000)) };
}
