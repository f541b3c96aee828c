import { messageOf } from '../errors.js';
import type { DecodedEvent, EventCodec } from '../event-store/event-codec.js';
import type { Position, RecordedEvent } from '../event-store/event-store.port.js';
import type { Collection, Document, DocumentWrite } from '../read-models/read-model-store.port.js';
import type { ParkedChanges } from './parking.js';
import { pause } from './pause.js';
import type { ProjectionOptions } from './projection-options.js';
import type { Projection } from './projection.js';

/** What a batch is folded with. */
export interface FoldContext {
  readonly projection: Projection;
  readonly codec: EventCodec;
  readonly collection: Collection<Document>;
  /** Ids of events to leave out. */
  readonly skipped: ReadonlySet<string>;
  /** Documents as the store has them, by id: these are not read again. */
  readonly known: KnownDocuments;
  readonly options: Pick<ProjectionOptions, 'applyAttempts' | 'applyRetryMs'>;
  /** Puts a stream aside because of this event. */
  park(event: RecordedEvent, error: string, attempts: number): void;
}

/** A document as it is stored; without content: there is none, or it was deleted by the event at its position. */
export interface KnownDocument {
  readonly document: Document | undefined;
  readonly position: Position | null;
}

/** Where {@link BatchFold} looks for documents before it asks the store. */
export interface KnownDocuments {
  get(id: string): KnownDocument | undefined;
  set(id: string, known: KnownDocument): unknown;
}

/** A document while a batch is folded onto it. */
interface Cell {
  document: Document | undefined;
  /** Of the last event that changed it. */
  position: Position | null;
  /** The stream it belongs to, once an event of this batch has been applied. */
  stream: string | undefined;
  changed: boolean;
  readonly existed: boolean;
}

/** An event on its way: decoded and with its document's id, or with what went wrong. */
interface Step {
  readonly recorded: RecordedEvent;
  decoded: DecodedEvent | undefined;
  id: string | undefined;
  failure: Failure | undefined;
}

interface Failure {
  readonly error: unknown;
}

/**
 * Folds one batch of events onto the documents: each document is loaded once, and all that is done to it becomes one
 * write. While nothing fails there is no waiting between two events.
 */
export class BatchFold {
  /** Events applied, those that changed nothing included. */
  applied = 0;
  /** Events taken, those left out included. */
  taken = 0;
  private readonly cells = new Map<string, Cell>();

  constructor(
    private readonly context: FoldContext,
    private readonly parked: ParkedChanges,
  ) {}

  /** May be called again with later events. @throws the signal's reason when it aborts between two tries */
  async fold(events: readonly RecordedEvent[], signal: AbortSignal): Promise<void> {
    const steps = events.map((recorded) => this.prepare(recorded));
    await this.load(steps.map((step) => step.id));
    this.taken += steps.length;
    for (const step of steps) {
      const { recorded } = step;
      if (!this.parked.none && this.parked.holdBack(recorded.stream)) continue;
      if (this.isSkipped(recorded)) continue;
      const failure = this.apply(step);
      if (failure) await this.tryAgain(step, failure, signal);
    }
  }

  /** One write for each document that has changed. */
  writes(): DocumentWrite[] {
    const writes: DocumentWrite[] = [];
    for (const [id, { changed, document, position }] of this.cells) {
      if (changed && position !== null) writes.push({ id, document: document ?? null, position });
    }
    return writes;
  }

  /** Once the writes have been made: notes what the store now has. */
  remember(): void {
    for (const [id, { document, position }] of this.cells) this.context.known.set(id, { document, position });
  }

  /** Documents it holds, changed or not. */
  get documents(): number {
    return this.cells.size;
  }

  /** How many more documents exist after this batch than before it. */
  get documentsAdded(): number {
    let added = 0;
    for (const { existed, document } of this.cells.values()) added += Number(document !== undefined) - Number(existed);
    return added;
  }

  private prepare(recorded: RecordedEvent): Step {
    const step: Step = { recorded, decoded: undefined, id: undefined, failure: undefined };
    const leftOut = this.isSkipped(recorded) || (!this.parked.none && this.parked.get(recorded.stream));
    if (!leftOut) this.decode(step);
    return step;
  }

  private isSkipped({ id }: RecordedEvent): boolean {
    const { skipped } = this.context;
    return skipped.size > 0 && skipped.has(id);
  }

  private decode(step: Step): void {
    try {
      step.failure = undefined;
      step.decoded = this.context.codec.decode(step.recorded);
      step.id = this.context.projection.documentId(step.decoded);
    } catch (error) {
      step.failure = { error };
    }
  }

  private async load(ids: readonly (string | undefined)[]): Promise<void> {
    const wanted = new Set<string>();
    for (const id of ids) {
      if (id === undefined || this.cells.has(id)) continue;
      const known = this.context.known.get(id);
      if (known) this.cells.set(id, cellOf(known));
      else wanted.add(id);
    }
    if (wanted.size === 0) return;
    for (const { id, position, document } of await this.context.collection.getManyWithDeleted([...wanted])) {
      this.cells.set(id, cellOf({ document: document ?? undefined, position }));
      wanted.delete(id);
    }
    for (const id of wanted) this.cells.set(id, cellOf({ document: undefined, position: null }));
  }

  private apply(step: Step): Failure | undefined {
    const { recorded, decoded, id, failure } = step;
    if (failure) return failure;
    const cell = id === undefined ? undefined : this.cells.get(id);
    if (!decoded || !cell) return { error: new Error('The projection named no document for it.') };
    if (cell.position !== null && recorded.position <= cell.position) return undefined;
    try {
      this.applyTo(cell, decoded);
      this.applied++;
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  private applyTo(cell: Cell, event: DecodedEvent): void {
    if (cell.stream !== undefined && cell.stream !== event.stream) {
      throw new Error(`Its document also takes events of stream '${cell.stream}'; it must belong to one stream.`);
    }
    const next: Document | null | undefined = this.context.projection.apply(cell.document, event);
    if (next === undefined) throw new Error('The projection returned neither a document nor null.');
    cell.stream = event.stream;
    if (next === (cell.document ?? null)) return;
    cell.document = next ?? undefined;
    cell.position = event.position;
    cell.changed = true;
  }

  private async tryAgain(step: Step, first: Failure, signal: AbortSignal): Promise<void> {
    const { applyAttempts, applyRetryMs } = this.context.options;
    let failure: Failure | undefined = first;
    let attempts = 1;
    while (failure && attempts < applyAttempts) {
      await pause(applyRetryMs * 2 ** (attempts - 1), signal);
      signal.throwIfAborted();
      attempts++;
      this.decode(step);
      await this.load([step.id]);
      failure = this.apply(step);
    }
    if (failure) this.context.park(step.recorded, messageOf(failure.error), attempts);
  }
}

function cellOf({ document, position }: KnownDocument): Cell {
  return { document, position, stream: undefined, changed: false, existed: document !== undefined };
}
