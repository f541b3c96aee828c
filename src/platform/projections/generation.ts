import { LRUCache } from 'lru-cache';
import type { EventBatch, Position, RecordedEvent } from '../event-store/event-store.port.js';
import type { Collection, Document, Fence } from '../read-models/read-model-store.port.js';
import { BatchFold } from './batch-fold.js';
import type { KnownDocument } from './batch-fold.js';
import { SKIPPED_EVENTS } from './parking.js';
import type { ParkedChanges, ParkedStream, ParkedStreams, SkippedEvent } from './parking.js';
import type { ProjectionContext } from './projection-options.js';
import type { BesideWrite } from './projection-state.js';
import type { Projection } from './projection.js';

/** What a generation is called. */
export interface GenerationName {
  readonly version: number;
  readonly generation: number;
  readonly collection: string;
}

/** What goes with every write. */
export interface WriteContext {
  readonly signal: AbortSignal;
  readonly fence: Fence | undefined;
  /** The state that records a checkpoint; absent for a generation that is not in use yet. */
  readonly stateAt?: (checkpoint: Position | null) => BesideWrite;
}

/** Events that are folded and not committed yet. */
interface Uncommitted {
  readonly fold: BatchFold;
  readonly changes: ParkedChanges;
  /** Of the last of them. */
  readonly position: Position;
}

/** What came of trying a parked stream again. */
export interface ReplayOutcome {
  /** Events applied now. */
  readonly applied: number;
  /** The stream's record as it stands now; null: it is parked no longer. */
  readonly parked: ParkedStream | null;
}

/**
 * One build of a projection's documents, in a collection of its own: applies batches of events to it and knows how far
 * it is. Calls must not overlap; after one that throws, what is in memory is void and has to be loaded again.
 */
export class Generation {
  /** Documents it has made, less those it has deleted, since it was opened. */
  documents = 0;
  /**
   * The documents last written or read. Nobody else writes them while the lease is held, so they are as stored; where
   * a write of an earlier holder arrives late, it is what follows from the same events (and guarded by its position).
   */
  private readonly known: LRUCache<string, KnownDocument>;
  private uncommitted: Uncommitted | undefined;
  private persisted: Position | null;
  private persistedAt: number;

  constructor(
    private readonly context: ProjectionContext,
    private readonly projection: Projection,
    readonly name: GenerationName,
    readonly collection: Collection<Document>,
    readonly parked: ParkedStreams,
    private readonly skipped: Set<string>,
    /** Everything up to here is committed: applied, parked or no affair of the projection's. */
    public position: Position | null,
  ) {
    this.persisted = position;
    this.persistedAt = context.clock.now();
    this.known = new LRUCache({ max: context.options.keepDocuments });
  }

  /** Everything up to here is in the documents or, while more comes, waits to be committed. */
  get readTo(): Position | null {
    return this.uncommitted?.position ?? this.position;
  }

  /**
   * Applies what of the batch is new. Documents, parked streams and checkpoint are committed as one: at once when nothing
   * is beyond the batch, else when thousands of events have come together, so that each document is written once for all
   * of them.
   */
  async apply(batch: EventBatch, write: WriteContext): Promise<void> {
    const { readTo } = this;
    if (batch.position === null || (readTo !== null && batch.position <= readTo)) return;
    const first = batch.events[0];
    const isNew = readTo === null || !first || first.position > readTo;
    const events = isNew ? batch.events : batch.events.filter((event) => event.position > readTo);

    const changes = this.uncommitted?.changes ?? this.parked.change();
    const fold = this.uncommitted?.fold ?? this.fold(changes);
    await fold.fold(events, write.signal);
    write.signal.throwIfAborted();
    this.uncommitted = { fold, changes, position: batch.position };
    const { commitAfterEvents, commitAfterDocuments } = this.context.options;
    const isMuch = fold.taken >= commitAfterEvents || fold.documents >= commitAfterDocuments;
    if (batch.live || isMuch || this.checkpointIsDue()) await this.settle(write);
  }

  /** Commits what waits. Before anything but {@link apply} is done with the documents. */
  async settle(write: WriteContext): Promise<void> {
    if (!this.uncommitted) return;
    const { fold, changes, position } = this.uncommitted;
    const writes = fold.writes();
    const parked = changes.writes();
    if (writes.length > 0 || parked.length > 0) {
      const beside = write.stateAt ? [...parked, write.stateAt(position)] : parked;
      await this.commit(writes, beside, write);
      this.markPersisted(position);
      changes.accept();
      this.documents += fold.documentsAdded;
    }
    fold.remember();
    this.uncommitted = undefined;
    this.position = position;
    if (this.checkpointIsDue()) await this.flush(write);
  }

  /** True while the stored checkpoint is behind. */
  get isUnstored(): boolean {
    return this.persisted !== this.position;
  }

  /** Stores the checkpoint, if it has moved since it was last stored. */
  async flush(write: WriteContext): Promise<void> {
    if (!this.isUnstored || !write.stateAt) return;
    await this.commit([], [write.stateAt(this.position)], write);
    this.markPersisted(this.position);
  }

  /**
   * Tries a parked stream again, from the event that failed up to where this generation is. What comes of it, the
   * documents and that the stream is parked no longer or elsewhere, is one commit.
   */
  async replay(record: ParkedStream, write: WriteContext): Promise<ReplayOutcome> {
    const changes = this.parked.change();
    changes.release(record.stream);
    const fold = this.fold(changes, record);
    for await (const events of this.heldBack(record)) await fold.fold(events, write.signal);
    await this.commit(fold.writes(), changes.writes(), write);
    changes.accept();
    fold.remember();
    this.documents += fold.documentsAdded;
    return { applied: fold.applied, parked: this.parked.get(record.stream) ?? null };
  }

  /** Leaves an event out from now on. */
  async skip(event: SkippedEvent, write: WriteContext): Promise<void> {
    const id = `${event.projection}/${event.version}/${event.event_id}`;
    await this.commit([], [{ collection: SKIPPED_EVENTS.name, id, document: event }], write);
    this.skipped.add(event.event_id);
  }

  /** The failed event and what waits behind it, in batches. */
  private async *heldBack(record: ParkedStream): AsyncGenerator<RecordedEvent[]> {
    const types = new Set(this.projection.eventTypes);
    let batch: RecordedEvent[] = [];
    for await (const event of this.context.events.readStream(record.stream, { from: record.revision })) {
      if (this.position === null || event.position > this.position) break;
      if (!types.has(event.type)) continue;
      batch.push(event);
      if (batch.length < this.context.options.batchSize) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  private fold(changes: ParkedChanges, before?: ParkedStream): BatchFold {
    return new BatchFold(
      {
        projection: this.projection,
        codec: this.context.codec,
        collection: this.collection,
        skipped: this.skipped,
        known: this.known,
        options: this.context.options,
        park: (event, error, attempts) => {
          changes.park(this.parkedBecause(event, error, attempts, before));
          this.logParked(event, error);
        },
      },
      changes,
    );
  }

  private parkedBecause(event: RecordedEvent, error: string, attempts: number, before?: ParkedStream): ParkedStream {
    const again = before?.event_id === event.id ? before : undefined;
    return {
      projection: this.projection.name,
      generation: this.name.generation,
      stream: event.stream,
      revision: event.revision,
      position: event.position,
      event_id: event.id,
      event_type: event.type,
      error,
      attempts: attempts + (again?.attempts ?? 0),
      parked_at: again?.parked_at ?? new Date(this.context.clock.now()).toISOString(),
      waiting: 0,
    };
  }

  private logParked(event: RecordedEvent, error: string): void {
    const { stream, revision, type } = event;
    this.context.log.error({ ...this.name, stream, revision, type, error }, 'projection.stream_parked');
  }

  private async commit(
    writes: ReturnType<BatchFold['writes']>,
    beside: readonly BesideWrite[],
    { fence }: WriteContext,
  ): Promise<void> {
    const collection = this.collection.name;
    await this.context.readModels.commit({ collection, writes, beside, ...(fence && { fence }) });
  }

  private checkpointIsDue(): boolean {
    return this.context.clock.now() - this.persistedAt >= this.context.options.checkpointEveryMs;
  }

  private markPersisted(position: Position | null): void {
    this.persisted = position;
    this.persistedAt = this.context.clock.now();
  }
}
