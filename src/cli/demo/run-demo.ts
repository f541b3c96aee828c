import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endOfEvents } from '../subcommands/stored-events.js';
import { HttpDoor } from '../http-door.js';
import { untilReady } from '../readiness.js';
import { ServiceApi, ServiceUnreachable } from '../service-api.js';
import type { Terminal } from '../terminal.js';
import { COACHED, CoachedPerson } from './demo-coaching.js';
import { claimHistory } from './demo-history.js';
import { epilogue, header, tell } from './demo-output.js';
import { DEMO_SETTINGS, planDemo, serviceEnvironment, tidyUp } from './demo-plan.js';
import type { DemoPlan } from './demo-plan.js';
import { LabProcess, ServiceProcess } from './demo-process.js';
import { registerWorkers } from './demo-workers.js';
import { Narrator } from './narrator.js';
import type { Told } from './narrator.js';
import { Watch } from './watch.js';

const SNOOZE_MS = Number(DEMO_SETTINGS.WORKER_AUTO_PAUSE_SNOOZE_MINUTES) * 60_000;

/** A process that ends breaks its connections a moment before its end is noticed. */
const NOTICE_WITHIN_MS = 1_000;

/**
 * Runs the simulated lab and the service beside this process and tells what happens, until the signal aborts.
 *
 * @returns how many workers the service paused by itself
 * @throws {CliError} it must not or could not start, or one of the two ended by itself
 */
export async function runDemo(
  terminal: Terminal,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<number> {
  await claimHistory(environment);
  const demo = new Demo(terminal, environment, await planDemo(environment), signal);
  try {
    await demo.play();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await demo.end();
  }
  return demo.autoPauses;
}

class Demo {
  autoPauses = 0;
  private readonly narrator = new Narrator(SNOOZE_MS);
  private readonly running: (LabProcess | ServiceProcess)[] = [];

  constructor(
    private readonly terminal: Terminal,
    private readonly environment: NodeJS.ProcessEnv,
    private readonly plan: DemoPlan,
    private readonly signal: AbortSignal,
  ) {}

  /** @throws the signal's reason, sooner or later */
  async play(): Promise<void> {
    const { dataDirectory } = this.plan;
    const log = join(dataDirectory, 'service.log');
    this.terminal.out('Starting the simulated lab and the service ...');
    const labProcess = LabProcess.start(this.environment, join(dataDirectory, 'lab.log'));
    this.running.push(labProcess);
    const lab = await labProcess.announcement();
    const service = ServiceProcess.start(serviceEnvironment(this.environment, this.plan, lab), log);
    this.running.push(service);

    const url = await service.url(dataDirectory, this.signal);
    const door = new HttpDoor(url, this.signal);
    await untilReady(door, this.signal);
    const api = new ServiceApi(door, 'demo');
    const begin = await endOfEvents(api);
    const workers = await registerWorkers(api, lab, this.signal);
    const person = await CoachedPerson.begin(new ServiceApi(door, COACHED.user, COACHED.tenant), this.signal);
    header(this.terminal, this.plan, { log }, lab, url, workers, person);

    const watch = new Watch(api, workers, person.sessionId, this.narrator, (told) => this.tell(told));
    const lost = Promise.race([service.lost, labProcess.lost]);
    const told = labProcess.follow((narration) => this.tell(this.narrator.lab(narration)));
    const played = Promise.all([watch.run(begin, this.signal), person.comeBack(this.signal)]).catch(
      async (error: unknown) => {
        if (error instanceof ServiceUnreachable) await Promise.race([lost, sleep(NOTICE_WITHIN_MS)]);
        throw error;
      },
    );
    await Promise.race([played, lost, told.then(() => lost)]);
  }

  async end(): Promise<void> {
    if (this.signal.aborted) epilogue(this.terminal, this.autoPauses);
    // The service first: as long as it runs it needs its lab.
    for (const process of this.running.reverse()) await process.end();
    await tidyUp(this.plan);
  }

  private tell(told: Told | null): void {
    if (!told || this.signal.aborted) return;
    if (told.tone === 'auto_pause') this.autoPauses++;
    tell(this.terminal, told);
  }
}
