import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { ManualClock } from '../../src/platform/clock.js';
import { EventCodec } from '../../src/platform/event-store/event-codec.js';
import type { NewEvent, Position } from '../../src/platform/event-store/event-store.port.js';
import type { Leases } from '../../src/platform/leases/leases.port.js';
import { SoloLeases } from '../../src/platform/leases/solo-leases.js';
import { ProjectionEngine } from '../../src/platform/projections/projection-engine.js';
import type { ProjectionOptions } from '../../src/platform/projections/projection-engine.js';
import { defineProjection, idOfStream } from '../../src/platform/projections/projection.js';
import type { Projection } from '../../src/platform/projections/projection.js';
import { EmbeddedReadModelStore } from '../../src/platform/read-models/embedded/embedded-read-model-store.js';
import { FaultyReadModelStore } from './faulty-read-model-store.js';
import { MemoryEventStore } from './memory-event-store.js';

export interface Noted {
  readonly type: 'Noted';
  readonly data: { readonly text: string };
}
export interface Cleared {
  readonly type: 'Cleared';
  readonly data: object;
}
export type NoteEvent = Noted | Cleared;

/** All texts of a stream in order, so that a lost, doubled or disordered event shows. */
export interface Notes {
  readonly texts: readonly string[];
}

/** Ids of events that cannot be applied at present. */
export type Poison = Set<string>;

export function notesProjection(poison: Poison = new Set(), version = 1): Projection<Notes, NoteEvent> {
  return defineProjection<Notes, NoteEvent>({
    name: 'notes',
    version,
    category: 'note',
    eventTypes: ['Noted', 'Cleared'],
    documentId: ({ stream }) => idOfStream(stream),
    apply(document, { id, event }) {
      if (poison.has(id)) throw new Error(`Poison: ${id}`);
      if (event.type === 'Cleared') return null;
      const text = version === 1 ? event.data.text : `${event.data.text} (v${version})`;
      return { texts: [...(document?.texts ?? []), text] };
    },
  });
}

const FAST: Partial<ProjectionOptions> = {
  backoffMinMs: 1,
  backoffMaxMs: 4,
  applyRetryMs: 1,
  stallAfterMs: 15,
  followEveryMs: 3,
  retireAfterMs: 0,
};

/** Engines over one memory event store and one embedded read-model store with faults. */
export class ProjectionFixture {
  readonly clock = new ManualClock(Date.parse('2026-03-01T12:00:00Z'));
  readonly events = new MemoryEventStore(() => this.clock.now());
  private readonly engines: ProjectionEngine[] = [];

  private constructor(
    private readonly directory: string,
    readonly readModels: FaultyReadModelStore,
  ) {}

  static async open(): Promise<ProjectionFixture> {
    const directory = await mkdtemp(join(tmpdir(), 'dormouse-projections-'));
    const store = EmbeddedReadModelStore.open(join(directory, 'read-models.db'));
    return new ProjectionFixture(directory, new FaultyReadModelStore(store));
  }

  /** An engine, not started; stopped by {@link close}. Without `leases` it is alone, as after a restart. */
  engine(
    projection: Projection<Notes, NoteEvent> = notesProjection(),
    options: Partial<ProjectionOptions> = {},
    leases: Leases = new SoloLeases(),
  ): ProjectionEngine {
    const codec = new EventCodec();
    codec.register({ Noted: { version: 1 }, Cleared: { version: 1 }, Ignored: { version: 1 } });
    const { events, readModels, clock } = this;
    const log = pino({ level: 'silent' });
    const engine = new ProjectionEngine({
      events,
      readModels,
      codec,
      leases,
      clock,
      log,
      // Unless told otherwise each batch is committed by itself: a small batch is to mean many commits.
      options: { ...FAST, ...(options.batchSize && { commitAfterEvents: options.batchSize }), ...options },
    });
    engine.register(projection);
    this.engines.push(engine);
    return engine;
  }

  /** The same, started. */
  async started(...args: Parameters<ProjectionFixture['engine']>): Promise<ProjectionEngine> {
    const engine = this.engine(...args);
    await engine.start();
    return engine;
  }

  /** Appends one `Noted` for each text. */
  async note(id: string, ...texts: string[]): Promise<{ readonly position: Position; readonly ids: string[] }> {
    return await this.append(
      `note-${id}`,
      texts.map((text) => ({ type: 'Noted', data: { text } })),
    );
  }

  async append(
    stream: string,
    events: readonly Pick<NewEvent, 'type' | 'data'>[],
    schemaVersion = 1,
  ): Promise<{ readonly position: Position; readonly ids: string[] }> {
    const recorded = events.map((event): NewEvent => {
      const id = randomUUID();
      const metadata = {
        $correlationId: id,
        $causationId: id,
        schema_version: schemaVersion,
        time: '',
        actor: 'test',
        command_id: id,
      };
      return { id, ...event, metadata };
    });
    const { position } = await this.events.append(stream, recorded, 'any');
    return { position, ids: recorded.map(({ id }) => id) };
  }

  /** What the view serves, by id. */
  async served(engine: ProjectionEngine): Promise<Record<string, readonly string[]>> {
    const found = await engine.view<Notes>('notes').find({});
    return Object.fromEntries(found.map(({ id, document }) => [id, document.texts]));
  }

  /** What the events make when some are left out. */
  folded(leftOut: ReadonlySet<string> = new Set(), version = 1): Record<string, readonly string[]> {
    const projection = notesProjection(new Set(), version);
    const documents = new Map<string, Notes>();
    for (const recorded of this.events.all()) {
      if (!recorded.stream.startsWith('note-') || leftOut.has(recorded.id)) continue;
      const { type, data, ...rest } = recorded;
      if (type !== 'Noted' && type !== 'Cleared') continue;
      const id = idOfStream(recorded.stream);
      const event = { type, data } as NoteEvent;
      const document = projection.apply(documents.get(id), { ...rest, event });
      if (document) documents.set(id, document);
      else documents.delete(id);
    }
    return Object.fromEntries([...documents].map(([id, { texts }]) => [id, texts]));
  }

  async close(): Promise<void> {
    await Promise.all(this.engines.map((engine) => engine.stop()));
    await this.readModels.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
