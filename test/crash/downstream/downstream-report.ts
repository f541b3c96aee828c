import type { DownstreamStep } from './downstream-steps.js';
import { SHARES, stepsOf } from './downstream-steps.js';
import type { DownstreamWorld } from './downstream-world.js';

/** From so many kills on, a step that was never hit is a failure of the test itself. */
const ENOUGH_KILLS = 100;

/** What the run did, for the person who wants to trust it. */
export class DownstreamReport {
  kills = 0;
  failed = 0;
  private readonly hits = new Map<string, number>();
  private readonly startedAt = performance.now();

  constructor(private readonly planned: number) {}

  killed({ name }: DownstreamStep): void {
    this.kills++;
    this.hits.set(name, (this.hits.get(name) ?? 0) + 1);
    if (this.kills % 20 === 0) console.log(`kill ${this.kills}/${this.planned}  ${this.seconds().toFixed(0)} s`);
  }

  get passes(): boolean {
    return this.failed === 0 && (this.planned < ENOUGH_KILLS || this.neverHit().length === 0);
  }

  print({ counts, load }: DownstreamWorld): void {
    console.log(`\n${this.table()}\n`);
    const events = counts.get('history') ?? 0;
    const followers = (['stream', 'pull', 'webhook'] as const).map((kind) => {
      const receipts = counts.get(kind) ?? 0;
      return `${kind} ${receipts} (${receipts - events} again)`;
    });
    console.log(`${this.kills} kills in ${this.seconds().toFixed(0)} s; ${load.answered} commands answered`);
    console.log(`${events} events published; receipts: ${followers.join(', ')}`);
    const neverHit = this.neverHit();
    if (this.planned >= ENOUGH_KILLS && neverHit.length > 0) console.log(`never hit: ${neverHit.join('; ')}`);
    const failed = this.passes ? 0 : 1;
    console.log(`${Math.max(0, this.kills - failed)} passed, ${failed} failed`);
  }

  private table(): string {
    const names = allSteps().map(({ name }) => name);
    const width = Math.max(...names.map((name) => name.length));
    const rows = names.map((name) => [name, String(this.hits.get(name) ?? 0)] as const);
    return [['killed when', 'times'] as const, ...rows]
      .map(([name, times]) => `${name.padEnd(width)}  ${times.padStart(5)}`)
      .join('\n');
  }

  private neverHit(): string[] {
    return allSteps().flatMap(({ name }) => (this.hits.has(name) ? [] : [name]));
  }

  private seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }
}

function allSteps(): DownstreamStep[] {
  return SHARES.flatMap(({ who }) => stepsOf(who));
}
