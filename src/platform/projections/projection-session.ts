import pLimit from 'p-limit';
import { messageOf } from '../errors.js';
import type { EventBatch } from '../event-store/event-store.port.js';
import { isHeld } from '../leases/leases.port.js';
import type { Lease } from '../leases/leases.port.js';
import type { Document, ProjectionBatch } from '../read-models/read-model-store.port.js';
import { Generation } from './generation.js';
import type { GenerationName, ReplayOutcome, WriteContext } from './generation.js';
import { PARKED_STREAMS, ParkedStreams, SKIPPED_EVENTS } from './parking.js';
import type { ParkedStream, SkippedEvent } from './parking.js';
import { pause } from './pause.js';
import type { ProjectionContext } from './projection-options.js';
import { collectionOf, collectionsOf, freeGeneration, ProjectionStates, stateWrite } from './projection-state.js';
import type { ProjectionState } from './projection-state.js';
import { ProjectionBusy, ProjectionOutdated, StreamNotParked } from './projection.errors.js';
import type { Projection } from './projection.js';
import type { ProjectionView } from './view.js';

/** What a session needs to begin. */
export interface SessionStart {
  readonly context: ProjectionContext;
  readonly projection: Projection;
  readonly view: ProjectionView<Document>;
  readonly lease: Lease;
  /** Ends the session. */
  readonly signal: AbortSignal;
}

/**
 * What may be done with a projection while its lease is held. Everything that touches the generation in use goes
 * through {@link exclusive}, one at a time, so that a retry by hand and the live loop neither lose nor double an event.
 */
export class ProjectionSession {
  readonly context: ProjectionContext;
  readonly projection: Projection;
  readonly signal: AbortSignal;
  /** Aborts when something failed after which memory and store may differ: the session must be opened anew. */
  private readonly broken = new AbortController();
  private readonly turn = pLimit(1);
  private operation: string | undefined;
  /** Collections that were in use until a moment ago. */
  private readonly spared = new Set<string>();
  private storing = false;

  private constructor(
    private readonly start: SessionStart,
    private current: ProjectionState,
    private generation: Generation,
    private readonly skipped: Set<string>,
  ) {
    this.context = start.context;
    this.projection = start.projection;
    this.signal = AbortSignal.any([start.signal, this.broken.signal]);
  }

  /** Loads what is stored, or makes the first generation; removes what an interrupted rebuild has left. */
  static async open(start: SessionStart): Promise<ProjectionSession> {
    const { context, projection } = start;
    const { readModels } = context;
    const states = await ProjectionStates.open(readModels);
    await readModels.collection<SkippedEvent>(SKIPPED_EVENTS);
    const history = await context.events.identity();
    const stored = await states.load(projection.name);
    if (stored && stored.history !== history) {
      context.log.warn({ projection: projection.name, was: stored.history, is: history }, 'projection.history_changed');
    }
    const usable = stored?.history === history ? stored : undefined;
    const opening = usable ?? firstState(start, history, await readModels.collectionNames());
    // The version that is in use may have had other indexes; they are there already.
    const { version, generation: number, collection, checkpoint } = opening;
    const indexes = version === projection.version ? { indexes: projection.indexes ?? [] } : {};
    const documents = await readModels.collection<Document>({ name: collection, ...indexes });
    // Written before more is read: from here on no write of an earlier holder can come in between.
    const isSealed = usable !== undefined && start.lease.fence === undefined;
    const state = isSealed ? opening : await storeState(start, opening);
    const parked = await ParkedStreams.load(readModels, projection.name, number, collection);
    const skipped = await loadSkipped(context, projection);
    const name = { version, generation: number, collection };
    const generation = new Generation(context, projection, name, documents, parked, skipped, checkpoint);
    const session = new ProjectionSession(start, state, generation, skipped);
    await session.openLeftovers();
    return session;
  }

  /** From now on queries see its documents. */
  serve(): void {
    this.start.view.show(this.generation.collection, this.generation.position, () => this.isServing());
  }

  /** False as soon as another instance may run the projection. */
  isServing(): boolean {
    const { lease } = this.start;
    return lease.fence === undefined || (!this.signal.aborted && isHeld(lease));
  }

  /** The generation in use. */
  get active(): Generation {
    return this.generation;
  }

  get state(): ProjectionState {
    return this.current;
  }

  /** True when the documents in use were made by another version of the projection, or lie beyond the events. */
  async mustRebuild(): Promise<boolean> {
    if (this.current.version !== this.projection.version) return true;
    const { checkpoint } = this.current;
    if (checkpoint === null) return false;
    const head = await this.context.events.head();
    if (head !== null && head >= checkpoint) return false;
    // Events are missing that have been applied: a backup was restored.
    this.context.log.warn(
      { projection: this.projection.name, checkpoint, head },
      'projection.checkpoint_beyond_events',
    );
    return true;
  }

  /** @throws {ProjectionOutdated} the documents in use are another version's, which this program cannot fold */
  refuseWhenOutdated(): void {
    const { name, version } = this.projection;
    if (this.current.version !== version) throw new ProjectionOutdated(name, this.current.version, version);
  }

  /** What goes with writes to a generation that is not in use yet. */
  get scratchWrite(): WriteContext {
    return { signal: this.signal, fence: this.start.lease.fence };
  }

  /** Runs `work` alone, all that was read being committed; not at all once the session has ended. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.turn(async () => {
      this.signal.throwIfAborted();
      await this.orBreak(() => this.generation.settle(this.activeWrite()));
      return await work();
    });
  }

  /** Resolves when nothing is in progress any more. */
  settled(): Promise<void> {
    return this.turn(() => undefined);
  }

  /** Others may run the projection instead, and nothing is under way here that they would have to begin again. */
  get canBeLeft(): boolean {
    return this.start.lease.fence !== undefined && this.operation === undefined;
  }

  /**
   * Begins a long operation; the answer ends it.
   *
   * @throws {ProjectionBusy} another one is under way
   */
  begin(operation: string): () => void {
    this.refuseWhileBusy();
    this.operation = operation;
    return () => {
      this.operation = undefined;
    };
  }

  /** Applies events to the documents in use. What fails here ends the session. */
  applyLive(batch: EventBatch): Promise<void> {
    return this.turn(async () => {
      this.signal.throwIfAborted();
      await this.orBreak(() => this.generation.apply(batch, this.activeWrite()));
      this.start.view.applied.value = this.generation.position;
      this.storeSoon();
    });
  }

  /** Other instances wait for what is stored, so a position that came without a write is stored soon all the same. */
  private storeSoon(): void {
    if (this.start.lease.fence === undefined || this.storing || !this.generation.isUnstored) return;
    this.storing = true;
    const store = async () => {
      await pause(this.context.options.storeFollowedMs, this.signal);
      await this.turn(async () => {
        this.storing = false;
        if (!this.signal.aborted) await this.orBreak(() => this.generation.flush(this.activeWrite()));
      });
    };
    // What fails has broken the session, which tells of it.
    store().catch(() => undefined);
  }

  /** Stores how far the documents in use are, also at the end, as long as nobody else may have taken over. */
  flush(): Promise<void> {
    return this.turn(async () => {
      if (this.broken.signal.aborted || !isHeld(this.start.lease)) return;
      await this.generation.settle(this.activeWrite());
      await this.generation.flush(this.activeWrite());
    });
  }

  /** @throws {StreamNotParked} @throws {ProjectionBusy} */
  async retry(stream: string): Promise<ReplayOutcome> {
    return await this.onParked(stream, (record) => this.generation.replay(record, this.activeWrite()));
  }

  /** Leaves out the event that failed and tries the rest. @throws {StreamNotParked} @throws {ProjectionBusy} */
  async skip(stream: string): Promise<ReplayOutcome> {
    return await this.onParked(stream, async (record) => {
      await this.generation.skip(this.skippedBecauseOf(record), this.activeWrite());
      return await this.generation.replay(record, this.activeWrite());
    });
  }

  /** A new, empty generation beside the one in use. */
  async newGeneration(): Promise<Generation> {
    const { version, name } = this.projection;
    const names = await this.context.readModels.collectionNames();
    const generation = freeGeneration(name, names, this.current.generation);
    return await this.emptyGeneration({ version, generation, collection: collectionOf(name, version, generation) });
  }

  async emptyGeneration(name: GenerationName): Promise<Generation> {
    const { readModels } = this.context;
    this.start.lease.assertHeld();
    await readModels.dropCollection(name.collection, this.start.lease.fence);
    const indexes = this.projection.indexes ?? [];
    const documents = await readModels.collection<Document>({ name: name.collection, indexes });
    const parked = ParkedStreams.none(name.collection);
    return new Generation(this.context, this.projection, name, documents, parked, this.skipped, null);
  }

  /** Takes a generation into use, from within {@link exclusive}, and retires the one before it. */
  async switchTo(next: Generation): Promise<void> {
    const { collection: retired } = this.current;
    const state = { ...this.current, ...next.name, checkpoint: next.position };
    this.current = await this.orBreak(() => storeState(this.start, state));
    this.generation = next;
    this.serve();
    this.context.log.info({ projection: this.projection.name, ...next.name, retired }, 'projection.switched');
    void this.retire([retired]);
  }

  /** At the beginning: what other instances may still read, because it was replaced a moment ago, is left for a while. */
  private async openLeftovers(): Promise<void> {
    if (this.start.lease.fence === undefined) return this.removeLeftovers();
    const names = collectionsOf(this.projection.name, await this.context.readModels.collectionNames());
    void this.retire(names.filter((name) => name !== this.current.collection));
  }

  /** Drops every collection and parked record of the projection that is not of the generation in use. */
  async removeLeftovers(): Promise<void> {
    const { readModels } = this.context;
    const { name } = this.projection;
    for (const left of collectionsOf(name, await readModels.collectionNames())) {
      if (left === this.current.collection || this.spared.has(left)) continue;
      // No fence goes with it, so it must be certain that no other instance has come to use this name.
      this.start.lease.assertHeld();
      await readModels.dropCollection(left, this.start.lease.fence);
    }
    const records = await readModels.collection<ParkedStream>(PARKED_STREAMS);
    const left = (await records.find({ where: { projection: name } })).filter(
      ({ document }) => document.generation !== this.current.generation,
    );
    if (left.length === 0) return;
    const beside = left.map(({ id }) => ({ collection: PARKED_STREAMS.name, id, document: null }));
    await commit(this.start, { collection: this.current.collection, writes: [], beside });
  }

  /** The same at the end of an operation, whose own outcome matters more: what stays, the next session removes. */
  async tidyUp(): Promise<void> {
    try {
      this.signal.throwIfAborted();
      await this.removeLeftovers();
    } catch (error) {
      this.context.log.info({ projection: this.projection.name, reason: messageOf(error) }, 'projection.tidy_up_later');
    }
  }

  /** Queries that chose an old collection just before it was replaced get the time to finish, on all instances. */
  private async retire(collections: readonly string[]): Promise<void> {
    for (const name of collections) this.spared.add(name);
    await pause(this.context.options.retireAfterMs, this.signal);
    for (const name of collections) this.spared.delete(name);
    if (!this.operation) await this.turn(() => this.tidyUp());
  }

  private async onParked(
    stream: string,
    work: (record: ParkedStream) => Promise<ReplayOutcome>,
  ): Promise<ReplayOutcome> {
    return await this.exclusive(async () => {
      this.refuseWhileBusy();
      this.refuseWhenOutdated();
      const record = this.generation.parked.get(stream);
      if (!record) throw new StreamNotParked(this.projection.name, stream);
      return await this.orBreak(() => work(record));
    });
  }

  /** A write that failed may have been made all the same, so memory is void and the session over. */
  private async orBreak<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.broken.abort(error);
      throw error;
    }
  }

  private skippedBecauseOf({ stream, revision, position, event_id, event_type, error }: ParkedStream): SkippedEvent {
    const { name: projection, version } = this.projection;
    const skipped_at = new Date(this.context.clock.now()).toISOString();
    return { projection, version, stream, revision, position, event_id, event_type, error, skipped_at };
  }

  private refuseWhileBusy(): void {
    if (this.operation) throw new ProjectionBusy(this.projection.name, this.operation);
  }

  private activeWrite(): WriteContext {
    const stateAt: WriteContext['stateAt'] = (checkpoint) =>
      stateWrite(stamped(this.context, { ...this.current, checkpoint }));
    return { ...this.scratchWrite, stateAt };
  }
}

function stamped({ clock, leases }: ProjectionContext, state: ProjectionState): ProjectionState {
  return { ...state, instance: leases.instance ?? null, updated_at: new Date(clock.now()).toISOString() };
}

async function storeState(start: SessionStart, state: ProjectionState): Promise<ProjectionState> {
  const current = stamped(start.context, state);
  await commit(start, { collection: current.collection, writes: [], beside: [stateWrite(current)] });
  return current;
}

async function commit(
  { context, lease: { fence } }: SessionStart,
  batch: Omit<ProjectionBatch, 'fence'>,
): Promise<void> {
  await context.readModels.commit({ ...batch, ...(fence && { fence }) });
}

function firstState(start: SessionStart, history: string, names: readonly string[]): ProjectionState {
  const { name, version } = start.projection;
  const generation = freeGeneration(name, names);
  const collection = collectionOf(name, version, generation);
  return {
    projection: name,
    version,
    generation,
    collection,
    checkpoint: null,
    history,
    instance: null,
    updated_at: '',
  };
}

async function loadSkipped(context: ProjectionContext, { name, version }: Projection): Promise<Set<string>> {
  const records = await context.readModels.collection<SkippedEvent>(SKIPPED_EVENTS);
  const found = await records.find({ where: { projection: name, version } });
  return new Set(found.map(({ document }) => document.event_id));
}
