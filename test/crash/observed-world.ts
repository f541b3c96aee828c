import { setTimeout as delay } from 'node:timers/promises';
import type { Clients } from './clients.js';
import { streamOf } from './clients.js';
import type { CrashLab } from './crash-lab.js';
import { History } from './history.js';
import type { Verification, WorkerRecord } from './invariants.js';
import { factsAgreeWithEc2, historyIsWhole, powerMakesSense, projectionIsItsFold } from './invariants.js';
import { Ledger } from './ledger.js';
import { powerAfter } from './power-model.js';
import type { ServiceApi } from './service-api.js';

/** What is printed of a worker when something is wrong with it. */
const STORY_LINES = 30;

/** Within so long everything that was under way is finished or abandoned, ms. */
const SETTLED_WITHIN_MS = 30_000;

/** What is remembered of the service, its surroundings and its clients, outside of the service; and what must hold of it. */
export abstract class ObservedWorld {
  readonly history = new History();
  /** The service as the checks ask it. */
  abstract readonly api: ServiceApi;
  abstract readonly clients: Clients;

  protected constructor(
    readonly lab: CrashLab,
    /** Where the data and the logs of the service are. */
    readonly directory: string,
    readonly ledger = new Ledger(),
  ) {}

  /**
   * What must hold at any time, also while the service and its clients go on. @returns what is wrong
   * @throws {Unanswered} the service was killed meanwhile
   */
  async lookOn(): Promise<string[]> {
    // In this order: what was acknowledged by now is in what is read next, and what that says EC2 has done by then.
    const acknowledged = this.ledger.snapshot();
    const lost = await this.history.readOn(this.api);
    const records = this.records();
    return [
      ...lost,
      ...historyIsWhole(this.history.events),
      ...acknowledged.check(this.history.events, false),
      ...records.flatMap((record) => this.checkWorker(record, false)),
    ];
  }

  /** Stands everything still, and checks to the last event. The service must be up. @returns what is wrong */
  async inspect(): Promise<string[]> {
    this.lab.inUse = true;
    await this.clients.hold();
    const unsettled = await this.settle();
    const lost = await this.history.readAgain(this.api);
    const { events } = this.history;
    const wrong = [
      ...unsettled,
      ...lost,
      ...historyIsWhole(events),
      ...this.ledger.check(events, true),
      ...(await this.settledRecords()).flatMap((record) => this.checkWorker(record, true)),
      ...(await this.projections()),
    ];
    this.lab.inUse = false;
    this.clients.release();
    return wrong;
  }

  /** Waits until no intent is open and nothing moves at EC2. @returns what did not come to rest */
  private async settle(): Promise<string[]> {
    const end = performance.now() + SETTLED_WITHIN_MS;
    for (;;) {
      await this.history.readOn(this.api);
      const restless = (await this.settledRecords()).flatMap(({ name, events, ec2State }) => {
        const { kind } = powerAfter([...events].reverse());
        const isAtRest = ec2State === 'running' || ec2State === 'stopped';
        return isAtRest && kind !== 'pausing' && kind !== 'resuming' ? [] : [`${name} (${kind}, EC2: ${ec2State})`];
      });
      if (restless.length === 0) return [];
      if (performance.now() > end) return restless.map((who) => `${who} did not settle in ${SETTLED_WITHIN_MS} ms`);
      await delay(20);
    }
  }

  /** The last events and EC2 calls of the workers that a finding names, in the order of their times. */
  storyOf(finding: string): string[] {
    return this.records()
      .filter(({ name, events }) => finding.includes(name) || (events[0] && finding.includes(events[0].stream)))
      .flatMap(({ name, events, calls }) => {
        const told = [
          ...events.map(
            (event) => `${event.recorded_at} ${event.type}@${event.revision} ${JSON.stringify(event.data)}`,
          ),
          ...calls.map((call) => `${new Date(call.arrivedAt).toISOString()} EC2 ${JSON.stringify(call)}`),
          ...this.happenings(),
        ];
        return ['', name, ...told.sort().slice(-STORY_LINES)];
      });
  }

  /** What is wrong with one worker. */
  protected checkWorker(record: WorkerRecord, settled: boolean): string[] {
    return [...powerMakesSense(record, settled), ...factsAgreeWithEc2(record, settled)];
  }

  /** What was done to the service: lines for {@link storyOf}, each beginning with its ISO time. */
  protected abstract happenings(): string[];

  private records(): WorkerRecord[] {
    const byStream = Map.groupBy(this.history.events, ({ stream }) => stream);
    return this.lab.workers.map((worker) => ({
      name: `${worker.name} ${streamOf(worker)}`,
      events: byStream.get(streamOf(worker)) ?? [],
      calls: this.lab.powerCalls.filter(({ instanceId }) => instanceId === worker.instanceId),
    }));
  }

  private async settledRecords(): Promise<WorkerRecord[]> {
    const states = await Promise.all(this.lab.workers.map(({ instanceId }) => this.lab.ec2.stateOf(instanceId)));
    return this.records().map((record, index) => ({ ...record, ec2State: states[index] ?? 'unknown' }));
  }

  private async projections(): Promise<string[]> {
    const { items } = await this.api.read<{ items: { name: string; parked_streams: number }[] }>('/admin/projections');
    const wrong: string[] = [];
    for (const { name, parked_streams } of items) {
      if (parked_streams > 0) wrong.push(`projection ${name} has parked ${parked_streams} streams`);
      const verification = await this.api.read<Verification>(`/admin/projections/${name}/verify`, 'POST');
      wrong.push(...projectionIsItsFold(name, verification));
    }
    return wrong;
  }
}
