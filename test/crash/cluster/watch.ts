import { setTimeout as delay } from 'node:timers/promises';
import type { JobDocument } from '../../../src/platform/jobs/job-records.js';
import type { LeaseRecord, SharedRecords, StoredState } from './shared-records.js';

/** Pause between two looks, ms. A new holder renews later than that, so its lease tells when it was taken. */
const EVERY_MS = 100;

/** What two clocks, or a log and a record, call the same moment, ms. */
const SAME_MS = 10;

/** A lease that has come into other hands, or the same ones anew. */
export interface Change {
  readonly holder: string;
  readonly token: number;
  /** When it was taken, by the database's clock, epoch ms. */
  readonly at: number;
}

/** A sign that a holder is at work: it has begun a run, or stored something as the one that runs a projection. */
export interface Act {
  readonly holder: string;
  /** By the holder's own clock, epoch ms. */
  readonly at: number;
}

/** Looks at what the instances share several times a second, and remembers who held and did what. */
export class Watch {
  /** What must never be. */
  readonly wrong: string[] = [];
  /** The slowest call to MongoDB since it was set to 0, ms. */
  slowestMs = 0;
  private readonly changes = new Map<string, Change[]>();
  private readonly acts = new Map<string, Act[]>();
  /** By lease of a projection, who wrote last. */
  private readonly writers = new Map<string, { readonly token: number; readonly instance: string }>();
  private readonly recorded = new Map<string, number[]>();
  private stopped = false;
  private watching: Promise<void> = Promise.resolve();

  constructor(private readonly records: SharedRecords) {}

  start(): void {
    this.watching = this.watch();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.watching;
  }

  /** Every change of hands that was seen, the oldest first. */
  changesOf(lease: string): readonly Change[] {
    return this.changes.get(lease) ?? [];
  }

  /** What holders have done that the lease is for, the oldest first; of several acts in a row the first and the last. */
  actsOf(lease: string): readonly Act[] {
    return this.acts.get(lease) ?? [];
  }

  /** Whether a finished run, named by its beginning, was seen in the job's records. */
  hasRecorded(job: string, startedAt: number): boolean {
    return (this.recorded.get(job) ?? []).some((recorded) => Math.abs(recorded - startedAt) <= SAME_MS);
  }

  /** Takes in the records of a job. Whoever starts its scheduled runs acts for `schedule/<job>`. */
  takeJob(job: string, { running, last_run, last_run_on }: JobDocument): void {
    if (last_run && last_run_on !== null) this.act(`schedule/${job}`, last_run_on, last_run.started_at);
    if (running?.instance) this.act(`schedule/${job}`, running.instance, running.started_at);
    if (!last_run) return;
    const recorded = this.recorded.get(job) ?? [];
    this.recorded.set(job, recorded);
    const startedAt = Date.parse(last_run.started_at);
    if (recorded.at(-1) !== startedAt) recorded.push(startedAt);
  }

  /** Takes in the state of a projection: each write carries the token of a lease, which only grows and is its writer's. */
  takeState({ state: { projection, instance, updated_at }, token }: StoredState): void {
    if (instance === null) return;
    const lease = `projection/${projection}`;
    this.act(lease, instance, updated_at);
    const before = this.writers.get(lease);
    if (before?.token === token && before.instance === instance) return;
    this.writers.set(lease, { token, instance });
    if (before && token <= before.token) {
      this.wrong.push(
        `projection ${projection}: ${instance} wrote with token ${token} after ${before.instance} with token ${before.token}`,
      );
    }
    const holder = this.changesOf(lease).find((change) => change.token === token)?.holder ?? instance;
    if (holder !== instance) this.wrong.push(`projection ${projection}: ${instance} wrote with the token of ${holder}`);
  }

  private act(lease: string, holder: string, at: string): void {
    const acts = this.acts.get(lease) ?? [];
    this.acts.set(lease, acts);
    const [last, beforeLast] = [acts.at(-1), acts.at(-2)];
    const act = { holder, at: Date.parse(at) };
    if (last && (last.holder === holder ? act.at <= last.at : act.at < last.at)) return;
    // Of a row by one holder the first and the last do.
    if (last?.holder === holder && beforeLast?.holder === holder) acts.pop();
    acts.push(act);
  }

  /** Takes in what the database says: the tokens of a lease only grow, and each is one holder's. */
  take(leases: readonly LeaseRecord[]): void {
    for (const lease of leases) {
      const changes = this.changes.get(lease.name) ?? [];
      this.changes.set(lease.name, changes);
      const last = changes.at(-1);
      if (last && lease.token < last.token) this.note(lease, `its token fell from ${last.token}`);
      if (lease.holder === null || (last?.token === lease.token && last.holder === lease.holder)) continue;
      if (last?.token === lease.token) this.note(lease, `${last.holder} had the same token`);
      changes.push({ holder: lease.holder, token: lease.token, at: lease.since });
    }
  }

  private note({ name, holder, token }: LeaseRecord, why: string): void {
    this.wrong.push(`lease ${name}: ${holder ?? 'nobody'} has token ${token}: ${why}`);
  }

  private async watch(): Promise<void> {
    while (!this.stopped) {
      try {
        const [jobs, projections] = await Promise.all([this.records.jobs(), this.records.projections()]);
        const asked = performance.now();
        this.take(await this.records.leases());
        this.slowestMs = Math.max(this.slowestMs, performance.now() - asked);
        for (const [name, document] of jobs) this.takeJob(name, document);
        for (const state of projections) this.takeState(state);
      } catch {
        await delay(EVERY_MS); // MongoDB is away, as it is meant to be now and then
      }
      await delay(EVERY_MS);
    }
  }
}
