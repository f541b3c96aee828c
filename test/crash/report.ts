import type { CrashWorld } from './crash-world.js';
import { moved } from './ec2-log.js';
import { NAMED_STEPS, RANDOM_STEP } from './steps.js';
import type { Step } from './steps.js';

/** From so many kills on, a named step that was never hit is a failure of the test itself. */
const ENOUGH_KILLS = 200;

const NOT_COME = 'the step did not come in time; killed anyway';

/** What the run did, for the person who wants to trust it. */
export class Report {
  kills = 0;
  /** Checks of a running service. */
  looks = 0;
  /** Checks with everything standing still. */
  inspections = 0;
  failed = 0;
  private readonly hits = new Map<string, number>();
  private readonly startedAt = performance.now();

  constructor(private readonly planned: number) {}

  killed(step: Step, outcome: 'hit' | 'missed'): void {
    this.kills++;
    const name = outcome === 'hit' ? step.name : NOT_COME;
    if (outcome === 'missed') console.log(`kill ${this.kills}: did not come: ${step.name}`);
    this.hits.set(name, (this.hits.get(name) ?? 0) + 1);
  }

  get passes(): boolean {
    return this.failed === 0 && (this.planned < ENOUGH_KILLS || this.neverHit().length === 0);
  }

  progress({ history, lab }: CrashWorld): void {
    if (this.kills % 10 !== 0) return;
    const stops = lab.powerCalls.filter((call) => call.action === 'StopInstances' && moved(call)).length;
    const spent = `${this.seconds().toFixed(0)} s`;
    console.log(`kill ${this.kills}/${this.planned}  ${spent}  ${history.events.length} events  ${stops} stops`);
  }

  print(world: CrashWorld): void {
    console.log(`\n${this.table()}\n\n${this.totals(world).join('\n')}`);
    const neverHit = this.neverHit();
    if (this.planned >= ENOUGH_KILLS && neverHit.length > 0) console.log(`never hit: ${neverHit.join('; ')}`);
    const failed = this.passes ? 0 : 1;
    console.log(`${this.kills - this.failed} passed, ${failed} failed`);
  }

  private table(): string {
    const names = [...NAMED_STEPS.map(({ name }) => name), RANDOM_STEP.name, NOT_COME];
    const rows = names.flatMap((name) => {
      const times = this.hits.get(name) ?? 0;
      return name === NOT_COME && times === 0 ? [] : [[name, String(times)] as const];
    });
    const width = Math.max(...rows.map(([name]) => name.length));
    return [['killed when', 'times'] as const, ...rows]
      .map(([name, times]) => `${name.padEnd(width)}  ${times.padStart(5)}`)
      .join('\n');
  }

  private totals({ history, ledger, lab }: CrashWorld): string[] {
    const events = (type: string, reason: string): number =>
      history.events.filter((event) => event.type === type && event.data['reason'] === reason).length;
    const done = (action: string): number =>
      lab.powerCalls.filter((call) => call.action === action && moved(call)).length;
    const auto = events('WorkerPaused', 'idle_timeout');
    const manual = events('WorkerPaused', 'manual');
    const external = events('WorkerPaused', 'external') + events('WorkerResumed', 'external');
    const resumed = events('WorkerResumed', 'manual');
    const perKill = (this.seconds() / Math.max(1, this.kills)).toFixed(2);
    return [
      `${this.kills} kills in ${this.seconds().toFixed(0)} s (${perKill} s each); ${this.looks} checks while running, ${this.inspections} with everything standing still`,
      `${history.events.length} events; ${ledger.acknowledged} commands acknowledged, ${ledger.resent} of all sent more than once`,
      `${done('StopInstances')} stops carried out by EC2, ${auto + manual} WorkerPaused (${auto} idle_timeout, ${manual} manual)`,
      `${done('StartInstances')} starts carried out by EC2, ${resumed} WorkerResumed; ${external} pauses or resumes taken for external`,
    ];
  }

  private neverHit(): string[] {
    return NAMED_STEPS.flatMap(({ name }) => (this.hits.has(name) ? [] : [name]));
  }

  private seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }
}
