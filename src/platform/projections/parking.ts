import type { Position } from '../event-store/event-store.port.js';
import type { CollectionDefinition, ReadModelStore } from '../read-models/read-model-store.port.js';
import type { BesideWrite } from './projection-state.js';

/** A stream whose event could not be applied. Its later events wait; all other streams go on. */
export interface ParkedStream {
  readonly projection: string;
  readonly generation: number;
  readonly stream: string;
  /** The event that could not be applied. */
  readonly revision: number;
  readonly position: Position;
  readonly event_id: string;
  readonly event_type: string;
  /** What it failed with, last. */
  readonly error: string;
  /** How often it was tried, by hand included. */
  readonly attempts: number;
  readonly parked_at: string;
  /** Later events of the stream that are held back. */
  readonly waiting: number;
}

/** An event that a person decided to leave out, for every generation of this version of the projection. */
export interface SkippedEvent {
  readonly projection: string;
  readonly version: number;
  readonly stream: string;
  readonly revision: number;
  readonly position: Position;
  readonly event_id: string;
  readonly event_type: string;
  readonly error: string;
  readonly skipped_at: string;
}

export const PARKED_STREAMS: CollectionDefinition = {
  name: 'parked_streams',
  indexes: [{ fields: ['projection', 'generation'] }],
};

export const SKIPPED_EVENTS: CollectionDefinition = {
  name: 'skipped_events',
  indexes: [{ fields: ['projection', 'version'] }],
};

/** The parked streams of one generation. Each has records of its own, so one being built does not disturb the other. */
export class ParkedStreams {
  private constructor(
    private readonly collection: string,
    private readonly streams: Map<string, ParkedStream>,
  ) {}

  /** @param collection of the generation; part of the records' ids */
  static async load(
    readModels: ReadModelStore,
    projection: string,
    generation: number,
    collection: string,
  ): Promise<ParkedStreams> {
    const records = await readModels.collection<ParkedStream>(PARKED_STREAMS);
    const found = await records.find({ where: { projection, generation } });
    return new ParkedStreams(collection, new Map(found.map(({ document }) => [document.stream, document])));
  }

  /** For a collection that nobody keeps. */
  static none(collection: string): ParkedStreams {
    return new ParkedStreams(collection, new Map());
  }

  get size(): number {
    return this.streams.size;
  }

  get(stream: string): ParkedStream | undefined {
    return this.streams.get(stream);
  }

  /** Changes that take effect here when their commit has succeeded. */
  change(): ParkedChanges {
    return new ParkedChanges(this.collection, this.streams);
  }
}

/** What one commit changes about the parked streams. */
export class ParkedChanges {
  private readonly changed = new Map<string, ParkedStream | null>();

  constructor(
    private readonly collection: string,
    private readonly streams: Map<string, ParkedStream>,
  ) {}

  /** True while no stream at all is parked, which is nearly always. */
  get none(): boolean {
    return this.streams.size === 0 && this.changed.size === 0;
  }

  get(stream: string): ParkedStream | undefined {
    const changed = this.changed.get(stream);
    return changed === undefined ? this.streams.get(stream) : (changed ?? undefined);
  }

  park(record: ParkedStream): void {
    this.changed.set(record.stream, record);
  }

  release(stream: string): void {
    this.changed.set(stream, null);
  }

  /** One more event waits, if its stream is parked. */
  holdBack(stream: string): boolean {
    const record = this.get(stream);
    if (record) this.changed.set(stream, { ...record, waiting: record.waiting + 1 });
    return record !== undefined;
  }

  writes(): BesideWrite[] {
    return [...this.changed].map(([stream, document]) => ({
      collection: PARKED_STREAMS.name,
      id: `${this.collection}/${stream}`,
      document,
    }));
  }

  /** The commit has succeeded. */
  accept(): void {
    for (const [stream, record] of this.changed) {
      if (record) this.streams.set(stream, record);
      else this.streams.delete(stream);
    }
  }
}
