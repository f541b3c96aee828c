import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { DormouseError, messageOf } from '../errors.js';
import type { MongoConnection } from '../mongodb/mongo-connection.js';
import { OutageReasons } from '../observability/outage-reasons.js';
import { HeldLease } from './held-lease.js';
import { Leases } from './leases.port.js';
import type { Lease } from './leases.port.js';
import { MongoLeaseTable } from './mongo-lease-table.js';
import type { TakenLease } from './mongo-lease-table.js';
import { SystemMonotonicClock } from './monotonic-clock.js';
import type { MonotonicClock } from './monotonic-clock.js';
import { SoloLeases } from './solo-leases.js';

export interface MongoLeasesOptions {
  readonly log: Logger;
  /** So long after its holder was last heard of, a lease is free for others; milliseconds. */
  readonly ttlMs?: number;
  /** This instance's name; no two may have the same. */
  readonly instance?: string;
  readonly clock?: MonotonicClock;
  /** Resolves when the database may be used. */
  readonly ready?: () => Promise<void>;
}

const TTL_MS = 10_000;

/** First and longest wait between two looks at a lease that another instance holds; it doubles in between. */
const LOOK_MIN_MS = 20;
const LOOK_MAX_MS = 1_000;

/** What {@link MongoLeases} asks of the table of leases; tests put their own in its place. */
export type LeaseTable = Pick<MongoLeaseTable, 'take' | 'remainingMs' | 'renew' | 'release'>;

/**
 * Leases that instances share, in MongoDB.
 *
 * Two clocks are at work, and need not agree. The database's decides who may take a lease: after `ttlMs` without
 * renewal it is free. The holder counts the same time by its own monotonic clock, from before it sent the request, and
 * less a tenth: so it always stops first. What reaches the database late all the same is stopped by the fence.
 *
 * Within the instance whoever asks first is first, and wakes at once; instances find out by looking, at the latest when
 * the holder's time is over.
 */
export class MongoLeases extends Leases {
  override readonly instance: string;
  private readonly held = new Set<HeldLease>();
  /** Excludes the rest of this process, so that the table is asked by one at a time for each lease. */
  private readonly local = new SoloLeases();
  private readonly closing = new AbortController();
  private readonly clock: MonotonicClock;
  private readonly log: Logger;
  private readonly outage = new OutageReasons();
  /** For so long a lease is certain to be held after it was asked for. */
  private readonly certainMs: number;
  private readonly renewEveryMs: number;
  private renewal: NodeJS.Timeout | undefined;

  constructor(
    private readonly table: LeaseTable,
    private readonly ready: () => Promise<void>,
    { log, ttlMs = TTL_MS, instance = instanceName(), clock = new SystemMonotonicClock() }: MongoLeasesOptions,
  ) {
    super();
    this.log = log;
    this.instance = instance;
    this.clock = clock;
    this.certainMs = ttlMs * 0.9;
    this.renewEveryMs = ttlMs / 3;
  }

  /** Leases of one instance, on a connection that outlives them. */
  static on(connection: MongoConnection, options: MongoLeasesOptions): MongoLeases {
    const { ttlMs = TTL_MS, instance = instanceName(), ready = () => Promise.resolve() } = options;
    return new MongoLeases(new MongoLeaseTable(connection, instance, ttlMs), ready, { ...options, instance });
  }

  async acquire(name: string, signal?: AbortSignal): Promise<Lease> {
    const stop = signal ? AbortSignal.any([signal, this.closing.signal]) : this.closing.signal;
    const turn = await this.local.acquire(name, stop);
    try {
      for (let look = LOOK_MIN_MS; ; look = Math.min(look * 2, LOOK_MAX_MS)) {
        stop.throwIfAborted();
        const lease = await this.take(name, turn);
        if (lease) return lease;
        const remaining = await this.table.remainingMs(name);
        await wait(Math.min(remaining + 1, look * (0.5 + Math.random() / 2)), stop);
      }
    } catch (error) {
      await turn.release();
      throw error;
    }
  }

  async tryAcquire(name: string): Promise<Lease | undefined> {
    this.closing.signal.throwIfAborted();
    const turn = await this.local.tryAcquire(name);
    if (!turn) return undefined;
    try {
      const lease = await this.take(name, turn);
      if (!lease) await turn.release();
      return lease;
    } catch (error) {
      await turn.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.closing.signal.aborted) return;
    this.closing.abort(new DormouseError('shutting_down', 503, 'The service is stopping.'));
    clearTimeout(this.renewal);
    const leases = [...this.held];
    this.held.clear();
    for (const lease of leases) lease.lose();
    await this.backInTable(leases);
  }

  private async take(name: string, turn: Lease): Promise<HeldLease | undefined> {
    await this.ready();
    const askedAt = this.clock.now();
    const taken = await this.table.take(name);
    if (!taken) return undefined;
    const certainUntil = askedAt + this.certainMs;
    if (this.closing.signal.aborted || this.clock.now() >= certainUntil) {
      await this.backInTable([taken]);
      this.closing.signal.throwIfAborted();
      return undefined;
    }
    const lease = new HeldLease(name, taken.token, certainUntil, this.clock, async (released) => {
      await this.release(released);
      await turn.release();
    });
    this.held.add(lease);
    this.scheduleRenewal();
    return lease;
  }

  private async release(lease: HeldLease): Promise<void> {
    if (!this.held.delete(lease)) return;
    lease.lose();
    await this.backInTable([lease]);
  }

  /** What cannot be given back runs out; whoever releases has done its work and need not hear of it. */
  private async backInTable(leases: readonly TakenLease[]): Promise<void> {
    try {
      await this.table.release(leases);
    } catch (error) {
      this.log.warn({ leases: leases.map(({ name }) => name), error: messageOf(error) }, 'leases.release_failed');
    }
  }

  private scheduleRenewal(afterMs = this.renewEveryMs): void {
    if (this.renewal || this.held.size === 0 || this.closing.signal.aborted) return;
    this.renewal = setTimeout(() => {
      void this.renew().then((nextMs) => {
        this.renewal = undefined;
        this.scheduleRenewal(nextMs);
      });
    }, afterMs).unref();
  }

  /** Renews, in one call, what has been held for a while. @returns when to come back, milliseconds */
  private async renew(): Promise<number> {
    const askedAt = this.clock.now();
    const due = [...this.held].filter(({ lost, remainingMs }) => {
      return !lost.aborted && remainingMs < this.certainMs - this.renewEveryMs / 2;
    });
    if (due.length === 0) return this.renewEveryMs / 2;
    try {
      const gone = await this.table.renew(due);
      this.outage.over();
      for (const lease of due) {
        if (!gone.has(lease.name)) lease.extend(askedAt + this.certainMs);
        else if (this.held.has(lease)) this.lost(lease);
      }
      return this.renewEveryMs;
    } catch (error) {
      const line = { leases: due.map(({ name }) => name), error: messageOf(error) };
      this.log[this.outage.isNews(line.error) ? 'warn' : 'debug'](line, 'leases.renewal_failed');
      return this.renewEveryMs / 8;
    }
  }

  private lost(lease: HeldLease): void {
    this.log.warn({ lease: lease.name, lease_token: lease.token }, 'leases.lost');
    lease.lose();
  }
}

/** A name for this process: says where it runs, and is nobody else's. */
export function instanceName(): string {
  return `${hostname()}-${randomUUID().slice(0, 8)}`;
}

/** @throws the signal's reason */
async function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  const stop = () => reject(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}
