import { messageOf } from '../errors.js';
import { LeaseLost } from '../leases/leases.port.js';
import type { Lease } from '../leases/leases.port.js';
import { OutageReasons } from '../observability/outage-reasons.js';
import { StaleFence } from '../read-models/read-model-store.errors.js';
import type { Document } from '../read-models/read-model-store.port.js';
import { PARKED_STREAMS } from './parking.js';
import type { ParkedStream } from './parking.js';
import { backoff, pause } from './pause.js';
import type { ProjectionContext } from './projection-options.js';
import { ProjectionSession } from './projection-session.js';
import { ProjectionStates } from './projection-state.js';
import type { ProjectionState } from './projection-state.js';
import type { ProjectionActivity, ProjectionStatus } from './projection-status.js';
import { ProjectionNotReady, ProjectionRunsElsewhere } from './projection.errors.js';
import { filterOf } from './projection.js';
import type { Projection } from './projection.js';
import { Rebuild } from './rebuild.js';
import type { RebuildProgress } from './rebuild.js';
import { followEvents } from './subscription.js';
import { ProjectionView } from './view.js';

/** A subscription that failed so often in a row is better tried by another instance. */
const LEAVE_AFTER_FAILURES = 3;

/** A rebuild that is under way. */
export interface RebuildHandle {
  /** How far it is now. */
  progress(): RebuildProgress;
  /** Settles when the new documents are in use, or it has failed and the old ones stay. */
  readonly done: Promise<RebuildProgress>;
}

/**
 * The supervised loop of one projection: take the lease, open what is stored, rebuild if the version asks for it,
 * follow the events; whatever ends that, wait a little and begin again from the stored checkpoint.
 */
export class ProjectionRunner {
  readonly view: ProjectionView<Document>;
  private activity: ProjectionActivity = 'stopped';
  private lastError: ProjectionStatus['last_error'] = null;
  private failures = 0;
  private readonly outage = new OutageReasons();
  /** While waiting for the lease: because the events cannot be read here. */
  private eventsAway = false;
  /** While waiting for the lease: long enough to say that another instance has it. */
  private runsElsewhere = false;
  private session: ProjectionSession | undefined;
  /** As last seen in the store, or as this instance made it. */
  private seen: ProjectionState | undefined;
  private rebuilding: Rebuild | undefined;
  private looking: Promise<void> | undefined;
  private running: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(
    private readonly context: ProjectionContext,
    readonly projection: Projection,
  ) {
    this.view = new ProjectionView(
      projection.name,
      () => this.look(),
      () => this.lastError?.message,
    );
  }

  /** Begins the loop. Resolves when what is stored has been opened once, or could not be. */
  async start(): Promise<void> {
    if (this.running) return;
    const stop = new AbortController();
    const opened = Promise.withResolvers<void>();
    this.running = { stop, ended: this.supervise(stop.signal, opened.resolve) };
    await opened.promise;
  }

  /** Ends the loop: what is being committed is finished, the checkpoint is stored. */
  async stop(): Promise<void> {
    const { running } = this;
    running?.stop.abort(new Error(`Projection '${this.projection.name}' is stopping.`));
    await running?.ended;
    this.running = undefined;
  }

  async status(): Promise<ProjectionStatus> {
    const { events, readModels, clock } = this.context;
    const position = this.view.position();
    const head = await events.head();
    const behind = head !== null && (position === null || position < head);
    const filter = filterOf(this.projection);
    const oldest = behind ? (await events.readAll({ after: position, limit: 1, filter })).events[0] : undefined;
    const state = this.session?.state ?? this.seen;
    const records = await readModels.collection<ParkedStream>(PARKED_STREAMS);
    const where = { projection: this.projection.name, generation: state?.generation ?? 0 };
    const parked = await records.find({ where });
    const since = parked.map(({ document }) => document.parked_at).toSorted();
    return {
      name: this.projection.name,
      version: this.projection.version,
      active_version: state?.version ?? null,
      generation: state?.generation ?? null,
      state: this.rebuilding?.progress.state === 'running' ? 'rebuilding' : this.activity,
      instance: state?.instance ?? null,
      position,
      head,
      lag_events: oldest && head !== null ? head - (position ?? 0) : 0,
      lag_seconds: oldest ? Math.max(0, clock.now() - oldest.recordedAt) / 1000 : 0,
      parked_streams: parked.length,
      oldest_parked_at: since[0] ?? null,
      last_error: this.lastError,
      rebuild: this.rebuilding?.progress ?? null,
    };
  }

  /** Generation in use, as far as this instance knows. */
  async activeGeneration(): Promise<number | undefined> {
    const state = this.session?.state ?? this.seen ?? (await this.loadState());
    return state?.generation;
  }

  /**
   * Runs `work` with the projection's lease: that of the loop, or its own when the loop does not run here.
   *
   * @throws {ProjectionRunsElsewhere} another instance holds the lease
   * @throws {ProjectionNotReady} the loop is still opening what is stored, or waits to try again
   */
  async withSession<T>(work: (session: ProjectionSession) => Promise<T>): Promise<T> {
    const { name } = this.projection;
    if (this.session && !this.session.signal.aborted) return await work(this.session);
    if (this.running && !this.runsElsewhere) throw new ProjectionNotReady(name, this.lastError?.message);
    const lease = await this.context.leases.tryAcquire(this.leaseName);
    if (!lease) throw new ProjectionRunsElsewhere(name, (await this.loadState())?.instance ?? null);
    const end = new AbortController();
    try {
      const session = await this.open(lease, AbortSignal.any([lease.lost, end.signal]));
      session.serve();
      return await work(session);
    } finally {
      end.abort(new Error('The operation is over.'));
      await lease.release();
    }
  }

  /** @throws {ProjectionBusy} a rebuild or a verification is under way */
  async rebuild(): Promise<RebuildHandle> {
    const begun = Promise.withResolvers<Rebuild>();
    const done = this.withSession((session) => this.rebuildIn(session, begun.resolve));
    // Failing to begin is the caller's answer; failing later is `done`'s, which nobody need look at.
    done.catch(begun.reject);
    const rebuild = await begun.promise;
    return { progress: () => rebuild.progress, done };
  }

  private get leaseName(): string {
    return `projection/${this.projection.name}`;
  }

  private async supervise(stop: AbortSignal, opened: () => void): Promise<void> {
    while (!stop.aborted) {
      this.activity = 'waiting';
      try {
        const lease = await this.acquire(stop, opened);
        try {
          await this.runSession(lease, stop, opened);
        } finally {
          await lease.release();
        }
      } catch (error) {
        if (!stop.aborted) this.ended(error);
      }
      opened();
      this.activity = stop.aborted ? 'stopped' : 'waiting';
      if (!stop.aborted) await pause(backoff(this.failures, this.context.options), stop);
    }
    this.activity = 'stopped';
  }

  private async runSession(lease: Lease, stop: AbortSignal, opened: () => void): Promise<never> {
    const end = new AbortController();
    const signal = AbortSignal.any([stop, lease.lost, end.signal]);
    const session = await this.open(lease, signal);
    this.session = session;
    session.serve();
    opened();
    try {
      this.activity = 'catching_up';
      if (await session.mustRebuild()) await this.rebuildIn(session);
      for (;;) await this.follow(session);
    } finally {
      this.seen = session.state;
      this.session = undefined;
      end.abort(new Error('The session is over.'));
      await session.settled();
      await session.flush();
    }
  }

  /**
   * Follows the events until the subscription ends, and waits before the next one. That alone does not end the session,
   * nor what else goes on in it; a commit that failed does. After several failures in a row the projection is left to
   * other instances, which may still reach the events.
   *
   * @throws the reason of the session's end
   */
  private async follow(session: ProjectionSession): Promise<void> {
    try {
      await followEvents(session, ({ live, events }) => {
        this.activity = live ? 'live' : 'catching_up';
        if (events.length > 0 || live) this.recovered();
      });
    } catch (error) {
      session.signal.throwIfAborted();
      if (this.failures >= LEAVE_AFTER_FAILURES && session.canBeLeft) throw error;
      this.failed(error);
      this.activity = 'waiting';
      await pause(backoff(this.failures, this.context.options), session.signal);
      session.signal.throwIfAborted();
    }
  }

  private async open(lease: Lease, signal: AbortSignal): Promise<ProjectionSession> {
    const { context, projection, view } = this;
    const session = await ProjectionSession.open({ context, projection, view, lease, signal });
    this.seen = session.state;
    return session;
  }

  private async rebuildIn(session: ProjectionSession, begun?: (rebuild: Rebuild) => void): Promise<RebuildProgress> {
    const finished = session.begin('rebuild');
    try {
      const rebuild = new Rebuild(session);
      this.rebuilding = rebuild;
      begun?.(rebuild);
      return await rebuild.run();
    } finally {
      finished();
      this.seen = session.state;
    }
  }

  /** Waits for the lease; until then the view follows what its holder stores. */
  private async acquire(stop: AbortSignal, opened: () => void): Promise<Lease> {
    const acquired = new AbortController();
    const following = this.followHolder(AbortSignal.any([stop, acquired.signal]), opened);
    try {
      if (this.context.leases.instance !== undefined) await this.untilEventsAnswer(stop);
      return await this.context.leases.acquire(this.leaseName, stop);
    } finally {
      // What it has begun to look at is not shown after the new session's documents.
      acquired.abort();
      await following;
      this.runsElsewhere = false;
    }
  }

  /** Who cannot read the events leaves the lease to those who can. */
  private async untilEventsAnswer(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        await this.context.events.head();
        this.eventsAway = false;
        return;
      } catch (error) {
        this.eventsAway = true;
        this.failed(error);
        await pause(backoff(this.failures, this.context.options), stop);
      }
    }
  }

  private async followHolder(signal: AbortSignal, opened: () => void): Promise<void> {
    const { options } = this.context;
    for (let failures = 0; ;) {
      await pause(failures > 0 ? backoff(failures, options) : options.followWaitedMs, signal);
      if (signal.aborted) return;
      this.runsElsewhere = true;
      try {
        await this.look();
        if (signal.aborted) return;
        failures = 0;
        this.activity = this.eventsAway ? 'waiting' : 'following';
        if (!this.eventsAway) this.recovered();
      } catch (error) {
        failures++;
        this.activity = 'waiting';
        this.failed(error);
      }
      opened();
      if (failures === 0) await this.untilWanted(signal);
    }
  }

  /** The time between two looks: at once when someone waits for a position that has not been seen. */
  private async untilWanted(signal: AbortSignal): Promise<void> {
    const own = new AbortController();
    const { followEveryMs, followWaitedMs } = this.context.options;
    const over = pause(Math.max(0, followEveryMs - followWaitedMs), AbortSignal.any([signal, own.signal]));
    await Promise.race([over, this.view.applied.awaited()]);
    own.abort();
  }

  /** Shows what another instance has stored, unless this one runs the projection. Those who ask together look once. */
  private look(): Promise<void> {
    this.looking ??= this.lookNow().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  private async lookNow(): Promise<void> {
    const lookedAt = performance.now();
    const state = await this.loadState();
    if (!state) return;
    const collection = await this.context.readModels.collection<Document>({ name: state.collection });
    if (this.session?.isServing()) return;
    // What is replaced after the look stays for the whole of the time.
    const trustedFor = this.context.options.retireAfterMs / 2;
    this.view.show(collection, state.checkpoint, () => performance.now() - lookedAt < trustedFor);
    this.seen = state;
  }

  private async loadState(): Promise<ProjectionState | undefined> {
    const states = await ProjectionStates.open(this.context.readModels);
    return await states.load(this.projection.name);
  }

  /** A session is over: because another instance has taken over, or because something failed. */
  private ended(error: unknown): void {
    if (!(error instanceof LeaseLost || error instanceof StaleFence)) return this.failed(error);
    this.context.log.info({ projection: this.projection.name, reason: error.message }, 'projection.handed_over');
  }

  private failed(error: unknown): void {
    this.failures++;
    this.lastError = { message: messageOf(error), at: new Date(this.context.clock.now()).toISOString() };
    const line = { projection: this.projection.name, error: messageOf(error), failures: this.failures };
    this.context.log[this.outage.isNews(line.error) ? 'warn' : 'debug'](line, 'projection.waiting');
  }

  private recovered(): void {
    if (this.outage.over()) this.context.log.info({ projection: this.projection.name }, 'projection.resumed');
    this.failures = 0;
    this.lastError = null;
  }
}
