import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../../src/simulated-lab/seeded-random.js';
import type { Clients } from './clients.js';
import { streamOf } from './clients.js';
import type { LabWorker, Moment } from './crash-lab.js';
import { powerAfter } from './power-model.js';
import type { Power } from './power-model.js';
import type { ServiceApi, StoredEvent } from './service-api.js';
import { Unanswered } from './service-api.js';
import type { ServiceProcess } from './service-process.js';
import type { KillPoint, Purpose, Step } from './steps.js';

/** How long after an answer is out the kill comes, ms: from "not even read" to "taken in". */
const AFTER_ANSWER_MS = [0, 0, 1, 2, 4, 8] as const;

/** A start takes about so long, ms. */
const START_MS = 700;

/** So many events of a stream tell whether an intent is open. */
const TAIL = 40;

/** Waits for one step in one life of the service, and kills the process there. */
export class Trap {
  /** Requests whose purpose is known to be the step's. */
  private readonly recognised = new WeakSet<object>();
  private open = true;

  constructor(
    readonly step: Step,
    private readonly service: ServiceProcess,
    private readonly api: ServiceApi,
    private readonly clients: Clients,
    private readonly random: SeededRandom,
  ) {}

  /**
   * Watches until the kill, for those steps that no request of the service announces.
   * @returns when the service is dead, or after `withinMs` without the step
   */
  async watch(withinMs: number): Promise<'hit' | 'missed'> {
    const { point } = this.step;
    if (point.at === 'random') return this.killAfter(this.random.integer(0, point.withinMs));
    if (point.at === 'starting') return this.killAfter(this.random.integer(20, START_MS), true);
    const end = performance.now() + withinMs;
    while (this.open && performance.now() < end) {
      if (!this.service.alive) throw new Error('The service ended by itself.');
      if (point.at === 'request') await delay(5);
      else if (await this.isThere(point)) this.kill();
    }
    return this.open ? 'missed' : 'hit';
  }

  /** @param unlessReady it is too late once the service is ready */
  private async killAfter(milliseconds: number, unlessReady = false): Promise<'hit' | 'missed'> {
    await delay(milliseconds);
    if (unlessReady && this.service.ready) return 'missed';
    this.kill();
    return 'hit';
  }

  /** A request of the service. */
  async at(moment: Moment): Promise<'carry_out' | 'lose'> {
    const { point } = this.step;
    if (point.at !== 'request' || point.action !== moment.action || !this.open) return 'carry_out';
    if (moment.stage === 'arrived' && (await this.purposeOf(moment)) === point.purpose) {
      this.recognised.add(moment.exchange);
    }
    if (moment.stage !== point.stage || !this.recognised.has(moment.exchange) || !this.open) return 'carry_out';
    if (moment.stage === 'answered') await delay(this.random.pick(AFTER_ANSWER_MS));
    this.kill();
    return point.lose === true ? 'lose' : 'carry_out';
  }

  private kill(): void {
    this.open = false;
    this.service.kill();
  }

  private async isThere(point: Exclude<KillPoint, { at: 'request' | 'random' | 'starting' }>): Promise<boolean> {
    try {
      if (point.at === 'event') return await this.isAppended(point);
      return await (point.at === 'projecting' ? this.isBehind() : this.isRebuilding());
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      await delay(5); // not up yet
      return false;
    }
  }

  private async isAppended({ type, reason }: { type: string; reason?: string }): Promise<boolean> {
    const path = `/admin/events?direction=backwards&limit=5&type=${type}`;
    const { items } = await this.api.read<{ items: StoredEvent[] }>(path);
    return items.some(
      (event) =>
        Date.parse(event.recorded_at) >= this.service.startedAt &&
        (reason === undefined || event.data['reason'] === reason),
    );
  }

  private async isBehind(): Promise<boolean> {
    await this.api.read('/health/ready');
    this.clients.burst(20);
    for (let look = 0; look < 20 && this.service.alive; look++) {
      const { items } = await this.api.read<{ items: { lag_events: number }[] }>('/admin/projections');
      if (items.some(({ lag_events }) => lag_events > 0)) return true;
    }
    return false;
  }

  private async isRebuilding(): Promise<boolean> {
    await this.api.read('/health/ready');
    const { status, body } = await this.api.call({ method: 'POST', path: '/admin/projections/workers/rebuild' });
    return status === 202 && (body as { state?: unknown }).state === 'rebuilding';
  }

  private async purposeOf({ action, workers }: Moment): Promise<Purpose | undefined> {
    const worker = workers[0];
    if (!worker) return undefined;
    if (workers.length > 1) return 'status sync';
    const power = await this.powerOf(worker);
    return power && purposeOf(action, power, this.service.startedAt);
  }

  /** As the history says now; undefined when the service was killed meanwhile. */
  private async powerOf(worker: LabWorker): Promise<Power | undefined> {
    if (worker.id === null) return { kind: 'absent' };
    while (this.service.alive) {
      try {
        return powerAfter(await this.api.newestOf(streamOf(worker), TAIL));
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        await delay(5); // its jobs begin before it listens
      }
    }
    return undefined;
  }
}

/** What a request about one worker is for, by the intent that is open. */
export function purposeOf(action: string, power: Power, processStartedAt: number): Purpose {
  if (power.kind === 'absent') return 'import';
  if (action === 'telemetry') return power.kind === 'pausing' ? 'last look' : 'first look';
  if (power.kind !== 'pausing' && power.kind !== 'resuming') return 'status sync';
  const what = power.kind === 'resuming' ? 'resume' : power.reason === 'manual' ? 'manual pause' : 'auto-pause';
  return power.asked < processStartedAt ? `${what} of an earlier process` : what;
}
