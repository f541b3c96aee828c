import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { SeededRandom } from '../../src/simulated-lab/seeded-random.js';
import { WrongAnswer } from './clients.js';
import { CrashWorld } from './crash-world.js';
import type { Ec2Backend } from './ec2-backend.js';
import { labEc2, motoEc2 } from './ec2-backend.js';
import { Report } from './report.js';
import { Schedule } from './schedule.js';
import { Unanswered } from './service-api.js';
import type { ServiceProcess } from './service-process.js';
import { NAMED_STEPS, RANDOM_STEP } from './steps.js';
import type { Step } from './steps.js';
import { Trap } from './trap.js';

/** A step that does not come within so long is given up for this time, ms. */
const STEP_WITHIN_MS = 15_000;

/** Everything stands still for an inspection after so many kills. */
const INSPECT_EVERY = 5;

interface Options {
  readonly kills: number;
  readonly seed: string;
  readonly ec2: 'lab' | 'moto';
}

/** Something that must never be. */
class Violation extends Error {
  constructor(readonly wrong: readonly string[]) {
    super(wrong.join('\n'));
  }
}

/** Runs the crash test. @returns the exit code: 0 when everything held, 1 when it did not, 2 for wrong arguments */
export async function main(args: readonly string[]): Promise<number> {
  let options: Options;
  let ec2: Ec2Backend;
  try {
    options = optionsOf(args);
    ec2 = await ec2Of(options);
  } catch (error) {
    console.error(String(error));
    return 2;
  }
  console.log(`Crash test: ${options.kills} kills, EC2: ${options.ec2}, seed: ${options.seed}`);
  const world = await CrashWorld.create(ec2, options.seed);
  const report = new Report(options.kills);
  const run = new CrashRun(world, report, options);
  try {
    await run.run();
    await world.end(false);
  } catch (error) {
    run.abort();
    report.failed = 1;
    console.log(`\nFAILED in round ${report.kills + 1}, seed ${options.seed}`);
    console.log(`killed last at: ${run.hitBefore?.name ?? 'nothing'}; waiting for: ${run.step?.name ?? 'nothing'}`);
    console.log(error instanceof Violation || error instanceof WrongAnswer ? error.message : error);
    if (error instanceof Violation) console.log(world.storyOf(error.message).join('\n'));
    console.log(`The data directory and the log of the service are kept in ${world.directory}`);
  }
  report.print(world);
  return report.passes ? 0 : 1;
}

class CrashRun {
  private readonly random: SeededRandom;
  private readonly schedule: Schedule<Step>;
  /** Waited for in this life of the service. */
  step: Step | undefined;
  /** Where the life before ended; undefined when its step did not come. */
  hitBefore: Step | undefined;
  private service: ServiceProcess | undefined;
  private sinceInspection = 0;

  constructor(
    private readonly world: CrashWorld,
    private readonly report: Report,
    private readonly options: Options,
  ) {
    this.random = new SeededRandom(`${options.seed}/run`);
    this.schedule = new Schedule(this.random, NAMED_STEPS, RANDOM_STEP);
  }

  async run(): Promise<void> {
    await this.begin();
    while (this.report.kills < this.options.kills) {
      await this.round();
      this.report.progress(this.world);
    }
    this.service = this.world.startService();
    await this.service.untilReady();
    await this.inspect();
    await this.world.clients.stop();
    await this.service.stop();
  }

  abort(): void {
    this.service?.kill();
  }

  /** The workers are imported; the service is up, as it will be at the beginning of no later round. */
  private async begin(): Promise<void> {
    this.service = this.world.startService();
    await this.service.untilReady();
    await this.world.clients.begin();
    this.service.kill();
    await this.service.exited;
  }

  /** One life of the service, from its start to its kill. */
  private async round(): Promise<void> {
    const { world } = this;
    const step = this.schedule.next(this.hitBefore);
    const service = world.startService();
    this.service = service;
    this.step = step;
    // What can only be found right after a start must be waited for from the start.
    if (this.sinceInspection >= INSPECT_EVERY && step.after === undefined && step.point.at !== 'starting') {
      await service.untilReady();
      await this.inspect();
    }
    const trap = new Trap(step, service, world.api, world.clients, this.random);
    world.lab.listener = (moment) => trap.at(moment);
    const looking = this.lookOn(service);
    const outcome = await Promise.race([trap.watch(STEP_WITHIN_MS), world.clients.failed, failureOf(looking)]);
    if (outcome === 'missed') service.kill();
    await service.exited;
    await world.lab.idle();
    await looking;
    this.hitBefore = outcome === 'hit' ? step : undefined;
    this.sinceInspection++;
    this.report.killed(step, outcome);
    if (outcome === 'missed') this.schedule.postpone(step);
  }

  /** Checks what must hold at any time, once in each life that lasts long enough. */
  private async lookOn(service: ServiceProcess): Promise<void> {
    if (!(await service.untilReady())) return;
    try {
      this.refuse(await this.world.lookOn());
      this.report.looks++;
    } catch (error) {
      if (!(error instanceof Unanswered) || service.alive) throw error;
    }
  }

  private async inspect(): Promise<void> {
    this.refuse(await this.world.inspect());
    this.report.inspections++;
    this.sinceInspection = 0;
  }

  private refuse(wrong: readonly string[]): void {
    if (wrong.length > 0) throw new Violation(wrong);
  }
}

/** Rejects when the work fails; does not settle otherwise. */
function failureOf(work: Promise<void>): Promise<never> {
  return new Promise((_, reject) => void work.catch(reject));
}

/** @throws with what is accepted */
function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: { kills: { type: 'string' }, seed: { type: 'string' }, ec2: { type: 'string' } },
  });
  const kills = Number(values.kills ?? 200);
  if (!Number.isSafeInteger(kills) || kills < 1) throw new Error('--kills: a whole number from 1 is accepted');
  const ec2 = values.ec2 ?? (process.env['MOTO_URL'] ? 'moto' : 'lab');
  if (ec2 !== 'lab' && ec2 !== 'moto') throw new Error('--ec2: lab or moto is accepted');
  return { kills, seed: values.seed ?? String(randomInt(1_000_000)), ec2 };
}

async function ec2Of({ ec2, seed }: Options): Promise<Ec2Backend> {
  if (ec2 === 'lab') return labEc2(new SeededRandom(`${seed}/ec2`));
  const url = process.env['MOTO_URL'];
  if (!url) throw new Error('--ec2 moto: set MOTO_URL to the address of a moto server, such as http://127.0.0.1:5000');
  return motoEc2(url);
}
