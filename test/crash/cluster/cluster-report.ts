import { moved } from '../ec2-log.js';
import type { ClusterStep } from './cluster-steps.js';
import { CLUSTER_STEPS, RANDOM_FREEZE, RANDOM_KILL, STORE_STEPS } from './cluster-steps.js';
import type { ClusterWorld } from './cluster-world.js';
import type { HandOver } from './hand-over.js';

/** What the run did, for the person who wants to trust it. */
export class ClusterReport {
  /** Instances killed or frozen. */
  kills = 0;
  /** Checks of a running service. */
  looks = 0;
  /** Checks with everything standing still. */
  inspections = 0;
  failed: 0 | 1 = 0;
  private readonly hits = new Map<string, number>();
  private readonly missedSteps = new Map<string, number>();
  private readonly handOvers: HandOver[] = [];
  private readonly outages: string[] = [];
  private readonly startedAt = performance.now();

  constructor(private readonly planned: number) {}

  /** @param instances how many were killed or frozen for it */
  harmed({ name }: ClusterStep, outcome: 'hit' | 'missed', instances: number): void {
    this.kills += instances;
    if (outcome === 'hit') this.hits.set(name, (this.hits.get(name) ?? 0) + 1);
  }

  missed({ name }: ClusterStep): void {
    console.log(`did not come: ${name}`);
    this.missedSteps.set(name, (this.missedSteps.get(name) ?? 0) + 1);
  }

  handedOver(handOvers: readonly HandOver[]): void {
    this.handOvers.push(...handOvers);
  }

  /** @param backAfterMs from its return until everything was at work again */
  storeFailed({ name }: ClusterStep, backAfterMs: number): void {
    this.outages.push(`${name}: at work ${(backAfterMs / 1_000).toFixed(1)} s after it was back`);
  }

  progress({ history }: ClusterWorld): void {
    const spent = `${this.seconds().toFixed(0)} s`;
    const last = this.handOvers.at(-1);
    const took = last ? `, last hand-over ${(last.taken / 1_000).toFixed(2)} s` : '';
    console.log(`${this.kills}/${this.planned}  ${spent}  ${history.events.length} events${took}`);
  }

  print(world: ClusterWorld): void {
    console.log(`\n${this.table()}\n\n${this.times().join('\n')}\n\n${this.totals(world).join('\n')}`);
    console.log(`${this.kills - this.failed} passed, ${this.failed} failed`);
  }

  private table(): string {
    const names = [...CLUSTER_STEPS, RANDOM_KILL, RANDOM_FREEZE].map(({ name }) => name);
    const width = Math.max(...names.map((name) => name.length));
    const rows = names.map((name) => [name, String(this.hits.get(name) ?? 0)] as const);
    return [['step', 'times'] as const, ...rows]
      .map(([name, times]) => `${name.padEnd(width)}  ${times.padStart(5)}`)
      .join('\n');
  }

  /** Hand-overs, in seconds. */
  private times(): string[] {
    const line = (what: string, milliseconds: readonly number[]): string => {
      const sorted = milliseconds.toSorted((a, b) => a - b);
      const at = (share: number) => ((sorted[Math.floor(share * (sorted.length - 1))] ?? NaN) / 1_000).toFixed(2);
      return `${what.padEnd(42)} ${String(sorted.length).padStart(5)}  ${at(0)}  ${at(0.5)}  ${at(1)}`;
    };
    const of = (prefix: string) => this.handOvers.filter(({ lease }) => lease.startsWith(prefix));
    const acted = (prefix: string) => of(prefix).flatMap((each) => each.acted ?? []);
    return [
      `${'hand-over, seconds from the harm until'.padEnd(42)} times   min  med.   max`,
      line(
        'another instance holds the schedule',
        of('schedule/').map(({ taken }) => taken),
      ),
      line('its first run of activity-detection', acted('schedule/')),
      line(
        'another instance holds the projection',
        of('projection/').map(({ taken }) => taken),
      ),
      line('it has stored that it runs it', acted('projection/')),
      ...STORE_STEPS.flatMap(({ name }) => this.outages.filter((outage) => outage.startsWith(name))),
    ];
  }

  private totals({ history, ledger, lab, withoutLease, lateCalls }: ClusterWorld): string[] {
    const events = (type: string, reason: string): number =>
      history.events.filter((event) => event.type === type && event.data['reason'] === reason).length;
    const done = (action: string): number =>
      lab.powerCalls.filter((call) => call.action === action && moved(call)).length;
    const [auto, manual] = [events('WorkerPaused', 'idle_timeout'), events('WorkerPaused', 'manual')];
    const external = events('WorkerPaused', 'external') + events('WorkerResumed', 'external');
    const perKill = (this.seconds() / Math.max(1, this.kills)).toFixed(2);
    return [
      `${this.kills} kills and freezes in ${this.seconds().toFixed(0)} s (${perKill} s each); ${this.looks} checks while running, ${this.inspections} with everything standing still`,
      `${history.events.length} events; ${ledger.acknowledged} commands acknowledged, ${ledger.resent} of all sent more than once`,
      `${done('StopInstances')} stops carried out by EC2, ${auto + manual} WorkerPaused (${auto} idle_timeout, ${manual} manual)`,
      `${done('StartInstances')} starts carried out by EC2, ${events('WorkerResumed', 'manual')} WorkerResumed; ${external} pauses or resumes taken for external`,
      `${lateCalls} stops or starts that were on their way when their process was frozen, and came after it`,
      ...(withoutLease > 0 ? [`${withoutLease} calls to EC2 came when nobody had the lease of the worker`] : []),
    ];
  }

  private seconds(): number {
    return (performance.now() - this.startedAt) / 1_000;
  }
}
